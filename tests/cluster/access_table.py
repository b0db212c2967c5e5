"""The guide's table of permissions, and the test that each row promises."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cluster.flow import Right, refused_at
from tests.cluster.real import RealCluster

READING = ("get", "list", "watch")
"""Verbs; the tests of the others are in a file of their own, for a second test process."""
PAGE = Path(__file__).parents[2] / "docs" / "guide" / "access.md"
_ROW = re.compile(
    r"^\| (?P<verb>\w+) \| `(?P<name>[^`]+)`(?P<wide>, everywhere)? \| (?P<why>[^|]+) \| (?P<where>[^|]+) \|$"
)


class Row(NamedTuple):
    """A line of the guide's table."""

    right: Right
    why: str
    where: str


def documented() -> list[Row]:
    """The guide's table."""
    return [_row(found) for line in PAGE.read_text().splitlines() if (found := _ROW.match(line))]


def _row(found: re.Match[str]) -> Row:
    resource, _, group = found["name"].partition(".")
    return Row(Right(group, resource, found["verb"], bool(found["wide"])), found["why"], found["where"])


def proof(verbs: Callable[[str], bool]) -> Any:
    """A test for each row with such a verb: the work, done without it, fails where the guide says."""
    rows = [row for row in documented() if verbs(row.right.verb)]

    @pytest.mark.timeout(400)
    @pytest.mark.parametrize("row", rows, ids=lambda row: f"{row.right.verb}-{row.right.resource}-{row.right.wide}")
    def test(row: Row, real: RealCluster, tmp_path: Path) -> None:
        assert refused_at(real, row.right, tmp_path) == row.where

    return test
