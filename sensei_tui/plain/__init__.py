"""The console without cursor movement: lines that are only appended, and numbered answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensei_tui.site.site import Site


def run(site: Site) -> int:
    """Open the plain console on a site, on standard input and output; returns the exit code."""
    from sensei_tui.plain.console import open_on

    return open_on(site)
