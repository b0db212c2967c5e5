"""The cheapest bytes from what a terminal shows to what is wanted.

A painter knows the grid that the terminal shows, where its cursor is and which pen it holds. It never asks: what it
can't know (behind the last column, after a character of doubtful width, after a scroll region) it forgets, and the
next cursor address is absolute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from sensei_tui.terminal.grid import BLANK, PLAIN, Cell, Grid, Pen, Row, is_simple, on_blank
from sensei_tui.terminal.ink import Ink
from sensei_tui.terminal.scroll import Scroll, find_scroll
from sensei_tui.terminal.terminfo import Terminfo

Place: TypeAlias = tuple[int, int]
_SHORT_GAP = 6
"""Cells that are written again rather than jumped over: a cursor address takes as many bytes."""
_MANY = 3
"""Rows that differ before it is worth looking for a movement."""
NO_LIMIT = 1 << 30


class Hand(NamedTuple):
    """Where the terminal's cursor is (row, column), if that is known, and with which pen it writes."""

    place: Place | None
    pen: Pen


class Painter:
    """See the module. One painter a terminal; not for two threads at once."""

    def __init__(self, terminfo: Terminfo, ink: Ink, columns: int, rows: int) -> None:
        self._terminfo = terminfo
        self.ink = ink
        self._size = (columns, rows)
        self._shown: Grid | None = None
        self._hand = Hand(None, PLAIN)
        self._visible: bool | None = None
        self._region = (0, rows - 1)
        """First and last row of the terminal's scroll region: a line feed on the last one moves the text."""
        self._parked: Place | None = None
        self._considered = -1
        """Version of the wanted grid for which movements have been looked for."""
        # Without `xenl` a character in the last column of the last row scrolls the screen.
        self._corner = "am" in terminfo.flags and "xenl" not in terminfo.flags
        self._bce = "bce" in terminfo.flags
        self.el = terminfo.text("el")
        self._scrolls = terminfo.has("csr", "ind", "ri")
        self._ansi = terminfo.text("cup", 4, 9) == "\x1b[5;10H"
        self._relative = terminfo.has("cuf1", "cr") and terminfo.text("cub1") == "\b" and terminfo.text("cud1") == "\n"

    @property
    def parked(self) -> Place | None:
        """Where the cursor was left when everything had been painted."""
        return self._parked

    def forget(self, columns: int, rows: int) -> None:
        """Nothing is known of the terminal any more: it will be cleared and painted anew."""
        self._size = (columns, rows)
        self._shown, self._hand, self._visible = None, Hand(None, PLAIN), None

    def more(self, wanted: Grid, cursor: Place | None, first: Iterable[int] = (), limit: int = NO_LIMIT) -> str:
        """About `limit` bytes (characters) more, at least one cell; empty when the terminal shows all that is wanted.

        Args:
            wanted: a grid of the painter's size.
            cursor: where the cursor is to stand (row, column), or None for nowhere.
            first: rows to paint before the others.
            limit: characters after which to stop.
        """
        out = [self._moved_or_cleared(wanted)]
        dirty = self._dirty(wanted)
        used = len(out[0])
        urgent = [y for y in first if y in dirty]
        for y in [*urgent, *(y for y in dirty if y not in urgent)]:
            if used >= limit:
                return "".join(out)
            text = self._row(y, wanted.rows[y], limit - used)
            out.append(text)
            used += len(text)
        if used < limit:
            out.append(self._park(cursor))
        return "".join(out)

    # Whole screens.

    def _dirty(self, wanted: Grid) -> list[int]:
        assert self._shown is not None
        return [y for y, (old, new) in enumerate(zip(self._shown.rows, wanted.rows, strict=True)) if old != new]

    def _moved_or_cleared(self, wanted: Grid) -> str:
        """What brings many rows nearer at once, where that is cheaper than row by row."""
        if self._shown is None:
            return self._cleared(wanted)
        dirty = self._dirty(wanted)
        if len(dirty) < _MANY or self._considered == wanted.version:
            return ""
        self._considered = wanted.version
        if self._scrolls and (found := find_scroll(self._shown.rows, wanted.rows, dirty, self._cost)):
            return self._scroll(found)
        return self._cleared_if_cheaper(wanted, dirty) if len(dirty) * 2 > wanted.height else ""

    def _cleared(self, wanted: Grid) -> str:
        self._shown = Grid(wanted.columns, wanted.height)
        self._hand, self._region = Hand((0, 0), PLAIN), (0, wanted.height - 1)
        return self.at_rest() + self._terminfo.text("clear")

    def at_rest(self) -> str:
        """The terminal's pen and scroll region as they were before anything was painted."""
        whole = "\x1b[r" if self._ansi else self._terminfo.text("csr", 0, self._size[1] - 1)
        return (whole if self._scrolls else "") + self.ink.reset

    def _cleared_if_cheaper(self, wanted: Grid, dirty: Sequence[int]) -> str:
        assert self._shown is not None
        blank = [BLANK] * wanted.columns
        anew = sum(self._cost(blank, row) for row in wanted.rows if row != blank)
        if anew + 9 >= sum(self._cost(self._shown.rows[y], wanted.rows[y]) for y in dirty):
            return ""
        return self._cleared(wanted)

    def _scroll(self, found: Scroll) -> str:
        """The region stays as it is afterwards: the next line of a log needs no other."""
        assert self._shown is not None
        info, rows, edges = self._terminfo, self._shown.rows, (found.top, found.bottom)
        out = [self.ink.sgr(self._hand.pen, PLAIN)]
        place = self._hand.place
        if self._region != edges:
            out.append(info.text("csr", *edges))
            place, self._region = None, edges
        edge, step = (found.bottom, info.text("ind")) if found.up > 0 else (found.top, info.text("ri"))
        if place is None or place[0] != edge:
            out.append(self._address(edge, 0))
            place = (edge, 0)
        out.append(step * abs(found.up))
        self._hand = Hand(place, PLAIN)
        rows[found.top : found.bottom + 1] = found.applied(rows, len(rows[0]))
        return "".join(out)

    # Rows.

    def _cost(self, old: Row, new: Row) -> int:
        """Bytes to make a row of another, from anywhere."""
        if old == new:
            return 0
        return min(len(self._painted(Hand(None, PLAIN), 9, old[:], new, NO_LIMIT, anew)[0]) for anew in (False, True))

    def _row(self, y: int, new: Row, limit: int) -> str:
        """Bring one row nearer to what is wanted, in the cheaper of two ways."""
        assert self._shown is not None
        old = self._shown.rows[y]
        costs = [len(self._painted(self._hand, y, old[:], new, NO_LIMIT, anew)[0]) for anew in (False, True)]
        text, self._hand = self._painted(self._hand, y, old, new, limit, costs[1] < costs[0])
        return text

    def _painted(self, hand: Hand, y: int, old: Row, new: Row, limit: int, anew: bool) -> tuple[str, Hand]:
        """Bytes that turn `old` (which is changed) into `new`; with `anew` the rest of the row is erased first."""
        brush = _Brush(self, hand, y, old)
        start = next(x for x, (before, after) in enumerate(zip(old, new, strict=True)) if before != after)
        if anew and self.el:
            blank = new[-1] if new[-1][0] == " " and self.erases(new[-1][1]) else BLANK
            brush.erase(start if new[start][0] else start - 1, blank)
        tail, rest = self._tail(old, new)
        for first, last in _runs(old, new, tail):
            brush.write(first, new[first:last], limit)
            if brush.used >= limit:
                return brush.result
        if rest:
            brush.erase(tail, rest)
        return brush.result

    def _tail(self, old: Row, new: Row) -> tuple[int, Cell | None]:
        """Where the blanks at the row's end begin, and the blank, if erasing them is cheaper than writing them."""
        last, end = new[-1], len(new)
        if last[0] == " " and self.el and self.erases(last[1]):
            while end and new[end - 1] == last:
                end -= 1
            changed = sum(cell != last for cell in old[end:])
            if changed > len(self.el):
                return end, last
        return len(new), None

    def erases(self, pen: Pen) -> bool:
        """Whether erasing leaves blanks of this pen."""
        return not pen.flags and not pen.foreground and (not pen.background or self._bce)

    def may_write(self, y: int, x: int) -> bool:
        """Whether the terminal stays as it is when something is written there."""
        return not (self._corner and (y, x) == (self._size[1] - 1, self._size[0] - 1))

    # The cursor.

    def _park(self, cursor: Place | None) -> str:
        """The cursor shown where it is wanted; hidden where the terminal can hide it."""
        out, self._parked = "", cursor
        if self._visible is not (cursor is not None):
            out, self._visible = self._terminfo.text("cnorm" if cursor else "civis"), cursor is not None
        if cursor and self._hand.place != cursor:
            out += self.motion(self._hand.place, *cursor)
            self._hand = self._hand._replace(place=cursor)
        return out

    def motion(self, place: Place | None, y: int, x: int) -> str:
        """The shortest way to a place."""
        absolute = self._address(y, x)
        if place is None or y < place[0] or not self._relative:
            return absolute
        # Below the scroll region emulators differ in what a line feed does.
        if y > place[0] and y > self._region[1]:
            return absolute
        down, right = "\n" * (y - place[0]), x - place[1]
        sideways = self._right(right) if right >= 0 else "\b" * -right
        return min(absolute, "\r" + down + self._right(x), down + sideways, key=len)

    def _right(self, count: int) -> str:
        one = self._terminfo.text("cuf1") * count
        return min(one, self._terminfo.text("cuf", count) or one, key=len)

    def _address(self, y: int, x: int) -> str:
        if self._ansi:
            return f"\x1b[{y + 1 if y else ''}{f';{x + 1}' if x else ''}H"
        return self._terminfo.text("cup", y, x)


class _Brush:
    """Writes into one row and notes what the terminal then shows."""

    def __init__(self, painter: Painter, hand: Hand, y: int, row: Row) -> None:
        self._painter = painter
        self._place, self._pen = hand
        self._y = y
        self._row = row
        self._out: list[str] = []
        self.used = 0

    @property
    def result(self) -> tuple[str, Hand]:
        return "".join(self._out), Hand(self._place, self._pen)

    def _say(self, text: str) -> None:
        self._out.append(text)
        self.used += len(text)

    def _go(self, x: int) -> None:
        if self._place != (self._y, x):
            self._say(self._painter.motion(self._place, self._y, x))
            self._place = (self._y, x)

    def write(self, x: int, cells: Row, limit: int) -> None:
        """These cells from column `x` on, until `limit` bytes have been said."""
        for column, (text, pen) in enumerate(cells, x):
            if self.used >= limit and text:
                return
            self._row[column] = (text, pen)
            if text and self._painter.may_write(self._y, column):
                self._go(column)
                self._cell(text, pen)

    def _cell(self, text: str, pen: Pen) -> None:
        if not (text == " " and on_blank(self._pen) == pen):
            self._say(self._painter.ink.sgr(self._pen, pen))
            self._pen = pen
        self._say(text)
        assert self._place is not None
        column = self._place[1] + 1
        known = is_simple(text) and column < len(self._row)
        self._place = (self._y, column) if known else None

    def erase(self, x: int, blank: Cell) -> None:
        """Blanks from column `x` to the row's end."""
        self._go(x)
        if on_blank(self._pen) != blank[1]:
            self._say(self._painter.ink.sgr(self._pen, blank[1]))
            self._pen = blank[1]
        self._say(self._painter.el)
        if x and not self._row[x][0]:
            self._row[x - 1] = BLANK
        self._row[x:] = [blank] * (len(self._row) - x)


def _runs(old: Row, new: Row, end: int) -> list[tuple[int, int]]:
    """Column ranges to write: what differs before column `end`, with the short gaps between."""
    found: list[tuple[int, int]] = []
    for x in range(end):
        if old[x] == new[x]:
            continue
        first = x - 1 if not new[x][0] and x else x
        if found and _joined(found[-1][1], first, new):
            found[-1] = (found[-1][0], x + 1)
        else:
            found.append((first, x + 1))
    return found


def _joined(end: int, first: int, new: Row) -> bool:
    """Whether a run that ended before column `end` goes on to column `first`."""
    return first < end or (first - end < _SHORT_GAP and _same_pen(new, end - 1, first + 1))


def _same_pen(row: Row, first: int, last: int) -> bool:
    """Whether these cells are written without another SGR."""
    pen = row[first][1]
    return all(cell[1] == pen or (cell[0] == " " and on_blank(pen) == cell[1]) for cell in row[first:last])
