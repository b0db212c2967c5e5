"""What the program's own screens cost at 80x24 on a vt100, to the byte, on a pty. The same figures stand in the guide."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.terminal.line import Seen
from tests.terminal.play import FILLED, Play

pytestmark = pytest.mark.e2e
SCREENS = {"home": "What to do next", "configure": "Domain", "preflight": "cap.nodes", "deploy": "Not ready yet",
           "health": "Workers", "history": "run 0001|0001", "bundle": "Verified|not there|names no bundle|Signed|damaged"}  # fmt: skip
KEYS = {"home": "", "configure": "1", "preflight": "2", "deploy": "3", "health": "4", "history": "5", "bundle": "6"}
FIRST_PAINT, SWITCH, MOVE, CELL, LOG_LINE = 1400, 1500, 25, 15, 60
TO_THE_SIDE = b"\x1b[16;"
"""The address of Health's detail, under the list."""


def play(screen: str, tmp_path: Path, **more: str) -> Play:
    return Play("ours", env={"SENSEI_STAGE_SCREEN": screen, "XDG_STATE_HOME": str(tmp_path), **more}, speed=115200)


@pytest.mark.parametrize("screen", SCREENS)
def test_first_paint(screen: str, tmp_path: Path) -> None:
    with play(screen, tmp_path) as found:
        found.line.until(SCREENS[screen])
        assert 0 < found.line.settle(1.0) <= FIRST_PAINT
        assert all(byte < 0x80 for byte in found.line.raw)


def test_switching_screens(tmp_path: Path) -> None:
    with play("home", tmp_path) as found:
        found.line.until(SCREENS["home"])
        found.line.settle()
        for screen in (*KEYS, *KEYS):
            for key, text in ((KEYS[screen], SCREENS[screen]), ("escape", SCREENS["home"])):
                if key:
                    found.line.mark()
                    found.line.press(key)
                    found.line.until(text)
                    assert found.line.settle() <= SWITCH, (screen, key)


def moved_from(place: tuple[int, int]) -> Seen:
    """The terminal's cursor is elsewhere."""
    return lambda line: line.cursor != place


@pytest.mark.parametrize("screen", ["home", "preflight", "health", "configure"])
def test_moving_the_cursor(screen: str, tmp_path: Path) -> None:
    """What stands beside the list follows when the cursor rests: a move more costs the mark alone."""
    costs = []
    for count in (1, 4):
        with play(screen, tmp_path) as found:
            found.line.until(SCREENS[screen])
            found.line.settle()
            found.line.mark()
            for _ in range(count):
                before = found.line.cursor
                found.line.press("down")
                found.line.until(moved_from(before))
            costs.append(len(found.line.since_mark))
            found.line.settle(0.6)
            assert len([row for row in found.line.rows if row.startswith(">")]) == 1
    assert costs[0] <= MOVE


def test_a_changed_cell(tmp_path: Path) -> None:
    with play("health", tmp_path) as found:
        found.line.until(FILLED)
        found.line.settle()
        for _ in range(3):
            found.line.mark()
            found.do("cell")
            assert 0 < found.line.settle() <= CELL, found.line.since_mark


def test_a_log_line_over_the_full_width(tmp_path: Path) -> None:
    with play("deploy", tmp_path) as found:
        found.line.until(SCREENS["deploy"])
        found.line.press("l")
        found.line.until("log of run 0001")
        found.line.settle()
        found.do("log")
        found.line.settle()
        found.line.mark()
        found.do("log")
        assert 0 < found.line.settle() <= LOG_LINE, found.line.since_mark


def test_an_idle_minute_sends_nothing(tmp_path: Path) -> None:
    """Every screen, and a form with the focus in its field, at the same time."""

    def idle(screen: str) -> tuple[str, bytes]:
        with play(screen.removesuffix(" form"), tmp_path) as found:
            found.line.until(SCREENS[screen.removesuffix(" form")])
            if screen.endswith("form"):
                found.line.press("K")
                found.line.until("Path of the kubeconfig")
            found.line.settle(2.0)
            found.line.listen(60)
            return screen, found.line.since_mark

    with ThreadPoolExecutor() as pool:
        assert dict(pool.map(idle, [*SCREENS, "home form"])) == {**dict.fromkeys(SCREENS, b""), "home form": b""}


def test_typing_in_a_form_costs_a_few_bytes_a_key(tmp_path: Path) -> None:
    with play("home", tmp_path) as found:
        found.line.until(SCREENS["home"])
        found.line.press("K")
        found.line.until("Path of the kubeconfig")
        found.line.settle()
        found.line.mark()
        found.line.press("x")
        found.line.until("configx")
        # The problem with the path, told while it is typed, comes once; then each key is itself.
        found.line.settle()
        found.line.mark()
        found.line.press("y")
        found.line.until("configxy")
        assert found.line.settle() <= 12, found.line.since_mark
        x, y = found.line.cursor
        assert found.line.rows[y][:x].rstrip().endswith("configxy"), "the terminal's cursor stands behind what is typed"


def test_no_colour_and_no_mode_reaches_a_vt100(tmp_path: Path) -> None:
    with play("health", tmp_path) as found:
        found.line.until(FILLED)
        found.line.press("escape")
        found.line.until(SCREENS["home"])
        found.line.press("q")
        assert found.line.wait_end() == 0
        sent = found.line.raw.decode("ascii")
    unknown = re.sub(r"\x1b\[[0-9;]*[HmKJCr]|[\x20-\x7e\r\n\x08]", "", sent)
    assert unknown == ""
    attributes = {part for found in re.findall(r"\x1b\[([0-9;]*)m", sent) for part in found.split(";")}
    assert attributes <= {"", "1", "4", "7"}
