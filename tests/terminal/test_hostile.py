"""What lines and operators do to a console: noise, Ctrl-S, Ctrl-Z, another size, another profile, kill -9."""

from __future__ import annotations

import os
import random
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.line import Seen
from tests.terminal.play import FILLED, Play

pytestmark = pytest.mark.e2e
HOME = "What to do next"


def play(tmp_path: Path, *, screen: str = "home", env: dict[str, str] | None = None, **more: object) -> Play:
    given = {"SENSEI_STAGE_SCREEN": screen, "XDG_STATE_HOME": str(tmp_path), **(env or {})}
    return Play("ours", env=given, **more)  # type: ignore[arg-type]


def state_of(pid: int) -> str:
    """As in proc(5): R, S, T..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def awaited(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Until the callable says yes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_million_bytes_of_noise(tmp_path: Path) -> None:
    chance = random.Random(7)
    with play(tmp_path) as found:
        found.line.until(HOME)
        for _ in range(500):
            os.write(found.line.leader, chance.randbytes(2000).replace(b"\x13", b"\x14").replace(b"\x11", b"\x12"))
            time.sleep(0.002)
        found.line.settle(0.5)
        assert found.line.process.poll() is None
        found.line.press("4")
        found.line.until(FILLED)


def test_output_held_by_the_operator_comes_with_the_newest_state(tmp_path: Path) -> None:
    with play(tmp_path, screen="health") as found:
        found.line.until(FILLED)
        found.line.settle()
        found.do("forget")
        found.line.send("\x13")
        found.do("churn", 50, 3)
        found.line.listen(3.5)
        held = found.line.bytes_since_mark
        found.line.send("\x11")
        found.line.mark()
        # A screen at most was waiting: nothing of what happened meanwhile is told one by one.
        assert held < 2000
        assert found.line.settle(1.0) < 4000
        assert found.gap() < 1.0


def test_ctrl_s_is_left_as_the_tty_has_it(tmp_path: Path) -> None:
    with play(tmp_path) as found:
        found.line.until(HOME)
        assert found.line.modes[0] & termios.IXON
        assert not found.line.modes[1] & termios.OPOST


def test_suspended_and_resumed(tmp_path: Path) -> None:
    with play(tmp_path, term="xterm-256color") as found:
        found.line.until(HOME)
        found.line.settle()
        found.line.send("\x1a")
        assert awaited(lambda: state_of(found.line.process.pid) == "T")
        assert found.line.modes == found.line.modes_before
        assert b"\x1b[?1049l" in found.line.raw
        found.line.screen.reset()
        found.line.mark()
        found.line.kill(signal.SIGCONT)
        found.line.until(HOME)
        found.line.press("4")
        found.line.until(FILLED)


def test_redrawn_after_anything_was_written_over_it(tmp_path: Path) -> None:
    with play(tmp_path) as found:
        found.line.until(HOME)
        found.line.settle()
        before = found.line.text
        with found.line._news:
            found.line.screen.reset()
            found.line.screen.draw("kernel: a message on the console")
        found.line.press("ctrl+l")
        found.line.until(lambda line: line.text == before)


def drawn(lines: int) -> Seen:
    """Health stands on a terminal of so many lines."""
    return lambda line: "l logs" in line.rows[lines - 1] and "DEGRADED" in line.rows[2]


@pytest.mark.parametrize("term", ["vt100", "xterm-256color"])
def test_another_size(tmp_path: Path, term: str) -> None:
    with play(tmp_path, screen="health", term=term) as found:
        found.line.until(FILLED)
        for columns, lines in ((132, 43), (60, 16), (80, 24)):
            found.line.resize(columns, lines)
            found.line.until(drawn(lines))


def test_a_tty_without_a_size_asks_the_terminal(tmp_path: Path) -> None:
    with play(tmp_path, columns=132, lines=43, sized=False) as found:
        found.line.until(lambda line: "Enter" in line.rows[42])
        assert found.line.rows[41].strip() == ""


def test_a_size_that_was_named_holds(tmp_path: Path) -> None:
    with play(tmp_path, columns=132, lines=43, env={"SENSEI_SIZE": "100x30"}) as found:
        found.line.until(lambda line: "Enter" in line.rows[29])
        assert max(len(row.rstrip()) for row in found.line.rows) <= 100


@pytest.mark.parametrize("answers", [True, False])
def test_a_terminal_that_answers_nothing_is_served_too(tmp_path: Path, answers: bool) -> None:
    with play(tmp_path, screen="health", term="xterm-256color", answers=answers) as found:
        found.line.until(FILLED, 20)
        found.line.press("escape")
        found.line.until(HOME)


def test_the_profile_changes_while_it_runs_and_is_kept(tmp_path: Path) -> None:
    with play(tmp_path, term="xterm-256color") as found:
        found.line.until(HOME)
        assert b"38;5;" in found.line.raw
        found.line.press("p")
        found.line.until("How shall this terminal be drawn")
        found.line.press("down", "down", "enter")
        found.line.until("serial (no colour")
        found.line.settle()
        found.line.mark()
        found.line.press("4")
        found.line.until(FILLED)
        found.line.settle()
        assert b"38;5;" not in found.line.since_mark
        assert all(byte < 0x80 for byte in found.line.since_mark)
    with play(tmp_path, term="xterm-256color") as found:
        found.line.until("serial (no colour")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("term", ["vt100", "xterm-256color"])
def test_the_terminal_is_given_back(tmp_path: Path, term: str, number: signal.Signals) -> None:
    with play(tmp_path, term=term) as found:
        found.line.until(HOME)
        found.line.settle()
        assert found.line.modes != found.line.modes_before
        found.line.kill(number)
        found.line.wait_end()
        assert awaited(lambda: found.line.modes == found.line.modes_before)
        found.line.settle()
        if term != "vt100":
            assert found.line.raw.rstrip().endswith(b"t") or b"\x1b[?1049l" in found.line.raw
            assert b"\x1b[?2004l" in found.line.raw
            assert b"\x1b[?1000l" in found.line.raw


@pytest.mark.parametrize("round_trip", [0.0, 0.3])
def test_answers_of_the_terminal_are_never_echoed(tmp_path: Path, round_trip: float) -> None:
    """Neither before the first picture nor behind the last: each would be read as a command by the shell."""
    with play(tmp_path, screen="health", term="xterm-256color", round_trip=round_trip) as found:
        found.line.until(FILLED)
        assert b"\x1b[5n" in found.line.raw
        found.line.press("escape")
        found.line.until(HOME)
        found.line.press("q")
        assert found.line.wait_end() == 0
        found.line.settle(0.5)
        assert b"[0n" not in found.line.raw


def test_keys_typed_ahead_meet_what_those_before_them_opened(tmp_path: Path) -> None:
    """On a slow link many keys arrive at once: the text behind `/` is the filter's, no key of the screen."""
    with play(tmp_path) as found:
        found.line.until(HOME)
        found.line.send("4p/kora")
        found.line.until(lambda line: line.rows[22].startswith("kora"))
        found.line.settle(0.5)
        rows = [row for row in found.line.rows if "sensei-" in row and "/1" in row]
        assert rows
        assert all("kora" in row for row in rows), found.line.text
        x, y = found.line.cursor
        assert found.line.rows[y][:x].rstrip().endswith("kora"), "the terminal's cursor stands in the filter"


def test_a_paste_that_nobody_marked_is_one(tmp_path: Path) -> None:
    with play(tmp_path, screen="configure") as found:
        found.line.until("Domain")
        found.line.press("v")
        found.line.settle(0.5)
        os.write(found.line.leader, b"".join(b"# comment %d of a long paste\r" % number for number in range(100)))
        found.line.until("comment 99", 5)
        found.line.press("escape")
        found.line.until("not saved")


def test_a_console_that_is_held_by_ctrl_s_ends_when_it_is_told(tmp_path: Path) -> None:
    with play(tmp_path) as found:
        found.line.until(HOME)
        found.line.settle()
        found.line.send("\x13")
        found.line.settle()
        found.line.kill(signal.SIGTERM)
        assert found.line.wait_end(10) == 128 + signal.SIGTERM
        assert found.line.modes == found.line.modes_before


def test_leaving_over_a_slow_link_types_nothing_into_the_shell(tmp_path: Path) -> None:
    with play(tmp_path, term="xterm-256color", round_trip=0.8) as found:
        found.line.until(HOME)
        found.line.press("j", "j", "k", "q")
        assert found.line.wait_end() == 0
        found.line.settle(0.5)
        assert b"0n" not in found.line.raw
