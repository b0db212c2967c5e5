"""The scenario's nodes and storage classes, as a cluster has them registered."""

from __future__ import annotations

import hashlib
import uuid

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.claims import CLASS
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.scenario import GPU, NodeSpec, StorageSpec

NODE = kinds.named("Node")
_CAPACITY = kinds.named("CSIStorageCapacity")
_DRIVER = kinds.named("CSIDriver")
_RUNTIME = kinds.named("RuntimeClass")
_NVIDIA = "nvidia"
"""The RuntimeClass that NVIDIA's GPU operator makes (`operator.runtimeClass` of its chart)."""
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_GONE = "node.kubernetes.io/not-ready"


def register(world: World) -> None:
    """Make nodes and storage those of the scenario; pods of nodes that are gone go too."""
    now = world.now()
    wanted = {name: node_object(spec, name, now) for spec in world.scenario.nodes for name in spec.names()}
    for node in list(world.store.select(NODE)):
        if node["metadata"]["name"] not in wanted:
            world.store.delete(NODE, "", node["metadata"]["name"])
    for name, node in wanted.items():
        live = world.find(NODE, "", name)
        if live is None:
            world.store.create(NODE, node)
        else:
            world.store.update(NODE, {**live, "spec": {**live["spec"], **node["spec"]}})
            world.set_status(NODE, live, **node["status"])
    for pod in list(world.store.select(POD)):
        if pod["spec"].get("nodeName") and pod["spec"]["nodeName"] not in wanted:
            world.delete(POD, pod, grace=0)
    for number, storage in enumerate(world.scenario.storage_classes):
        _storage(world, storage, number)
    if any(spec.gpus for spec in world.scenario.nodes) and not world.find(_RUNTIME, "", _NVIDIA):
        world.create(_RUNTIME, {"metadata": {"name": _NVIDIA}, "handler": _NVIDIA})


def node_object(spec: NodeSpec, name: str, now: str) -> Object:
    """A Node as its kubelet registers it; `now` is a timestamp."""
    sizes = {
        "cpu": spec.cpu, "memory": spec.memory, "ephemeral-storage": spec.storage, "pods": str(spec.pods),
        "hugepages-1Gi": "0", "hugepages-2Mi": "0", **({GPU: str(spec.gpus)} if spec.gpus else {}),
    }  # fmt: skip
    labels = {
        "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **spec.labels,
    }  # fmt: skip
    taints = [*spec.taints, *([] if spec.ready else [{"key": _GONE, "effect": "NoSchedule"}])]
    identity = hashlib.sha256(name.encode()).hexdigest()
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {**({"taints": taints} if taints else {}), **({"unschedulable": True} if spec.unschedulable else {})},
        "status": {
            "addresses": [{"type": "InternalIP", "address": node_address(name)}, {"type": "Hostname", "address": name}],
            "allocatable": sizes, "capacity": dict(sizes), "conditions": _conditions(spec, now),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": "amd64", "bootID": str(uuid.UUID(identity[:32])), "machineID": identity[:32],
                "systemUUID": str(uuid.UUID(identity[32:])), "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.1.0-40-amd64", "kubeProxyVersion": "", "kubeletVersion": spec.kubelet,
                "operatingSystem": "linux", "osImage": "Debian GNU/Linux 12 (bookworm)",
            },
        },
    }  # fmt: skip


def node_address(name: str) -> str:
    """The same address for the same name."""
    digest = hashlib.sha256(name.encode()).digest()
    return f"10.20.{digest[0]}.{digest[1] % 254 + 1}"


def _conditions(spec: NodeSpec, now: str) -> list[Object]:
    pressures = (
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    )
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    rows = [{"type": kind, "status": "False", "reason": reason, "message": text, **times}
            for kind, reason, text in pressures]  # fmt: skip
    if spec.ready:
        last = {"status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
    else:
        last = {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    return [*rows, {"type": "Ready", **last, **times}]


def storage_objects(spec: StorageSpec, number: int) -> tuple[tuple[Kind, Object], ...]:
    """What an administrator and a CSI driver create for a StorageClass; the last is the driver's CSIStorageCapacity."""
    storage = {
        "metadata": {"name": spec.name, "annotations": {_DEFAULT_CLASS: "true"} if spec.default else {}},
        "provisioner": spec.provisioner, "parameters": spec.parameters, "reclaimPolicy": "Delete",
        "volumeBindingMode": spec.binding, "allowVolumeExpansion": spec.expandable,
    }  # fmt: skip
    driver = {
        "metadata": {"name": spec.provisioner}, "spec": {"storageCapacity": True, "attachRequired": False}
    }  # fmt: skip
    capacity = {
        "metadata": {"name": f"csisc-{number}", "namespace": "kube-system"}, "storageClassName": spec.name,
        "capacity": spec.capacity, "nodeTopology": {},
    }  # fmt: skip
    return (CLASS, storage), (_DRIVER, driver), (_CAPACITY, capacity)


def _storage(world: World, spec: StorageSpec, number: int) -> None:
    *fixed, (kind, capacity) = storage_objects(spec, number)
    for one, obj in fixed:
        if not world.find(one, "", obj["metadata"]["name"]):
            world.create(one, obj)
    live = world.find(kind, "kube-system", capacity["metadata"]["name"])
    if live is None:
        world.create(kind, capacity)
    else:
        world.change(kind, live, lambda new: new.update({**capacity, "metadata": new["metadata"]}))
