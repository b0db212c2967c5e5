"""The whole main job by keys in the console, against the simulated cluster: real engine, real runner, real journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.app import SenseiApp
from sensei_tui.runs.model import RunState
from sensei_tui.site.new import create_site
from sensei_tui.terminal.profile import RICH
from tests.e2e.pilot import shown, until
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import API_KEY

pytestmark = pytest.mark.e2e


async def test_install_from_an_empty_site_to_a_green_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    with rehearsed(tmp_path / "site") as found:
        app = SenseiApp(found.site, RICH)
        async with app.run_test(size=(80, 24)) as pilot:
            await shown(pilot, "Check the cluster and this host", "5 of 5 nodes ready")
            await pilot.press("1")
            await shown(pilot, "Configure", "sensei.internal.example")
            await pilot.press("v")
            await pilot.press("escape", "escape", "2")
            await shown(pilot, "FAIL 0", "cap.nodes")
            await pilot.press("escape", "3")
            await shown(pilot, "The plan: install 1.0.0", "Nothing has been changed yet")
            await pilot.press("s")
            await shown(pilot, "Start install 1.0.0 on rehearsal (sensei)?")
            await pilot.press("y")
            await shown(pilot, "run 0001")
            await shown(pilot, "Done in", seconds=120)
            assert found.run().view().state is RunState.DONE
            await pilot.press("escape")
            await shown(pilot, "Nothing: Sensei 1.0.0 is deployed", "run 0001 done")
            await pilot.press("4")
            await shown(pilot, "all 13 components ready", "Pattern Library  2/2")
            await pilot.press("s")
            await shown(pilot, "sensei-dashboard", "2/2 ready")
            await pilot.press("escape", "5")
            await shown(pilot, "0001", "install", "done")
            await pilot.press("question_mark")
            await shown(pilot, "Help: history")
            await pilot.press("escape", "s")
            await shown(pilot, "The plan: backup", "goes on working")
            await pilot.press("escape", "5", "o")
            await shown(pilot, "Restore which backup?")
            await pilot.press("enter")
            await shown(pilot, "The plan: restore", "replaced by backup latest")
            await pilot.press("s")
            await shown(pilot, "Sensei stops serving until it is done.", "is replaced.")
            await pilot.press(*"sensei", "enter")
            await shown(pilot, "restore 1.0.0", "run 0002", "Done in", seconds=60)
            await shown(pilot, "Start the platform")


async def test_a_saved_edit_keeps_comments_and_becomes_an_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    with rehearsed(tmp_path / "site") as found:
        found.sensei("install", "--yes")
        app = SenseiApp(found.site, RICH)
        async with app.run_test(size=(132, 43)) as pilot:
            await shown(pilot, "Nothing: Sensei 1.0.0 is deployed")
            await pilot.press("1")
            await shown(pilot, "Control plane")
            await pilot.press("down", "down")
            await shown(pilot, "Replicas")
            await pilot.press("tab", "enter")
            await pilot.pause()
            await pilot.press("backspace", "3", "enter")
            await pilot.press("s")
            values = found.site.root / "values.yaml"
            await until(pilot, lambda: "controlPlane:\n  replicas: 3\n" in values.read_text())
            assert "# Option 2: Local model (air-gapped)" in values.read_text()
            await pilot.press("escape")
            await shown(pilot, "values or cluster changed")
            await pilot.press("3")
            await shown(pilot, "The plan: upgrade", "controlPlane.replicas: 3")


FAULT = "faults: [{kind: image-pull, pod: sensei-kora}]\n"


async def test_a_failing_component_is_shown_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    with rehearsed(tmp_path / "site", FAULT) as found:
        found.sensei("install", "--yes", "--detach", "--timeout", "120")
        app = SenseiApp(found.site, RICH)
        async with app.run_test(size=(80, 24)) as pilot:
            await shown(pilot, "Watch run 0001")
            await pilot.press("3")
            await shown(pilot, "Not ready yet (1)", "Deployment/sensei-kora", "0/2", "ImagePullBackOff", "no such host")
            await pilot.press("enter")
            await shown(pilot, "reason", "ImagePullBackOff", "do  ")
            await pilot.press("escape", "c")
            await shown(pilot, "Cancel run 0001?")
            await pilot.press("y")
            await shown(pilot, "cancelled", "Press r to resume")
            await pilot.press("escape")
            await shown(pilot, "Run 0001 was cancelled")
            await pilot.press("4")
            await shown(pilot, "KORA", "0/2", "DEGRADED")


async def test_broken_yaml_is_said_and_nothing_of_it_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Esc leads from the YAML to the form; a field cannot be edited in a file that is no YAML, and the text stays."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    site = create_site(tmp_path / "site", name="test")
    app = SenseiApp(site, RICH)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "none configured")
        await pilot.press("1")
        await shown(pilot, "Domain")
        await pilot.press("v")
        await shown(pilot, "Values of Sensei")
        await pilot.press("colon", "colon", "left_square_bracket")
        await shown(pilot, "YAML is broken", "not saved")
        await pilot.press("escape")
        await shown(pilot, "Configure", "Domain", "YAML is broken")
        await pilot.press("enter")
        await shown(pilot, "Enter accept")
        await pilot.press("x", "enter")
        await shown(pilot, "It did not work")
        await pilot.press("escape", "v")
        await shown(pilot, "::[")
