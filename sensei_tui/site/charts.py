"""Where the two charts are, and their versions."""

from __future__ import annotations

from pathlib import Path

from sensei_tui.base.errors import UsageError
from sensei_tui.site import yamlfile
from sensei_tui.site.site import Site

DEPENDENCIES_RELEASE = "sensei-deps"
SENSEI_RELEASE = "sensei"
CHARTS = {DEPENDENCIES_RELEASE: "dependencies", SENSEI_RELEASE: "sensei-full"}
"""Release name -> chart name, in the order they are installed."""

LATEST = "latest"
"""As a backup's name: the newest complete one."""


def charts_dir(site: Site | None = None) -> Path:
    """The site's own charts, else those of the package, else those beside it in a checkout."""
    package = Path(__file__).parents[1]
    candidates = [site.root / "charts"] if site else []
    candidates += [package / "charts", package.parent / "charts"]
    return next((path for path in candidates if path.is_dir()), candidates[-1])


def chart_dir(name: str, site: Site | None = None) -> Path:
    """One chart's directory. Raises UsageError if it is not there."""
    path = charts_dir(site) / name
    if not (path / "Chart.yaml").is_file():
        raise UsageError(
            "The chart is missing.", where=str(path), remedy="Put the vendor's charts into the site's 'charts'."
        )
    return path


def chart_version(name: str, site: Site | None = None) -> str:
    """`version` of Chart.yaml. Raises UsageError, YamlError."""
    file = chart_dir(name, site) / "Chart.yaml"
    document = yamlfile.parse(yamlfile.read(file), file) or {}
    return str(document.get("version", ""))
