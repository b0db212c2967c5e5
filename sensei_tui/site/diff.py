"""What differs between two sets of values, secrets masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensei_tui.base.redaction import MASK
from sensei_tui.site.schema import is_secret
from sensei_tui.site.tree import leaves


class _Absent:
    def __repr__(self) -> str:
        return "(not set)"


ABSENT: Any = _Absent()
"""Stands for a path that one side does not have."""


@dataclass(frozen=True, slots=True)
class Change:
    """One path whose value differs; `ABSENT` on the side that does not set it."""

    path: str
    old: Any
    new: Any

    def lines(self) -> list[str]:
        """`- path: old` and `+ path: new`, as far as there are both."""
        pairs = (("-", self.old), ("+", self.new))
        return [f"{sign} {self.path}: {_shown(self.path, value)}" for sign, value in pairs if value is not ABSENT]


def diff_values(old: dict[str, Any], new: dict[str, Any]) -> tuple[Change, ...]:
    """Every path whose value differs, sorted by path."""
    before, after = dict(leaves(old)), dict(leaves(new))
    paths = sorted(before.keys() | after.keys())
    pairs = ((path, before.get(path, ABSENT), after.get(path, ABSENT)) for path in paths)
    return tuple(Change(path, left, right) for path, left, right in pairs if left is ABSENT or left != right)


def _shown(path: str, value: Any) -> str:
    if is_secret(path) and value:
        return MASK
    if value is None or isinstance(value, bool):  # 1 is not true, though Python calls them equal
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
