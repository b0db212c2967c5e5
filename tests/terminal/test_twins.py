"""The twins show what the console shows: their bytes are bytes for the same picture."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.terminal.line import Line, shows
from tests.terminal.play import FILLED, Play

BELOW = re.compile(r" +\+\d+ *$")
"""The console's count of the lines below the last one, which the twins do without."""


def picture(line: Line) -> list[str]:
    """The screen without that count."""
    return [BELOW.sub("", row).rstrip() for row in line.rows]


def pictures(variant: str) -> list[list[str]]:
    """Health, a row further and one digit changed; the log with a line more; Home, a row further."""
    with Play(variant) as play:
        line = play.line
        line.until(FILLED)
        found: list[list[str]] = []

        def keep(act: Callable[[], object], *texts: str) -> None:
            act()
            line.until(shows(*texts))
            line.settle(0.3)
            found.append(picture(line))

        keep(lambda: line.press("j"), ">   API", "Deployment/sensei-api", "sensei-api-7c9d-1")
        keep(lambda: play.do("cell"), "Workers          0/2")
        keep(lambda: play.do("pager"), "sensei-api-0040", "Esc back")
        keep(lambda: play.do("log"), "sensei-maba-0041")
        keep(lambda: line.press("escape"), "DEGRADED", "Esc home", "sensei-api-7c9d-1")
        keep(lambda: line.press("escape"), "What to do next", "Rehearsal", "quit")
        keep(lambda: line.press("j"), "> 2 Preflight", "  1 Configure")
    return found


@pytest.fixture(scope="module")
def console() -> list[list[str]]:
    """What the console shows."""
    return pictures("ours")


@pytest.mark.parametrize("variant", ["curses", "urwid"])
def test_a_twin_shows_the_same(variant: str, console: list[list[str]]) -> None:
    assert pictures(variant) == console
