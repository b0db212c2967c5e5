"""Facts the API tells. Every group is asked for by itself: one that fails leaves the others known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.quantity import whole
from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.kinds import CLAIM
from sensei_tui.cluster.snapshot import Node, ObjectMeta, PersistentVolumeClaim, Pod, Wire
from sensei_tui.preflight.facts import Permission, Server, StorageClass, Unknown

T = TypeVar("T")
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
AT_ONCE = 8
"""Access reviews in flight: there are about a hundred, and a jump host may be 50 ms away."""


class _Class(Wire, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    provisioner: str = ""
    volume_binding_mode: str = "Immediate"
    allow_volume_expansion: bool = False


class _Bare(Wire, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class _Capacity(Wire, frozen=True):
    storage_class_name: str = ""
    capacity: str = "0"


def ask(function: Callable[[], T]) -> T | Unknown:
    """What the function returns, or why it could not."""
    try:
        return function()
    except SenseiError as error:
        return Unknown(f"{error.what} {error.why}".strip(), error.remedy)
    except OSError as error:
        return Unknown(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))


def server(cluster: Cluster) -> Server:
    """Raises ClusterError."""
    version = cluster.version()
    return Server(version, cluster.latency(), cluster.server_time_skew())


def nodes(cluster: Cluster) -> tuple[Node, ...]:
    """Raises ClusterError."""
    return tuple(cluster.list("/api/v1/nodes", Node))


def pods(cluster: Cluster) -> tuple[Pod, ...]:
    """Of all namespaces: what they request is no longer free. Raises ClusterError."""
    return tuple(cluster.list("/api/v1/pods", Pod))


def storage_classes(cluster: Cluster) -> tuple[StorageClass, ...]:
    """With the capacity their drivers publish. Raises ClusterError."""
    found = tuple(cluster.list("/apis/storage.k8s.io/v1/storageclasses", _Class))
    left = _capacities(cluster)
    return tuple(
        StorageClass(
            name=item.metadata.name, provisioner=item.provisioner, binding=item.volume_binding_mode,
            default=item.metadata.annotations.get(DEFAULT_CLASS) == "true", expandable=item.allow_volume_expansion,
            capacity=left.get(item.metadata.name),
        )
        for item in found
    )  # fmt: skip


def claims(cluster: Cluster) -> dict[str, str]:
    """The phases of the namespace's claims, by name. Raises ClusterError."""
    path = CLAIM.path(cluster.target.namespace)
    return {item.metadata.name: item.status.phase for item in cluster.list(path, PersistentVolumeClaim)}


def runtimes(cluster: Cluster) -> frozenset[str]:
    """The names of the RuntimeClasses. Raises ClusterError."""
    return frozenset(item.metadata.name for item in cluster.list("/apis/node.k8s.io/v1/runtimeclasses", _Bare))


def _capacities(cluster: Cluster) -> dict[str, int]:
    """Bytes by class, over all topologies. Not being allowed to read them is as good as their not being there."""
    listed = ask(lambda: list(cluster.list("/apis/storage.k8s.io/v1/csistoragecapacities", _Capacity)))
    total: dict[str, int] = {}
    for item in [] if isinstance(listed, Unknown) else listed:
        total[item.storage_class_name] = total.get(item.storage_class_name, 0) + whole(item.capacity)
    return total


def denied(cluster: Cluster, wanted: Iterable[Permission]) -> tuple[Permission, ...]:
    """Those of the permissions that we do not have. Raises ClusterError."""

    def allowed(item: Permission) -> bool:
        resource, _, subresource = item.resource.partition("/")
        return cluster.allowed(item.verb, item.group, resource, namespace=item.namespace, subresource=subresource)

    permissions = list(wanted)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(allowed, permissions))
    return tuple(item for item, granted in zip(permissions, answers, strict=True) if not granted)
