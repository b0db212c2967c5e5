"""Rows that only moved: found by comparing whole rows, worth it where a scroll region is cheaper than writing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sensei_tui.terminal.grid import BLANK, Row

_OVERHEAD = 24
"""Bytes of two scroll regions and two cursor addresses."""


class Scroll(NamedTuple):
    """Rows `top` to `bottom` (inclusive) move up by `up` rows, or down where it is negative."""

    top: int
    bottom: int
    up: int

    def applied(self, rows: Sequence[Row], columns: int) -> list[Row]:
        """The rows of the region afterwards."""
        region = list(rows[self.top : self.bottom + 1])
        fresh: list[Row] = [[BLANK] * columns for _ in range(abs(self.up))]
        return [*region[self.up :], *fresh] if self.up > 0 else [*fresh, *region[: self.up]]


def find_scroll(
    old: Sequence[Row], new: Sequence[Row], dirty: Sequence[int], cost: Callable[[Row, Row], int]
) -> Scroll | None:
    """The movement that saves most, or None where none saves anything."""
    up = _commonest_shift(old, new, dirty)
    found = _longest(old, new, up) if up else None
    if found is None:
        return None
    rows = range(found.top, found.bottom + 1)
    after = found.applied(old, len(old[0]))
    without = sum(cost(old[y], new[y]) for y in rows)
    saved = without - sum(cost(row, new[y]) for y, row in zip(rows, after, strict=True))
    return found if saved > _OVERHEAD + abs(found.up) else None


def _commonest_shift(old: Sequence[Row], new: Sequence[Row], dirty: Sequence[int]) -> int:
    blank = [BLANK] * len(old[0])
    places: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for y, row in enumerate(old):
        if row != blank:
            places[tuple(row)].append(y)
    votes = Counter(there - y for y in dirty for there in places.get(tuple(new[y]), ()))
    votes.pop(0, None)
    return max(votes, key=lambda shift: (votes[shift], -abs(shift)), default=0)


def _longest(old: Sequence[Row], new: Sequence[Row], up: int) -> Scroll | None:
    """The longest stretch of rows that stand `up` rows lower in the old picture."""
    best, start = (0, 0), 0
    for y in range(len(new) + 1):
        fits = y < len(new) and 0 <= y + up < len(old) and new[y] == old[y + up]
        if not fits:
            best = max(best, (y - start, start))
            start = y + 1
    count, first = best
    if not count:
        return None
    return Scroll(first, first + count - 1 + up, up) if up > 0 else Scroll(first + up, first + count - 1, up)
