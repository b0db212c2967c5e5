"""The Bundle screen by keys: a bundle is named, agreed to, and loaded into a real registry by a site without a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.app import SenseiApp
from sensei_tui.runs.model import RunState
from sensei_tui.site.site import Site
from sensei_tui.terminal.profile import RICH
from tests.e2e.pilot import screen_text, shown, until
from tests.e2e.sites import SiteUnderTest
from tests.e2e.test_bundle_run import bundle_of, layout, site  # noqa: F401
from tests.registry.real import PROGRAM, Real, started

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(PROGRAM is None, reason="docker-registry is not installed")
async def test_from_no_bundle_to_a_loaded_one_without_a_cluster(site: SiteUnderTest, tmp_path: Path) -> None:  # noqa: F811
    with started(Real(tmp_path / "registry")) as real:
        place = f"127.0.0.1:{real.port}/sensei"
        site.sensei("site", "set", "--registry", place, "--registry-plain-http", "--version", "1.1.0")
        site.sensei("config", "set", "global.imageRegistry", place)
        app = SenseiApp(Site.open(site.site.root), RICH)
        async with app.run_test(size=(80, 24)) as pilot:
            await shown(pilot, "What to do next")
            await pilot.press("6")
            await shown(pilot, "The site names no bundle")
            assert "verify" not in screen_text(app)
            await pilot.press("u")
            await shown(pilot, "Path of the bundle")
            await pilot.press(*str(bundle_of(site)), "enter")
            await shown(pilot, "The bundle is not signed.", "older than 1.1.0", "Use it all the same?")
            await pilot.press("y")
            await shown(pilot, "all 10 images of the charts", "The site accepts that", "verify", "load")
            await pilot.press("v")
            await shown(pilot, "every byte")
            await pilot.press("l")
            await shown(pilot, f"The plan: load 1.0.0 on {place}", "Prove the images")
            await pilot.press("s")
            await shown(pilot, f"Start load 1.0.0 on {place}?")
            await pilot.press("y")
            await shown(pilot, "run 0001", "Done in", seconds=60)
        await until(pilot, lambda: site.run().view().state is RunState.DONE)
        said = site.run().journal.read_text()
        assert "to send, for which the registry needs room; 0 B are there" in said
