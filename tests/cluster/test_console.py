"""The main job by keys in the console, on a real cluster, by the documented operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.app import SenseiApp
from sensei_tui.terminal.profile import RICH
from tests.cluster.real import Place
from tests.cluster.sites import change, sited
from tests.e2e.pilot import shown
from tests.e2e.sites import API_KEY, SiteUnderTest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def site(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteUnderTest]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    with sited(place, tmp_path / "site") as found:
        yield found


async def test_install_upgrade_failure_rollback_and_uninstall(site: SiteUnderTest, place: Place) -> None:
    app = SenseiApp(site.site, RICH)
    async with app.run_test(size=(100, 40)) as pilot:

        async def start(kind: str) -> None:
            """From a plan on the Deploy screen to the end of its run."""
            await shown(pilot, f"The plan: {kind}", "Nothing has been changed yet")
            await pilot.press("s")
            await shown(pilot, f"Start {kind}")
            await pilot.press(*([*place.namespace, "enter"] if kind == "uninstall" else ["y"]))

        await shown(pilot, "5 of 5 nodes ready")
        await pilot.press("2")
        await shown(pilot, "FAIL 0", "cap.nodes")
        await pilot.press("escape", "3")
        await start("install")
        await shown(pilot, "Done in", "run 0001", seconds=120)
        await pilot.press("escape", "4")
        await shown(pilot, "all 13 components ready")

        change(site, "kora:\n    replicas: 2", "kora:\n    replicas: 3")
        await pilot.press("escape", "3", "n")
        await start("upgrade")
        await shown(pilot, "Done in", "run 0002", seconds=120)

        # No pod more: the upgrade's hook can't run, and the screen says why.
        place.admin.kubectl("create", "quota", "tight", "--hard=pods=0")
        change(site, "kora:\n    replicas: 3", "kora:\n    replicas: 5")
        await pilot.press("n")
        await start("upgrade")
        await shown(pilot, "Not ready yet", "Job/sensei-backup", "exceeded", seconds=120)
        await pilot.press("c")
        await shown(pilot, "Cancel run 0003?")
        await pilot.press("y")
        await shown(pilot, "cancelled", seconds=60)
        place.admin.kubectl("delete", "quota", "tight")

        await pilot.press("escape", "5")
        await shown(pilot, "History")
        await pilot.press("b")
        await shown(pilot, "which revision?")
        await pilot.press("1", "enter")
        await start("rollback")
        await shown(pilot, "Done in", "run 0004", seconds=120)
        kora = site.kubectl("get", "deployment", "sensei-kora")
        assert kora["spec"]["replicas"] == kora["status"]["readyReplicas"] == 2

        await pilot.press("escape", "5")
        await shown(pilot, "0004")
        await pilot.press("u")
        await shown(pilot, "What goes and what stays", "the volumes of the data stores stay")
        await start("uninstall")
        await shown(pilot, "Done in", "run 0005", seconds=120)
        assert site.helm_releases() == []
        await pilot.press("escape")
        await shown(pilot, "nothing deployed yet")
