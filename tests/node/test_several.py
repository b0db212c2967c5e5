"""Object storage and vector database of three pods each, which is the charts' default: one of the three may go."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.fixtures_cluster import Reply
from tests.node.engine import NAME
from tests.node.place import Place
from tests.node.stores import Found

pytestmark = pytest.mark.timeout(900)
VALUES = """
storage: {minio: {replicas: 3, drivesPerReplica: 2, persistence: {size: 1Gi}}}
vectorDb: {replicas: 3}
"""
CLUSTERED = ("sensei-minio", "sensei-weaviate")


@pytest.fixture(scope="module")
def several(here: Place) -> Place:
    (here.directory / "values-airgapped.yaml").write_text(VALUES)
    here.install()
    return here


@pytest.fixture(scope="module")
def data(several: Place) -> Found:
    stores = several.stores()
    stores.write()
    return stores.read()


@pytest.fixture
def cordoned(several: Place) -> Iterator[None]:
    """What goes does not come back."""
    several.admin.kubectl("cordon", NAME)
    yield
    several.admin.kubectl("uncordon", NAME)


def _ready(place: Place, name: str) -> int:
    return int(place.get("statefulset", name)["status"].get("readyReplicas", 0))


def _evict(place: Place, pod: str) -> Reply:
    """As `kubectl drain` asks for it."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    return place.admin.request("POST", f"/api/v1/namespaces/{place.namespace}/pods/{pod}/eviction", body)


def test_the_charts_tests_pass(several: Place) -> None:
    assert [_ready(several, name) for name in CLUSTERED] == [3, 3]
    several.sensei("test")


@pytest.mark.usefixtures("cordoned")
def test_one_of_three_may_go(several: Place, data: Found) -> None:
    for name in CLUSTERED:
        assert _evict(several, f"{name}-0").status == 201
    several.until(lambda: [_ready(several, name) for name in CLUSTERED] == [2, 2])
    stores = several.stores()
    assert stores.read() == data
    stores.add()
    for name in CLUSTERED:
        refused = _evict(several, f"{name}-1")
        assert refused.status == 429, json.dumps(refused.body)


def test_and_it_comes_back(several: Place, data: Found) -> None:
    several.until(lambda: [_ready(several, name) for name in CLUSTERED] == [3, 3])
    stores = several.stores()
    assert stores.added()
    found = stores.read()
    assert len(found.objects) == len(data.objects) + 1
    assert found.vectors.keys() >= data.vectors.keys()
    several.sensei("test")
