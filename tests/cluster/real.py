"""A real cluster for tests: the control plane, its nodes, and for each test a namespace with an operator."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sensei_tui.preflight import access
from sensei_tui.rehearsal.scenario import Fault
from tests.cluster import gateway
from tests.cluster.kubelets import FakeNodes
from tests.cluster.plane import ADMIN, ControlPlane, operator_name, running_plane
from tests.fixtures_cluster import Client


class Place:
    """A test's own namespace: `admin` may do everything, `operator` what `sensei access` grants, no more."""

    def __init__(self, cluster: RealCluster, namespace: str, user: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.user = user
        self.admin = cluster.plane.client(ADMIN, namespace, home=f"{user}-admin")
        self.operator = cluster.plane.client(user, namespace)

    def fail(self, *faults: Fault) -> None:
        """What goes wrong with this namespace's pods."""
        self.cluster.nodes.fail(self.namespace, *faults)

    def grant(self, change: Callable[[list[dict[str, Any]]], None] | None = None) -> None:
        """Give the operator the documented access, as it is printed, or changed by `change` (it gets the objects)."""
        objects = access.manifests(self.namespace, access.Subject("User", self.user))
        if change is not None:
            change(objects)
            _rename_cluster_role(objects, self.user)
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.admin.kubectl("apply", "-f", "-", stdin=text)

    def until(self, ready: Callable[[], Any], seconds: float = 60) -> Any:
        """The first true answer of `ready`. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := ready():
                return found
            time.sleep(0.05)
        raise AssertionError(f"not so after {seconds:.0f} s: {ready}")


def _rename_cluster_role(objects: list[dict[str, Any]], name: str) -> None:
    """A changed ClusterRole is this operator's alone."""
    for obj in objects:
        if obj["kind"] == "ClusterRole":
            obj["metadata"]["name"] = name
        elif obj["kind"] == "ClusterRoleBinding":
            obj["roleRef"]["name"] = name


class RealCluster:
    """A control plane with the nodes of the default scenario."""

    def __init__(self, plane: ControlPlane, nodes: FakeNodes) -> None:
        self.plane = plane
        self.nodes = nodes
        self.admin = plane.admin
        self.version = plane.version
        self._numbers = itertools.count(1)

    @contextmanager
    def place(self, *, grant: bool = True) -> Iterator[Place]:
        """A new namespace and user, for the time of the block."""
        number = next(self._numbers)
        namespace = f"test-{number:04}"
        self.admin.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        place = Place(self, namespace, operator_name(number))
        place.until(lambda: self._furnished(namespace))
        if grant:
            place.grant()
        try:
            yield place
        finally:
            self.admin.request("DELETE", f"/api/v1/namespaces/{namespace}")

    def _furnished(self, namespace: str) -> bool:
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        trust = f"/api/v1/namespaces/{namespace}/configmaps/kube-root-ca.crt"
        return all(self.admin.request("GET", path).status == 200 for path in (account, trust))


@contextmanager
def real_cluster(directory: Path, module: str = "newest") -> Iterator[RealCluster]:
    """A running cluster for the time of the block. Raises build.CannotBuild."""
    with running_plane(directory, module) as plane:
        nodes = FakeNodes(plane.admin, directory, plane.version)
        nodes.start()
        try:
            cluster = RealCluster(plane, nodes)
            ready = plane.admin
            gateway.install(ready)
            plane.until(lambda: _untainted(ready) and gateway.established(ready))
            yield cluster
        finally:
            nodes.stop()


def _untainted(admin: Client) -> bool:
    """Every node is ready for pods: the node lifecycle controller has taken its taint away."""
    nodes = admin.request("GET", "/api/v1/nodes").body["items"]
    return bool(nodes) and not any(node["spec"].get("taints") for node in nodes)


def must_not_skip() -> bool:
    """`make test-cluster` sets it: what can't run there is a failure."""
    return bool(os.environ.get("SENSEI_TEST_CLUSTER"))
