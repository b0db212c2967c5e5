"""A new major version of PostgreSQL is refused before anything is changed, unless it is said that the old data is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import Engine, open_engine
from sensei_tui.helm.errors import HelmError
from tests.charts.helpers import DIRECTORIES
from tests.charts.versions import merged
from tests.cluster.real import Place
from tests.cluster.sites import ENGINES, environment

CHART = DIRECTORIES["sensei-deps"]
NEW: dict[str, Any] = {"postgresql": {"major": 18, "image": {"tag": "18.1-bookworm"}}}
GUARD = "The data is of PostgreSQL 17, postgresql.major is 18. Make a backup, then set postgresql.replacesMajor to 17"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """As the operator, with the stores installed."""
    for name, value in environment(request.param).items():
        monkeypatch.setenv(name, value)
    with open_engine(Target(str(place.operator.kubeconfig), "", place.namespace)) as found:
        found.install("sensei-deps", CHART, {}, timeout=30)
        yield found


def server(place: Place) -> dict[str, Any]:
    path = f"/apis/apps/v1/namespaces/{place.namespace}/statefulsets/sensei-postgresql"
    found: dict[str, Any] = place.admin.request("GET", path).body
    return found


def variables(place: Place) -> dict[str, str]:
    box = server(place)["spec"]["template"]["spec"]["containers"][0]
    return {entry["name"]: entry.get("value", "") for entry in box["env"]}


def test_another_major_version_is_refused_and_nothing_is_changed(engine: Engine, place: Place) -> None:
    before = server(place)
    with pytest.raises(HelmError) as caught:
        engine.upgrade("sensei-deps", CHART, NEW, timeout=30)
    assert GUARD in str(caught.value)
    assert server(place)["metadata"]["generation"] == before["metadata"]["generation"]
    assert server(place)["spec"] == before["spec"]
    assert [item.status for item in engine.history("sensei-deps")] == ["deployed"]


def test_it_goes_through_where_the_old_one_is_replaced(engine: Engine, place: Place) -> None:
    engine.upgrade("sensei-deps", CHART, merged(NEW, {"postgresql": {"replacesMajor": 17}}), timeout=30)
    found = variables(place)
    assert (found["MAJOR"], found["REPLACES_MAJOR"], found["PGDATA"]) == ("18", "17", "/var/lib/postgresql/18/data")
    engine.upgrade("sensei-deps", CHART, NEW, timeout=30)
    assert variables(place)["REPLACES_MAJOR"] == "0", "and from then on it need not be said"
    with pytest.raises(HelmError, match=r"The data is of PostgreSQL 18, postgresql\.major is 17"):
        engine.upgrade("sensei-deps", CHART, {}, timeout=30)


def test_a_tag_of_another_major_version_is_refused(engine: Engine) -> None:
    with pytest.raises(HelmError, match=r"postgresql\.image\.tag 18\.1 is not of postgresql\.major 17: set both"):
        engine.upgrade("sensei-deps", CHART, {"postgresql": {"image": {"tag": "18.1"}}}, timeout=30)
