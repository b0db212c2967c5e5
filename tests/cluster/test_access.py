"""The documented permissions: what `sensei access` grants is what the guide lists, and nothing of it can be left out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from sensei_tui.preflight import access
from tests.cluster.audit import Right, granted
from tests.cluster.flow import refused_at
from tests.cluster.real import Place, RealCluster
from tests.cluster.sites import sited

pytestmark = pytest.mark.timeout(400)
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


def test_the_guide_lists_exactly_what_is_granted() -> None:
    rows = documented()
    assert {row.right for row in rows} == granted()
    assert len(rows) == len(granted())


def test_the_guide_says_what_for_as_the_table_does() -> None:
    why = {(row.group, row.resource, wide): row.why for wide, rows in (
        (False, (*access.OURS, *access.CHARTS)), (True, access.CLUSTER)) for row in rows}  # fmt: skip
    for row in documented():
        assert row.why == why[row.right.group, row.right.resource, row.right.wide]


@pytest.mark.parametrize("row", documented(), ids=lambda row: f"{row.right.verb}-{row.right.resource}-{row.right.wide}")
def test_it_fails_without(row: Row, real: RealCluster, tmp_path: Path) -> None:
    assert refused_at(real, row.right, tmp_path) == row.where


def test_the_command_grants_it(place: Place, tmp_path: Path) -> None:
    """What the command prints, kubectl accepts; a service account of the namespace comes with it."""
    with sited(place, tmp_path / "site") as site:
        printed = site.sensei("access", "--service-account", "sensei", "-o", "json")
        place.admin.kubectl("apply", "-f", "-", stdin=printed)
        account = f"system:serviceaccount:{place.namespace}:sensei"
        for right in granted():
            where = [] if right.wide else ["-n", place.namespace]
            resource, _, sub = right.resource.partition("/")
            name = f"{resource}.{right.group}" if right.group else resource
            more = [f"--subresource={sub}"] if sub else []
            asked = ["auth", "can-i", right.verb, name, *more, f"--as={account}", *where]
            assert place.admin.kubectl(*asked).strip() == "yes", asked
        assert place.admin.kubectl_run("auth", "can-i", "create", "pods", f"--as={account}").stdout.strip() == "no"
        assert "Whose access?" in site.sensei("access", code=2)
        assert json.loads(site.sensei("access", "--group", "ops", "-o", "json"))["kind"] == "List"
