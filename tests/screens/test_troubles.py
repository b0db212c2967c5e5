"""What goes wrong around the console is said on the screen; the console goes on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.app import SenseiApp
from sensei_tui.site.new import create_site
from sensei_tui.terminal.profile import RICH
from tests.e2e.pilot import shown
from tests.screens.pictures import picture_app


@pytest.fixture
def near() -> Iterator[Path]:
    """A directory whose name is short: a message that wraps would cut what is looked for."""
    with tempfile.TemporaryDirectory(prefix="s") as found:
        yield Path(found)


async def test_a_file_that_was_broken_outside_is_named_and_opens_when_it_is_mended(near: Path) -> None:
    site = create_site(near / "site", name="berlin-1", rehearsal=False)
    values = site.root / "values.yaml"
    before = values.read_text()
    values.write_text("global: [1\nllm: {\n")
    async with SenseiApp(site, RICH).run_test() as pilot:
        await pilot.press("1")
        await shown(pilot, "It did not work", "not valid YAML", "values.yaml:2")
        await pilot.press("escape")
        await shown(pilot, "What to do next")
        values.write_text(before)
        await pilot.press("1")
        await shown(pilot, "Domain")


async def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    async with picture_app(tmp_path, "trouble", RICH).run_test() as pilot:
        await pilot.press("2", "x")
        await shown(pilot, "Enter accept")
        await pilot.press("ctrl+u", *"/no/such/place/report.json", "enter")
        await shown(pilot, "could not be read or written", "/no/such/place")
        await pilot.press("escape")
        await shown(pilot, "cap.nodes")


async def test_ctrl_c_says_how_to_leave(tmp_path: Path) -> None:
    async with picture_app(tmp_path, "trouble", RICH).run_test(notifications=True) as pilot:
        await pilot.press("3", "ctrl+c")
        (told,) = pilot.app._notifications
        assert told.message == "Esc goes home, and q quits there; a run goes on."
