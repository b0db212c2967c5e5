"""The picture of the cluster across what happens to API servers: a restart, a kill, a compaction of etcd."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from sensei_tui.cluster.client import Cluster, connect
from sensei_tui.cluster.snapshot import Snapshot
from sensei_tui.cluster.store import ClusterStore
from sensei_tui.cluster.stream import LineStream
from sensei_tui.cluster.target import Target
from sensei_tui.cluster.watch import ALL, Watcher
from tests.cluster.real import Place
from tests.cluster.test_real import POD


class Picture:
    """A running store, and how many pictures it has published."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.pictures = 0
        self.store = ClusterStore(cluster, namespace, self._seen)
        self.store.start()
        assert self.store.wait_complete(20)

    def _seen(self, _: Snapshot) -> None:
        self.pictures += 1

    def until(self, wanted: Callable[[Snapshot], bool], seconds: float = 60) -> Snapshot:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if wanted(self.store.snapshot):
                return self.store.snapshot
            time.sleep(0.02)
        raise AssertionError(f"never so: {self.store.snapshot}")


@pytest.fixture
def cluster(place: Place) -> Iterator[Cluster]:
    """As the operator."""
    with connect(Target(str(place.operator.kubeconfig), "", place.namespace)) as found:
        yield found


@pytest.fixture
def picture(cluster: Cluster, place: Place) -> Iterator[Picture]:
    found = Picture(cluster, place.namespace)
    yield found
    found.store.stop()


def create_pod(place: Place, name: str) -> None:
    place.admin.kubectl("apply", "-f", "-", stdin=POD.replace("name: web,", f"name: {name},"))


def has_pod(place: Place, name: str, *, ready: bool = True) -> Callable[[Snapshot], bool]:
    def found(snapshot: Snapshot) -> bool:
        pod = snapshot.pods.get(f"{place.namespace}/{name}")
        return pod is not None and (not ready or pod.status.phase == "Running")

    return found


def test_an_api_server_that_is_killed_and_comes_back(picture: Picture, place: Place) -> None:
    """The last picture stays, and says that it may be old; afterwards nothing that happened meanwhile is missing."""
    create_pod(place, "before")
    picture.until(has_pod(place, "before"))
    place.cluster.plane.kill("kube-apiserver")
    old = picture.until(lambda snapshot: bool(snapshot.trouble))
    assert has_pod(place, "before")(old)
    place.cluster.plane.start_api()
    create_pod(place, "after")
    picture.until(lambda snapshot: has_pod(place, "after")(snapshot) and not snapshot.trouble)


def test_a_place_in_the_stream_that_etcd_has_forgotten(cluster: Cluster, picture: Picture, place: Place) -> None:
    """After a restart the server knows only what etcd kept: a watch from before gets 410, in the words of a real one."""
    create_pod(place, "first")
    picture.until(has_pod(place, "first"))
    path = f"/api/v1/namespaces/{place.namespace}/pods"
    old = cluster.get(path)["metadata"]["resourceVersion"]
    create_pod(place, "second")
    picture.until(has_pod(place, "second"))
    plane = place.cluster.plane
    plane.kill("kube-apiserver")
    assert plane.compact() > int(old)
    plane.start_api()
    with LineStream(cluster.transport, path, {"watch": True, "resourceVersion": old}, (5, 10)) as stream:
        line = next(iter(stream))
    assert b'"code":410' in line
    assert b"too old resource version" in line
    create_pod(place, "third")
    picture.until(has_pod(place, "third"))


def test_a_watcher_that_starts_from_there_lists_again(cluster: Cluster, place: Place) -> None:
    create_pod(place, "only")
    pods = next(kind for kind in ALL if kind.name == "Pod")
    stop, changed = threading.Event(), threading.Event()
    watcher = Watcher(cluster, place.namespace, pods, changed, stop, random.Random(1))
    watcher._version = "1"
    thread = threading.Thread(target=watcher.run, daemon=True)
    thread.start()
    try:
        place.until(lambda: f"{place.namespace}/only" in watcher.objects())
        assert watcher.listed
    finally:
        stop.set()
        watcher.close()
        thread.join(10)
    assert not thread.is_alive()
