"""What a deployed store can't become is refused by the chart, before anything is changed and in words that name the setting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import Engine, open_engine
from sensei_tui.helm.errors import HelmError
from tests.charts.helpers import DIRECTORIES
from tests.charts.test_guard import KEPT, REFUSED, minio
from tests.charts.versions import merged
from tests.cluster.real import Place
from tests.cluster.sites import ENGINES, environment

CHART = DIRECTORIES["sensei-deps"]
Node = dict[str, Any]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """As the operator, with the stores installed."""
    for name, value in environment(request.param).items():
        monkeypatch.setenv(name, value)
    with open_engine(Target(str(place.operator.kubeconfig), "", place.namespace)) as found:
        found.install("sensei-deps", CHART, {}, timeout=30)
        yield found


def generations(place: Place) -> dict[str, int]:
    found = place.admin.request("GET", f"/apis/apps/v1/namespaces/{place.namespace}/statefulsets").body["items"]
    return {item["metadata"]["name"]: item["metadata"]["generation"] for item in found}


def claims(place: Place) -> dict[str, Node]:
    found = place.admin.request("GET", f"/api/v1/namespaces/{place.namespace}/persistentvolumeclaims").body["items"]
    return {item["metadata"]["name"]: item for item in found}


def settled(place: Place) -> None:
    """Every claim of the stores is there: 1 + 1 + 3 x 2 + 3."""
    place.until(lambda: len(claims(place)) == 11)


def test_refused_and_nothing_is_changed(engine: Engine, place: Place) -> None:
    before = generations(place)
    for values, told in REFUSED:
        with pytest.raises(HelmError) as caught:
            engine.upgrade("sensei-deps", CHART, values, timeout=30)
        assert told in str(caught.value), values
        assert "guide, Data stores" in str(caught.value), values
    assert generations(place) == before
    assert [item.status for item in engine.history("sensei-deps")] == ["deployed"]


def test_what_a_store_can_become_is_not_refused(engine: Engine, place: Place) -> None:
    values = merged(
        minio(resources={"memory": "3Gi"}), {"vectorDb": {"replicas": 5}, "redis": {"persistence": {"size": "10240Mi"}}}
    )
    engine.upgrade("sensei-deps", CHART, values, timeout=30)
    with pytest.raises(HelmError, match=r"vectorDb\.replicas is 3, the vector database has 5 pods"):
        engine.upgrade("sensei-deps", CHART, {}, timeout=30)


def test_a_store_that_somebody_stopped_is_what_it_was(engine: Engine, place: Place) -> None:
    place.admin.kubectl("-n", place.namespace, "scale", "statefulset/sensei-minio", "--replicas=0")
    with pytest.raises(HelmError, match="is 4 x 2, the object storage was made with 3 x 2"):
        engine.upgrade("sensei-deps", CHART, minio(replicas=4), timeout=30)
    engine.upgrade("sensei-deps", CHART, {}, timeout=30)


def test_volumes_that_an_uninstalled_store_left_count(engine: Engine, place: Place) -> None:
    settled(place)
    engine.uninstall("sensei-deps", timeout=30)
    for values, told in REFUSED:
        with pytest.raises(HelmError) as caught:
            engine.install("sensei-deps", CHART, values, timeout=30)
        assert told in str(caught.value), values
    selector = "app.kubernetes.io/component=object-storage"
    place.admin.kubectl("-n", place.namespace, "delete", "pvc", "-l", selector, "--wait=false")
    place.until(lambda: len(claims(place)) == 5)
    engine.install("sensei-deps", CHART, minio(replicas=4), timeout=30)
    assert generations(place)["sensei-minio"] == 1


def test_the_volume_of_backups_stays_in_its_class(engine: Engine, place: Place) -> None:
    settled(place)
    engine.upgrade("sensei-deps", CHART, KEPT, timeout=30)
    was = claims(place)["sensei-backups"]["spec"].get("storageClassName")
    engine.uninstall("sensei-deps", timeout=30)
    stores = "app.kubernetes.io/component in (postgresql, redis, object-storage, vector-db)"
    place.admin.kubectl("-n", place.namespace, "delete", "pvc", "-l", stores, "--wait=false")
    place.until(lambda: list(claims(place)) == ["sensei-backups"])
    engine.install("sensei-deps", CHART, KEPT | {"global": {"storageClass": "other"}}, timeout=30)
    assert claims(place)["sensei-backups"]["spec"].get("storageClassName") == was


def test_volumes_are_grown_as_the_guide_says(engine: Engine, place: Place) -> None:
    """With the operator's own rights."""
    settled(place)
    place.until(lambda: claims(place)["data-sensei-redis-0"]["status"]["phase"] == "Bound")
    said = "-n", place.namespace
    patch = '{"spec": {"resources": {"requests": {"storage": "20Gi"}}}}'
    place.operator.kubectl(*said, "patch", "pvc", "data-sensei-redis-0", "-p", patch)
    assert claims(place)["data-sensei-redis-0"]["spec"]["resources"]["requests"]["storage"] == "20Gi"
    place.operator.kubectl(*said, "delete", "statefulset", "sensei-redis", "--cascade=orphan")
    before = _metadata(place, "pods/sensei-redis-0")["uid"]
    engine.upgrade("sensei-deps", CHART, {"redis": {"persistence": {"size": "20Gi"}}}, timeout=30)
    assert _metadata(place, "pods/sensei-redis-0")["uid"] == before, "the pod goes on, and the new StatefulSet takes it"
    place.until(lambda: _metadata(place, "pods/sensei-redis-0").get("ownerReferences"))


def _metadata(place: Place, path: str) -> Node:
    found: Node = place.admin.request("GET", f"/api/v1/namespaces/{place.namespace}/{path}").body["metadata"]
    return found
