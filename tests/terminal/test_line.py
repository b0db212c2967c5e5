"""The measuring instrument itself: its rate, its counts, its answers, and the stage."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.line import Line, NotSeen
from tests.terminal.play import FILLED, Play

SAY = "import sys; sys.stdout.write({text!r}); sys.stdout.flush(); sys.stdin.readline()"
ECHO = """
import os, time, tty
tty.setraw(0)
while True:
    start = time.monotonic()
    os.write(1, b"\\x1b[6n")
    got = os.read(0, 64)
    os.write(1, b"\\x1b[H%r %.3f " % (got, time.monotonic() - start))
    os.read(0, 1)
"""


def python(code: str, cwd: Path, **options: object) -> Line:
    """A small program at the end of a line."""
    return Line((sys.executable, "-c", code), env=dict(os.environ), cwd=cwd, **options)  # type: ignore[arg-type]


def test_every_byte_is_counted_and_takes_its_time(tmp_path: Path) -> None:
    text = "x" * 959 + "\n"
    with python(SAY.format(text=text), tmp_path, rate=9600) as line:
        line.until("x")
        start = time.monotonic()
        assert line.settle(0.2) == 961, "959, and a new line as the tty sends it"
        assert 0.9 < time.monotonic() - start - 0.2 < 1.3, "a second at 9600 bits per second"


def test_a_terminal_answers_after_the_round_trip(tmp_path: Path) -> None:
    with python(ECHO, tmp_path, round_trip=0.2) as line:
        line.until("[1;1R")
        took = float(line.rows[0].split()[1])
        assert 0.2 <= took < 0.5
        assert line.cursor[1] == 0


def test_a_terminal_that_never_answers(tmp_path: Path) -> None:
    with python(ECHO, tmp_path, answers=False) as line:
        line.until(lambda now: now.bytes_since_mark == 4)
        with pytest.raises(NotSeen):
            line.until("R", 0.3)


def test_a_line_that_stands_still_brings_nothing_until_it_moves(tmp_path: Path) -> None:
    with python(ECHO, tmp_path) as line:
        line.until("[1;1R")
        line.hold()
        line.send("x")
        assert line.listen(0.3) == 0
        line.flow()
        line.until(lambda now: now.bytes_since_mark > 0, 5)


def test_speed_size_and_end(tmp_path: Path) -> None:
    code = "import os,termios; print(termios.tcgetattr(0)[5] == termios.B9600, os.get_terminal_size()); os._exit(3)"
    with python(code, tmp_path, speed=9600, columns=100, lines=30) as line:
        line.until("True os.terminal_size(columns=100, lines=30)")
        assert line.wait_end() == 3
        ended = line.close()
    assert (ended.status, ended.before) == (3, ended.after)


@pytest.fixture
def play() -> Iterator[Play]:
    """The console on the stage, on its own driver."""
    with Play("ours") as found:
        found.line.until(FILLED)
        found.line.settle(0.5)
        yield found


def test_the_stage_changes_one_cell_adds_lines_and_tells_its_gap(play: Play) -> None:
    line = play.line
    play.do("cell")
    line.until("Workers          0/2")
    play.do("pager")
    line.until("pulled sensei-api-0040")
    play.do("log")
    line.until("pulled sensei-maba-0041")
    play.do("forget")
    play.do("churn", 50, 0.5)
    line.until("pulled sensei-kora-0050", 5)
    assert 0 < play.gap() < 5
    line.press("escape")
    line.until("Esc home")
    line.settle(0.5)
    assert line.listen(1.0) == 0, line.since_mark


def test_a_resize_reaches_the_program(play: Play) -> None:
    play.line.resize(132, 43)
    play.line.until("Vector DB")
    play.line.press("escape")
    play.line.until("What to do next:")
    play.line.press("q")
    assert play.line.wait_end() == 0
    assert play.line.modes == play.line.modes_before
