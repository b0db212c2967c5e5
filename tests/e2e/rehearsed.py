"""A rehearsal site for tests, with its simulated cluster in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensei_tui.rehearsal import launch
from sensei_tui.site.new import create_site
from tests.e2e.sites import SiteUnderTest, end_runs


@contextmanager
def rehearsed(root: Path, scenario: str = "") -> Iterator[SiteUnderTest]:
    """A fresh rehearsal site with the guide's values, planted secrets and a running cluster; all ended afterwards."""
    site = create_site(root, name="test", rehearsal=True)
    file = root / "scenario.yaml"
    if scenario:
        file.write_text(scenario)
    launch.start(site.rehearsal_dir, scenario=file if scenario else None)
    try:
        yield SiteUnderTest(site)
    finally:
        end_runs(site)
        launch.stop(site.rehearsal_dir)
