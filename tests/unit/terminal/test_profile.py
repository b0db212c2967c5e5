"""Which terminal gets which profile; nothing outside ASCII where it can't be shown."""

from __future__ import annotations

import os
import pty

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from sensei_tui.terminal.glyphs import AsciiFilter, to_ascii
from sensei_tui.terminal.profile import detect, line_speed, prepare_environment

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
        ({"TERM": "dumb", **UTF8}, None, "serial"),
        ({**UTF8}, None, "serial"),
        ({"TERM": "xterm-256color", **UTF8}, 9600, "serial"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", **UTF8}, None, "serial"),
        ({"TERM": "vt100", "SENSEI_PROFILE": "rich"}, None, "rich"),
        ({"TERM": "xterm-256color", "LC_ALL": "C", **UTF8}, None, "basic"),
    ],
)
def test_detect(environ: dict[str, str], speed: int | None, name: str) -> None:
    assert detect(environ, speed=speed).name == name


def test_a_pty_has_no_speed() -> None:
    leader, follower = pty.openpty()
    try:
        assert line_speed(follower) is None
    finally:
        os.close(leader)
        os.close(follower)


def test_a_locale_that_python_coerced_is_not_utf8() -> None:
    environ = {"TERM": "xterm-256color", "LC_CTYPE": "C.UTF-8", "LANG": "C"}
    assert prepare_environment(environ).name == "basic"
    assert environ["TEXTUAL_ANIMATIONS"] == "none"


def test_serial_sets_no_color_and_a_low_frame_rate() -> None:
    environ = {"TERM": "vt100"}
    prepare_environment(environ)
    assert environ["NO_COLOR"] == "1"
    assert int(environ["TEXTUAL_FPS"]) <= 5


@pytest.mark.parametrize("text", ["plain", "│ a ├──┤ █▁▇", "→ … ✓ •", "日本語", "naïve", "🙂 ok", "\u2500" * 3])
def test_ascii_keeps_the_number_of_cells(text: str) -> None:
    mapped = to_ascii(text)
    assert mapped.isascii()
    assert len(mapped) == cell_len(text)


def test_the_filter_maps_text_and_keeps_control_segments() -> None:
    segments = [Segment("─│"), Segment("x", None, [])]
    assert [part.text for part in AsciiFilter().apply(segments, Color(0, 0, 0))] == ["-|", "x"]
