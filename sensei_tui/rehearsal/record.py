"""A scenario from a real cluster: its nodes and storage classes, less what already runs on them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sensei_tui.base import quantity
from sensei_tui.rehearsal.scenario import GPU, NodeSpec, Scenario, StorageSpec

Get = Callable[[str], Any]
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_ENDED = ("Succeeded", "Failed")


def read(get: Get) -> Scenario:
    """`get(path)` gives decoded JSON of the real cluster; nothing is written there."""
    pods = get("/api/v1/pods")["items"]
    nodes = tuple(_node(node, pods) for node in get("/api/v1/nodes")["items"])
    classes = tuple(_storage(item) for item in get("/apis/storage.k8s.io/v1/storageclasses")["items"])
    return Scenario(nodes=nodes, storage_classes=classes)


def _node(node: Any, pods: list[Any]) -> NodeSpec:
    name, free = node["metadata"]["name"], node["status"]["allocatable"]
    mine = [pod for pod in pods if pod["spec"].get("nodeName") == name and pod["status"].get("phase") not in _ENDED]
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in node["status"].get("conditions") or ())
    return NodeSpec(
        name=name, cpu=f"{_left(free, mine, 'cpu', 1000)}m", memory=f"{_left(free, mine, 'memory', 1) >> 20}Mi",
        storage=f"{_left(free, mine, 'ephemeral-storage', 1) >> 20}Mi",
        pods=max(0, int(free.get("pods", "110")) - len(mine)), gpus=_left(free, mine, GPU, 1),
        labels=dict(node["metadata"].get("labels") or {}),
        taints=[_taint(item) for item in node["spec"].get("taints") or ()],
        kubelet=node["status"]["nodeInfo"]["kubeletVersion"], unschedulable=bool(node["spec"].get("unschedulable")),
        ready=ready,
    )  # fmt: skip


def _taint(taint: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in taint.items() if key != "timeAdded"}


def _left(free: dict[str, str], pods: list[Any], resource: str, scale: int) -> int:
    """Allocatable less requested, in base units times `scale`."""
    asked = sum((requested(pod["spec"], resource) for pod in pods), Decimal(0))
    return max(0, int((quantity.parse(free.get(resource, "0")) - asked) * scale))


def requested(spec: dict[str, Any], resource: str) -> Decimal:
    """What the scheduler counts for a pod: the sum of its containers, or its largest init container."""
    normal = sum((_request(item, resource) for item in spec.get("containers") or ()), Decimal(0))
    first = Decimal(0)
    for item in spec.get("initContainers") or ():
        if item.get("restartPolicy") == "Always":
            normal += _request(item, resource)
        else:
            first = max(first, _request(item, resource))
    return max(normal, first) + quantity.parse((spec.get("overhead") or {}).get(resource, "0"))


def _request(container: dict[str, Any], resource: str) -> Decimal:
    return quantity.parse(((container.get("resources") or {}).get("requests") or {}).get(resource, "0"))


def _storage(item: Any) -> StorageSpec:
    annotations = item["metadata"].get("annotations") or {}
    return StorageSpec(
        name=item["metadata"]["name"], provisioner=item["provisioner"],
        default=annotations.get(_DEFAULT_CLASS) == "true",
        binding="Immediate" if item.get("volumeBindingMode") == "Immediate" else "WaitForFirstConsumer",
        expandable=bool(item.get("allowVolumeExpansion")), parameters=dict(item.get("parameters") or {}),
    )  # fmt: skip
