"""The bytes of the painter, read by another terminal: whatever was there, what is wanted stands there afterwards."""

from __future__ import annotations

import random
from unicodedata import normalize

import pyte
import pytest

from sensei_tui.terminal.grid import BOLD, PLAIN, REVERSE, UNDERLINE, Grid, Pen, on_blank
from sensei_tui.terminal.ink import Ink
from sensei_tui.terminal.painter import NO_LIMIT, Painter
from sensei_tui.terminal.terminfo import Terminfo, load

TERMS = ("vt100", "vt220", "linux", "xterm-256color", "screen", "tmux")
WORDS = (
    "ok",
    "Deployment/sensei-kora",
    "1/2",
    "  ",
    "          ",
    "waiting for the image",
    "-" * 30,
    "漢字",
    "é",
    "日本 x",
)
PENS = (PLAIN, PLAIN, Pen(flags=BOLD), Pen(flags=REVERSE), Pen("31"), Pen("", "44"), Pen("32", "", BOLD | UNDERLINE))


def terminfo(term: str) -> Terminfo:
    found = load(term)
    assert found is not None
    return found


class Seen:
    """A terminal that reads what the painter sends."""

    def __init__(self, term: str, columns: int, rows: int) -> None:
        info = terminfo(term)
        self.ink = Ink(info, info.numbers.get("colors", 0), ascii=False)
        self.painter = Painter(info, self.ink, columns, rows)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.Stream(self.screen)
        self.bytes = 0

    def paint(self, grid: Grid, cursor: tuple[int, int] | None = None, limit: int = NO_LIMIT) -> int:
        """Until nothing is left; the number of bytes."""
        before = self.bytes
        while text := self.painter.more(grid, cursor, limit=limit):
            self.bytes += len(text.encode())
            self.stream.feed(text)
        return self.bytes - before

    def text(self) -> list[str]:
        rows = [[self.screen.buffer[y][x].data for x in range(self.screen.columns)] for y in range(self.screen.lines)]
        return ["".join(row) for row in rows]

    def look(self, y: int, x: int) -> Pen:
        """The pen of a cell, in the painter's terms."""
        cell = self.screen.buffer[y][x]
        flags = BOLD * cell.bold | REVERSE * cell.reverse | UNDERLINE * cell.underscore
        pen = Pen(_code(cell.fg, 30), _code(cell.bg, 40), flags)
        return on_blank(pen) if cell.data == " " else pen


def _code(colour: str, base: int) -> str:
    names = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")
    return str(base + names.index(colour)) if colour in names else ""


def scribble(chance: random.Random, grid: Grid, ink: Ink) -> None:
    """Something happens to the picture: texts, erased rows, moved rows."""
    act = chance.random()
    if act < 0.3:
        top = chance.randrange(grid.height)
        bottom = chance.randrange(top, grid.height)
        region = grid.rows[top : bottom + 1]
        shift = chance.randrange(1, 4)
        fresh = Grid(grid.columns, shift).rows
        moved = [*region[shift:], *fresh] if chance.random() < 0.5 else [*fresh, *region]
        grid.rows[top : bottom + 1] = (
            moved[: len(region)] if len(moved) >= len(region) else [*moved, *region][: len(region)]
        )
    elif act < 0.4:
        grid.rows[:] = Grid(grid.columns, grid.height).rows
    for _ in range(chance.choice((1, 3, 40))):
        pen = ink.pen(chance.choice(PENS))
        grid.put(chance.randrange(grid.height), chance.randrange(grid.columns), chance.choice(WORDS), pen)


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_wanted_stands_there(term: str, seed: int) -> None:
    chance = random.Random(f"{term} {seed}")
    columns, rows = chance.choice(((80, 24), (132, 43), (20, 5), (7, 3)))
    seen, grid = Seen(term, columns, rows), Grid(columns, rows)
    for _ in range(25):
        scribble(chance, grid, seen.ink)
        cursor = chance.choice((None, (chance.randrange(rows), chance.randrange(columns))))
        seen.paint(grid, cursor, chance.choice((9, 57, NO_LIMIT)))
        assert [normalize("NFC", row) for row in seen.text()] == [normalize("NFC", row) for row in grid.text()]
        for y, row in enumerate(grid.rows):
            assert [seen.look(y, x) for x in range(columns) if row[x][0]] == [pen for text, pen in row if text]
        if cursor:
            assert (seen.screen.cursor.y, seen.screen.cursor.x) == cursor
        assert seen.paint(grid, cursor) == 0


def page(*lines: str) -> Grid:
    grid = Grid(80, 24)
    for y, line in enumerate(lines):
        grid.put(y, 0, line, PLAIN)
    return grid


def test_a_changed_cell_costs_its_address_and_itself() -> None:
    seen, grid = Seen("vt100", 80, 24), page(*["  row"] * 24)
    seen.paint(grid, (3, 0))
    grid.put(12, 40, "7", PLAIN)
    assert seen.paint(grid, None) == len("\x1b[13;41H7")


def test_a_marker_moves_for_a_handful_of_bytes() -> None:
    seen, grid = Seen("vt100", 80, 24), page(*["  row"] * 24)
    grid.put(3, 0, ">", PLAIN)
    seen.paint(grid, (3, 0))
    grid.put(3, 0, " ", PLAIN)
    grid.put(4, 0, ">", PLAIN)
    assert seen.paint(grid, (4, 0)) <= 6


def test_a_log_that_moves_up_is_scrolled() -> None:
    lines = [f"{number} a line of the log, as long as they are" for number in range(40)]
    seen = Seen("vt100", 80, 24)
    seen.paint(page("title", *lines[:20], "", "keys"))
    cost = seen.paint(page("title", *lines[1:21], "", "keys"))
    assert cost <= len(lines[20]) + 26
    cost = seen.paint(page("title", *lines[0:20], "", "keys"))
    assert cost <= len(lines[0]) + 26


def test_the_last_cell_is_left_where_writing_it_would_scroll() -> None:
    grid = page(*["x" * 80] * 24)
    seen = Seen("ansi", 80, 24)
    text = seen.painter.more(grid, None)
    assert text.count("x") == 80 * 24 - 1


def test_an_unknown_screen_is_cleared_first() -> None:
    seen, grid = Seen("vt100", 80, 24), page("hello")
    seen.paint(grid)
    seen.screen.reset()
    seen.screen.draw("noise of the line")
    seen.painter.forget(80, 24)
    seen.paint(grid)
    assert seen.text() == grid.text()
