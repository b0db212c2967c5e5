"""Nodes: their state in words, and what is requested of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from sensei_tui.base.quantity import millicores, whole
from sensei_tui.cluster.snapshot import Container, Node, Pod, Resources
from sensei_tui.health.model import NodeHealth, Word
from sensei_tui.health.pods import is_over, sidecars

GPU = "nvidia.com/gpu"
RESOURCES = ("cpu", "memory", GPU)
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
CORDONED = "node.kubernetes.io/unschedulable"
Amounts = dict[str, int]
"""Millicores, bytes, GPUs."""


@lru_cache(maxsize=4096)
def _amount(resource: str, quantity: str | int) -> int:
    """Ten thousand pods ask for the same few quantities. What cannot be read counts nothing."""
    try:
        return millicores(quantity) if resource == "cpu" else whole(quantity)
    except ValueError:
        return 0


def _amounts(given: Mapping[str, str | int]) -> Amounts:
    return {resource: _amount(resource, given[resource]) if resource in given else 0 for resource in RESOURCES}


def _requests(resources: Resources) -> Amounts:
    return _amounts({**{key: value for key, value in resources.limits.items() if key == GPU}, **resources.requests})


def _added(parts: Iterable[Amounts]) -> Amounts:
    total = dict.fromkeys(RESOURCES, 0)
    for part in parts:
        for resource, amount in part.items():
            total[resource] += amount
    return total


def pod_requests(pod: Pod) -> Amounts:
    """What the scheduler sets aside for a pod: millicores, bytes, GPUs.

    The containers together (sidecars included), or one init container with the sidecars started before it where that
    is more; requests of the pod as a whole win; overhead comes on top.
    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    """
    running = _added(_requests(item.resources) for item in (*pod.spec.containers, *sidecars(pod)))
    needed = {resource: max(running[resource], peak) for resource, peak in _init_peak(pod.spec.init_containers).items()}
    if pod.spec.resources:
        needed.update({key: _amount(key, value) for key, value in pod.spec.resources.requests.items() if key in needed})
    return _added((needed, _amounts(pod.spec.overhead)))


def _init_peak(containers: Iterable[Container]) -> Amounts:
    peak, beside = dict.fromkeys(RESOURCES, 0), dict.fromkeys(RESOURCES, 0)
    for item in containers:
        own = _added((_requests(item.resources), beside))
        if item.restart_policy == "Always":
            beside = own
        peak = {resource: max(peak[resource], own[resource]) for resource in RESOURCES}
    return peak


def judge_nodes(nodes: Iterable[Node], pods: Iterable[Pod]) -> tuple[NodeHealth, ...]:
    """Every node, by name, with what the pods of all namespaces that we may see request of it."""
    placed: dict[str, list[Amounts]] = {}
    for pod in pods:
        if pod.spec.node_name and not is_over(pod):
            placed.setdefault(pod.spec.node_name, []).append(pod_requests(pod))
    return tuple(
        _judge(node, placed.get(node.metadata.name, [])) for node in sorted(nodes, key=lambda item: item.metadata.name)
    )


def _judge(node: Node, requests: list[Amounts]) -> NodeHealth:
    word, conditions = _state(node)
    used, free = _added(requests), _amounts(node.status.allocatable)
    return NodeHealth(
        name=node.metadata.name, word=word, version=node.status.node_info.kubelet_version, conditions=conditions,
        cpu_requested=used["cpu"], cpu_allocatable=free["cpu"], memory_requested=used["memory"],
        memory_allocatable=free["memory"], gpus_requested=used[GPU], gpus_allocatable=free[GPU], pods=len(requests),
    )  # fmt: skip


def _state(node: Node) -> tuple[Word, str]:
    conditions = {item.type: item for item in node.status.conditions}
    ready = conditions.get("Ready")
    parts: list[str] = []
    word = Word.OK
    if ready is None or ready.status != "True":
        word = Word.FAIL
        parts.append(f"not ready: {(ready.reason if ready else '') or 'it has not reported'}")
    pressed = [name for name in PRESSURES if name in conditions and conditions[name].status == "True"]
    cordoned = ["cordoned"] if node.spec.unschedulable else []
    if (pressed or cordoned) and word is Word.OK:
        word = Word.WARN
    taints = [item for item in node.spec.taints if item.key != CORDONED]
    told = [f"taint {item.key}{'=' if item.value else ''}{item.value}:{item.effect}" for item in taints]
    return word, ", ".join((*parts, *pressed, *cordoned, *told))
