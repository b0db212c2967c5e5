"""`sensei images`: what has to be in the registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensei_tui.cli.install import SITE
from sensei_tui.cli.output import emit, note, output_option

if TYPE_CHECKING:
    from sensei_tui.site.site import Site
    from sensei_tui.site.values import Values


@click.command()
@SITE
@output_option
@click.option("-f", "--values", "files", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Take these values files instead of the site's; later ones win.")  # fmt: skip
def images(site: Path | None, output: str, files: tuple[Path, ...]) -> None:
    """The images and artifacts that the rendered charts need, one a line. Asks no cluster, and needs no secret."""
    from sensei_tui.helm.images import needed

    found = found_site(site)
    pulled = needed(values_of(found, files), found)
    emit(pulled, [item.name for item in pulled], output)


def found_site(named: Path | None) -> Site | None:
    """The site named or found; None where there is none, as on the machine that gets the images."""
    from sensei_tui.cli.install import open_site
    from sensei_tui.site.site import SiteNotFound

    try:
        return open_site(named)
    except SiteNotFound:
        if named is not None:
            raise
        return None


def values_of(site: Site | None, files: tuple[Path, ...]) -> dict[str, Any]:
    """The site's values, or those of the files, checked. Raises UsageError (InvalidSite, ValuesError)."""
    from sensei_tui.deploy.prepare import refuse
    from sensei_tui.site.validate import validate

    values = _values(site, files)
    # Whose licence it will be is not known where the images are fetched.
    refuse(problem for problem in validate(values) if problem.path != "license.key")
    return values.tree


def _values(site: Site | None, files: tuple[Path, ...]) -> Values:
    from sensei_tui.site import yamlfile
    from sensei_tui.site.values import load_values, merge_documents

    if site is not None and not files:
        return load_values(site)
    if not files:
        note("No site here and no values given: the charts' defaults.")
    return merge_documents([(file, yamlfile.parse(yamlfile.read(file), file)) for file in files])
