"""The documented permissions: what `sensei access` grants is what the guide lists, and nothing of it can be left out."""

from __future__ import annotations

import json
from pathlib import Path

from sensei_tui.preflight import access
from tests.cluster.access_table import READING, documented, proof
from tests.cluster.flow import granted
from tests.cluster.real import Place
from tests.cluster.sites import sited


def test_the_guide_lists_exactly_what_is_granted() -> None:
    rows = documented()
    assert {row.right for row in rows} == granted()
    assert len(rows) == len(granted())


def test_the_guide_says_what_for_as_the_table_does() -> None:
    why = {(row.group, row.resource, wide): row.why for wide, rows in (
        (False, (*access.OURS, *access.CHARTS)), (True, access.CLUSTER)) for row in rows}  # fmt: skip
    for row in documented():
        assert row.why == why[row.right.group, row.right.resource, row.right.wide]


test_it_fails_without_reading = proof(lambda verb: verb in READING)


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
        assert "is no service account" in site.sensei("access", "--service-account", "x/y/z", code=2)
        assert "Whose access?" in site.sensei("access", code=2)
        assert json.loads(site.sensei("access", "--group", "ops", "-o", "json"))["kind"] == "List"
