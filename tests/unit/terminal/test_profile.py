"""Which terminal gets which profile; nothing outside ASCII where it can't be shown."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from sensei_tui.terminal.glyphs import AsciiFilter, to_ascii
from sensei_tui.terminal.line import Tty, ask, tty_of, utf8_by_probe
from sensei_tui.terminal.memory import recall, remember
from sensei_tui.terminal.profile import (
    BASIC,
    PLAIN,
    RICH,
    SERIAL,
    Profile,
    choose,
    colours_of,
    detect,
    prepare_environment,
    said_size,
    said_speed,
)
from sensei_tui.terminal.terminfo import load

UTF8 = {"LANG": "en_US.UTF-8"}


@pytest.mark.parametrize(
    ("environ", "speed", "name"),
    [
        ({"TERM": "xterm-256color", **UTF8}, None, "rich"),
        ({"TERM": "tmux-256color", **UTF8}, None, "rich"),
        ({"TERM": "screen-256color", **UTF8}, None, "rich"),
        ({"TERM": "xterm-256color", "LANG": "C"}, None, "basic"),
        ({"TERM": "xterm-256color"}, None, "basic"),
        ({"TERM": "linux", **UTF8}, None, "basic"),
        ({"TERM": "screen", **UTF8}, None, "basic"),
        ({"TERM": "vt100", **UTF8}, None, "serial"),
        ({"TERM": "vt220", **UTF8}, None, "serial"),
        ({"TERM": "dumb", **UTF8}, None, "plain"),
        ({"TERM": "no-such-terminal", **UTF8}, None, "plain"),
        ({**UTF8}, None, "plain"),
        ({"TERM": "xterm-256color", **UTF8}, 9600, "serial"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", **UTF8}, None, "serial"),
        ({"TERM": "xterm-256color", **UTF8}, 1_000_000, "rich"),
        ({"TERM": "vt100", "SENSEI_PROFILE": "rich"}, None, "rich"),
        ({"TERM": "xterm-256color", "LC_ALL": "C", **UTF8}, None, "basic"),
    ],
)
def test_detect(environ: dict[str, str], speed: int | None, name: str) -> None:
    assert detect(environ, speed=speed).name == name


@contextmanager
def a_pty() -> Iterator[tuple[int, int]]:
    leader, follower = pty.openpty()
    try:
        yield leader, follower
    finally:
        os.close(leader)
        os.close(follower)


def test_a_new_pty_has_no_speed_and_one_of_an_ssh_server_has_that_of_its_client() -> None:
    with a_pty() as (_, follower):
        found = tty_of(follower)
        assert found is not None
        assert found.speed is None
        modes = termios.tcgetattr(follower)
        modes[4] = modes[5] = termios.B9600
        termios.tcsetattr(follower, termios.TCSANOW, modes)
        found = tty_of(follower)
        assert found is not None
        assert found.speed == 9600
        assert choose({"TERM": "xterm-256color", **UTF8}, found) is SERIAL


@pytest.mark.parametrize(
    ("name", "rate", "speed", "key"),
    [
        ("/dev/ttyS0", 9600, 9600, "/dev/ttyS0"),
        ("/dev/ttyUSB0", 38400, 38400, "/dev/ttyUSB0"),
        ("/dev/tty1", 38400, None, "/dev/tty1"),
        ("/dev/console", 38400, None, "/dev/console"),
        ("/dev/pts/7", 38400, None, "pty xterm"),
    ],
)
def test_which_lines_have_a_speed(name: str, rate: int, speed: int | None, key: str) -> None:
    found = Tty(0, name, rate)
    assert (found.speed, found.key("xterm")) == (speed, key)


def test_no_terminal_no_tty() -> None:
    with Path("/dev/null").open() as nothing:
        assert tty_of(nothing.fileno()) is None


def test_a_size_that_nobody_has_set() -> None:
    with a_pty() as (_, follower):
        found = tty_of(follower)
        assert found is not None
        assert found.size is None
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 43, 132, 0, 0))
        assert found.size == (132, 43)


@pytest.mark.parametrize(("column", "is_utf8"), [(2, True), (3, False)])
def test_a_terminal_shows_by_its_cursor_whether_it_reads_utf8(column: int, is_utf8: bool) -> None:
    with a_pty() as (leader, follower):
        before = termios.tcgetattr(follower)
        answerer = threading.Thread(target=lambda: (os.read(leader, 99), os.write(leader, b"\x1b[5;%dR" % column)))
        answerer.start()
        found = tty_of(follower)
        assert found is not None
        assert utf8_by_probe(found) is is_utf8
        answerer.join()
        assert termios.tcgetattr(follower) == before


def test_a_terminal_that_says_nothing_is_not_waited_for_long() -> None:
    with a_pty() as (_, follower):
        assert ask(follower, "\x1b[6n", re.compile(rb"R"), 0.05) is None


def test_a_choice_is_kept_for_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    port = Tty(0, "/dev/ttyS0", 9600)
    assert recall(port.name) == ""
    remember(port.name, "plain")
    remember("pty vt100", "basic")
    assert choose({"TERM": "vt100"}, port) is PLAIN
    assert choose({"TERM": "vt100", "SENSEI_PROFILE": "serial"}, port) is SERIAL
    (tmp_path / "sensei" / "terminals.json").write_text("{broken")
    assert choose({"TERM": "vt100"}, port) is SERIAL


def test_a_named_speed_and_size() -> None:
    assert choose({"TERM": "xterm-256color", "SENSEI_LINE_SPEED": "9600", **UTF8}, None) is SERIAL
    assert said_speed({"SENSEI_LINE_SPEED": "fast"}) is None
    assert said_size({"SENSEI_SIZE": "132x43"}) == (132, 43)
    assert said_size({"SENSEI_SIZE": "big"}) is None


def test_a_locale_that_python_coerced_is_not_utf8() -> None:
    environ = {"TERM": "xterm-256color", "LC_CTYPE": "C.UTF-8", "LANG": "C"}
    assert prepare_environment(environ).name == "basic"
    assert environ["TEXTUAL_ANIMATIONS"] == "none"


def test_colours_are_left_to_the_driver() -> None:
    environ = {"TERM": "vt100", "NO_COLOR": "1"}
    assert prepare_environment(environ) is SERIAL
    assert "NO_COLOR" not in environ
    assert int(environ["TEXTUAL_FPS"]) <= 10


@pytest.mark.parametrize(
    ("term", "profile", "environ", "colours"),
    [
        ("vt100", RICH, {}, 0),
        ("linux", BASIC, {}, 8),
        ("xterm-256color", RICH, {}, 256),
        ("xterm-256color", RICH, {"COLORTERM": "truecolor"}, 1 << 24),
        ("xterm-256color", BASIC, {"COLORTERM": "truecolor"}, 16),
        ("xterm-256color", SERIAL, {}, 0),
    ],
)
def test_colours_are_those_of_both(term: str, profile: Profile, environ: dict[str, str], colours: int) -> None:
    found = load(term)
    assert found is not None
    assert colours_of(found, profile, environ) == colours


@pytest.mark.parametrize("text", ["plain", "│ a ├──┤ █▁▇", "→ … ✓ •", "日本語", "naïve", "🙂 ok", "\u2500" * 3])
def test_ascii_keeps_the_number_of_cells(text: str) -> None:
    mapped = to_ascii(text)
    assert mapped.isascii()
    assert len(mapped) == cell_len(text)


def test_the_filter_maps_text_and_keeps_control_segments() -> None:
    segments = [Segment("─│"), Segment("x", None, [])]
    assert [part.text for part in AsciiFilter().apply(segments, Color(0, 0, 0))] == ["-|", "x"]
