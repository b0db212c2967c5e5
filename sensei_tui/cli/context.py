"""What commands share: the site they work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensei_tui.site.site import Site


def site_of(ctx: click.Context) -> Site:
    """The site named with --site, by SENSEI_SITE, or above the current directory. Raises SiteNotFound."""
    from sensei_tui.site.site import Site

    named = ctx.find_root().obj
    return Site.open(Path(named)) if named else Site.find()
