"""What stands on a terminal: rows of cells, each a piece of text with the pen that writes it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, split_graphemes

BOLD, DIM, ITALIC, UNDERLINE, REVERSE, STRIKE = 1, 2, 4, 8, 16, 32
ON_BLANKS = UNDERLINE | REVERSE | STRIKE
"""What is seen on a blank too."""
SGR_FLAGS = {1: BOLD, 2: DIM, 3: ITALIC, 4: UNDERLINE, 7: REVERSE, 9: STRIKE}
_SGR_OFF = {22: BOLD | DIM, 23: ITALIC, 24: UNDERLINE, 27: REVERSE, 29: STRIKE}


class Pen(NamedTuple):
    """How a cell is written. Colours are SGR parameters (`31`, `38;5;120`, `48;2;1;2;3`), empty for the default."""

    foreground: str = ""
    background: str = ""
    flags: int = 0


PLAIN = Pen()
Cell: TypeAlias = tuple[str, Pen]
"""A grapheme and its pen; the cell behind a wide one holds an empty text."""
Row: TypeAlias = list[Cell]
BLANK: Cell = (" ", PLAIN)
_VERSIONS = itertools.count()


@lru_cache(4096)
def repen(pen: Pen, parameters: str) -> Pen:
    """The pen after `CSI parameters m`. Unknown parameters change nothing."""
    numbers = [int(part) if part.isdigit() else 0 for part in parameters.replace(":", ";").split(";")]
    while numbers:
        number, *numbers = numbers
        if number in (38, 48):
            taken = {2: 4, 5: 2}.get(numbers[0] if numbers else 0, 1)
            colour = ";".join(map(str, (number, *numbers[:taken])))
            numbers = numbers[taken:]
            pen = pen._replace(foreground=colour) if number == 38 else pen._replace(background=colour)
        else:
            pen = _changed(pen, number)
    return pen


def _changed(pen: Pen, number: int) -> Pen:
    if number == 0:
        return PLAIN
    if number in SGR_FLAGS:
        return pen._replace(flags=pen.flags | SGR_FLAGS[number])
    if number in _SGR_OFF:
        return pen._replace(flags=pen.flags & ~_SGR_OFF[number])
    if 30 <= number <= 37 or 90 <= number <= 97:
        return pen._replace(foreground=str(number))
    if 40 <= number <= 47 or 100 <= number <= 107:
        return pen._replace(background=str(number))
    if number == 39:
        return pen._replace(foreground="")
    return pen._replace(background="") if number == 49 else pen


@lru_cache(4096)
def on_blank(pen: Pen) -> Pen:
    """What of a pen is seen on a blank: blanks that look alike are alike."""
    flags = pen.flags & ON_BLANKS
    return Pen(pen.foreground if flags else "", pen.background, flags)


class Grid:
    """Rows of cells. Texts that do not fit are cut; halves of wide characters never stand alone."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows: list[Row] = [[BLANK] * columns for _ in range(rows)]
        self.version = next(_VERSIONS)
        """Another one after each change; no two grids have the same."""

    @property
    def height(self) -> int:
        """Rows."""
        return len(self.rows)

    def put(self, y: int, x: int, text: str, pen: Pen) -> int:
        """Write a text; returns the column behind it, which may lie beyond the edge."""
        cells = list(_cells(text, pen))
        if 0 <= y < len(self.rows):
            self._place(self.rows[y], x, cells)
        return x + len(cells)

    def _place(self, row: Row, x: int, cells: list[Cell]) -> None:
        cut = cells[: max(0, self.columns - x)]
        if not cut:
            return
        self.version = next(_VERSIONS)
        end = x + len(cut)
        if len(cells) > len(cut) and not cells[len(cut)][0]:
            cut[-1] = _blanked(cut[-1])
        if x and not row[x][0]:
            row[x - 1] = _blanked(row[x - 1])
        if end < self.columns and not row[end][0]:
            row[end] = _blanked(row[end])
        row[x:end] = cut

    def erase(self, y: int, first: int, last: int, pen: Pen) -> None:
        """Blank the columns `first` to `last` (exclusive) of a row."""
        if 0 <= y < len(self.rows):
            self._place(self.rows[y], first, [(" ", on_blank(pen))] * max(0, last - first))

    def copy(self) -> Grid:
        """Another with the same cells."""
        found = Grid(self.columns, 0)
        found.rows = [row[:] for row in self.rows]
        return found

    def text(self) -> list[str]:
        """The rows as texts, as wide as the grid."""
        return ["".join(text for text, _ in row) for row in self.rows]


def _blanked(cell: Cell) -> Cell:
    return (" ", on_blank(cell[1]))


def _cells(text: str, pen: Pen) -> Iterable[Cell]:
    blank = on_blank(pen)
    if text.isascii():
        return [(char, pen if char != " " else blank) for char in text]
    return _wide_cells(text, pen, blank)


def _wide_cells(text: str, pen: Pen, blank: Pen) -> Iterable[Cell]:
    spans, _ = split_graphemes(text)
    for start, end, width in spans:
        piece = text[start:end]
        if width:
            yield (piece, pen if piece != " " else blank)
        if width == 2:
            yield ("", pen)


def is_simple(text: str) -> bool:
    """Whether every terminal moves its cursor by one cell for it."""
    return len(text) == 1 and (text.isascii() or (text < "\u2e80" and cell_len(text) == 1))
