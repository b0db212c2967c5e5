"""The console: `python -m sensei_tui.console SITE`, or `sensei` alone. The terminal comes before Textual."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensei_tui.site.site import Site


def main() -> int:
    """Open the console on the site named as the only argument, else on the one here; returns the exit code."""
    from sensei_tui.site.site import Site

    return open_on(Site.open(Path(sys.argv[1])) if len(sys.argv) > 1 else Site.find())


def open_on(site: Site) -> int:
    """Open the console on a site in this process, again where another profile is chosen in it."""
    from sensei_tui.terminal.profile import PLAIN, SWITCHED, prepare_environment

    while True:
        if prepare_environment() is PLAIN:
            from sensei_tui.plain import run
        else:
            from sensei_tui.app import run
        code = run(site)
        if code != SWITCHED:
            return code


if __name__ == "__main__":
    sys.exit(main())
