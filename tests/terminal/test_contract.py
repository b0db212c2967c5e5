"""The pinned Textual's own stream, taken in: the wanted grid is Textual's screen, cell by cell."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from rich.control import Control
from rich.style import Style
from textual._compositor import CompositorUpdate
from textual.screen import Screen
from textual.strip import Strip

from sensei_tui.app import SenseiApp
from sensei_tui.terminal.glyphs import to_ascii
from sensei_tui.terminal.grid import BOLD, DIM, ITALIC, REVERSE, STRIKE, UNDERLINE, Grid, Pen, on_blank
from sensei_tui.terminal.ink import TRUE_COLOUR, Ink
from sensei_tui.terminal.profile import RICH, SERIAL, Profile
from sensei_tui.terminal.stream import Stream
from sensei_tui.terminal.terminfo import load
from tests.screens.pictures import STATES, picture_app
from tests.terminal.play import Play

KEYS = ("1", "2", "3", "4", "5", "escape", "escape", "down", "down", "up", "end", "home", "enter", "question_mark",
        "slash", "a", "tab", "pagedown", "pageup", "e", "v", "l", "y", "n")  # fmt: skip
SIZES = ((80, 24), (132, 43), (60, 20), (100, 30))


class Recorder:
    """Feeds what Textual displays into a stream, in pieces of any size, as a driver would be fed."""

    def __init__(self, chance: random.Random, columns: int, rows: int, profile: Profile) -> None:
        info = load("xterm-256color")
        assert info is not None
        self.chance = chance
        colours = TRUE_COLOUR if profile.colours else 0
        self.ink = Ink(info, colours, ascii=profile.ascii)
        self.stream = Stream(Grid(columns, rows), self.ink)
        self.frames = 0

    def display(self, app: SenseiApp, renderable: Any) -> None:
        if not isinstance(renderable, CompositorUpdate) or app._batch_count:
            return
        text = renderable.render_segments(app.console) + (Control.move_to(*app.cursor_position).segment.text)
        self.frames += 1
        while text:
            size = self.chance.choice((1, 7, 200, 100_000))
            self.stream.feed(text[:size])
            text = text[size:]

    def expected(self, strips: list[Strip], columns: int) -> list[list[tuple[str, Pen]]]:
        """Textual's own lines as cells, without the way through escape sequences."""
        grid = Grid(columns, len(strips))
        for y, strip in enumerate(strips):
            x = 0
            for text, style, control in strip:
                if not control:
                    pen = self.ink.pen(pen_of(style or Style()))
                    x = grid.put(y, x, to_ascii(text) if self.ink.ascii else text, pen)
        return grid.rows


def pen_of(style: Style) -> Pen:
    flags = (BOLD * bool(style.bold) | DIM * bool(style.dim) | ITALIC * bool(style.italic) | STRIKE * bool(style.strike)
             | UNDERLINE * bool(style.underline) | REVERSE * bool(style.reverse))  # fmt: skip
    foreground = ";".join(style.color.get_ansi_codes()) if style.color else ""
    background = ";".join(style.bgcolor.get_ansi_codes(foreground=False)) if style.bgcolor else ""
    return Pen(
        foreground.replace("39", "") if foreground == "39" else foreground,
        "" if background == "49" else background,
        flags,
    )


@pytest.mark.parametrize("profile", [RICH, SERIAL], ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(4))
async def test_the_grid_is_textuals_screen(
    profile: Profile, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    chance = random.Random(seed)
    size = chance.choice(SIZES)
    app = picture_app(tmp_path, chance.choice(STATES), profile)
    recorder = Recorder(chance, *size, profile)
    monkeypatch.setattr(type(app), "_display", lambda self, screen, renderable: recorder.display(self, renderable))
    compared = 0
    async with app.run_test(size=size) as pilot:
        for _ in range(40):
            if chance.random() < 0.1:
                size = chance.choice([one for one in SIZES if one != size])
                recorder.stream.grid = Grid(*size)
                await pilot.resize_terminal(*size)
            await pilot.press(chance.choice(KEYS))
            await pilot.pause()
            screen: Screen[Any] = app.screen
            if screen._compositor._dirty_regions or app.size != size:
                continue
            wanted = recorder.expected(screen._compositor.render_strips(app.size), size[0])
            for y, (row, should) in enumerate(zip(recorder.stream.grid.rows, wanted, strict=True)):
                assert visible(row) == visible(should), f"row {y} of {screen}"
            compared += 1
    assert compared > 20
    assert recorder.frames > 10


def visible(row: list[tuple[str, Pen]]) -> list[tuple[str, Pen]]:
    return [(text, on_blank(pen) if text == " " else pen) for text, pen in row]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_sequences_in_pieces(size: int) -> None:
    recorder = Recorder(random.Random(1), 20, 4, RICH)
    text = "\x1b[2;3H\x1b[1;31mred\x1b[0m \x1b]8;id=1;http://x\x1b\\link\x1b]8;;\x1b\\\x1b[?2026h\x1b]22;default\x07\x1b[3;1Hé漢x\x1b[K\x1b7\x1b(B"
    for at in range(0, len(text), size):
        recorder.stream.feed(text[at : at + size])
    assert recorder.stream.grid.text()[:3] == [" " * 20, "  red link" + " " * 10, "é漢x" + " " * 16]
    assert recorder.stream.grid.rows[1][2] == ("r", Pen("31", "", BOLD))


@pytest.mark.parametrize(
    "junk",
    [
        "\x1b\x1b[",
        "\x1b[999999999999H",
        "\x1bP" + "x" * 9000,
        "\x1b[\n",
        "\x9b31m",
        "\x1b[38;5m",
        "\x1b[38;9m",
        "\x1b[;;;;m",
    ],
)
def test_what_is_no_stream_of_textual_harms_nothing(junk: str) -> None:
    recorder = Recorder(random.Random(1), 20, 4, RICH)
    recorder.stream.feed(junk)
    recorder.stream.feed("\x1b[m\x1b[1;1Hhello")
    assert recorder.stream.grid.text()[0].startswith("hello") or junk.startswith("\x1bP")
    assert [len(row) for row in recorder.stream.grid.rows] == [20] * 4


@pytest.mark.e2e
@pytest.mark.parametrize("screen", ["home", "configure", "preflight", "deploy", "health", "history", "bundle"])
def test_the_terminal_shows_what_textuals_own_driver_shows(screen: str, tmp_path: Path) -> None:
    """The same console on two terminals, through Textual's driver and through ours."""
    seen = {}
    for variant in ("stock", "ours"):
        env = {"SENSEI_STAGE_SCREEN": screen, "LANG": "C.UTF-8", "XDG_STATE_HOME": str(tmp_path)}
        with Play(variant, term="xterm-256color", env=env) as found:
            found.line.until("? help" if screen != "home" else "q quit")
            found.line.press("down")
            found.line.settle(1.0)
            seen[variant] = found.line.rows
    assert seen["ours"] == seen["stock"]
