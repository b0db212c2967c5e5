"""What a real kubelet 1.36 reported (tests/fixtures/kubelet-1.36), and short ways to make other objects."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sensei_tui.cluster.snapshot import (
    EndpointSlice,
    Event,
    Node,
    PersistentVolumeClaim,
    Pod,
    Service,
    Snapshot,
    Workload,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "kubelet-1.36"
T = TypeVar("T")
NAMESPACE = "sensei"


def _items(file: str, type: type[T]) -> list[T]:
    raw = msgspec.json.decode((FIXTURES / file).read_bytes())
    return [msgspec.convert(item, type) for item in raw["items"]]


@cache
def pods() -> dict[str, Pod]:
    """By name: crash, noimg, nosecret, oom and two of httpd."""
    return {pod.metadata.name: pod for pod in _items("pods-real-kubelet.json", Pod)}


@cache
def events() -> tuple[Event, ...]:
    return tuple(_items("events-real-kubelet.json", Event))


def node() -> Node:
    return msgspec.json.decode((FIXTURES / "node-real.json").read_bytes(), type=Node)


def slices() -> list[EndpointSlice]:
    return _items("eps.json", EndpointSlice)


def real_snapshot(*names: str) -> Snapshot:
    """The real pods of these names with everything that was said about them."""
    found = {f"real/{name}": pods()[name] for name in names or pods()}
    told = {f"real/{number}": event for number, event in enumerate(events())}
    return Snapshot(namespace="real", complete=True, pods=found, events=told, nodes={"real-00": node()})


def labels(component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "sensei", "app.kubernetes.io/instance": "sensei",
        "app.kubernetes.io/component": component,
    }  # fmt: skip


def meta(name: str, component: str = "", owner: str = "", **more: Any) -> dict[str, Any]:
    kind, _, above = owner.partition("/")
    owners = [{"kind": kind, "name": above, "uid": f"uid-{above}", "controller": True}] if owner else []
    own = labels(component) if component else {}
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "labels": own,
        "ownerReferences": owners,
        **more,
    }


def workload(
    name: str, component: str = "", *, kind: str = "Deployment", ready: int = 1, replicas: int = 1, owner: str = "",
    conditions: list[dict[str, Any]] | None = None, **status: Any,
) -> Workload:  # fmt: skip
    numbers = {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready, "availableReplicas": ready}
    spec: dict[str, Any] = {"completions": replicas} if kind == "Job" else {"replicas": replicas}
    given = {
        "metadata": meta(name, component, owner, generation=1), "spec": spec,
        "status": {"observedGeneration": 1, **numbers, "conditions": conditions or [], **status},
    }  # fmt: skip
    return msgspec.structs.replace(msgspec.convert(given, Workload), kind=kind)


def pod(
    name: str, component: str = "", owner: str = "", *, state: dict[str, Any] | None = None, ready: bool = False,
    phase: str = "Running", placed: bool = True, status: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None, **container: Any,
) -> Pod:  # fmt: skip
    """One container `c`; `state` is its state, `container` the rest of its status."""
    word = "True" if ready else "False"
    conditions = [
        {"type": "PodScheduled", "status": "True" if placed else "False"}, {"type": "Initialized", "status": "True"},
        {"type": "Ready", "status": word}, {"type": "ContainersReady", "status": word},
    ]  # fmt: skip
    own = {"name": "c", "ready": ready, "started": True, "state": state or {"running": {"startedAt": T0}}, **container}
    given = {
        "metadata": meta(name, component, owner, creationTimestamp=T0),
        "spec": {"nodeName": "node-1" if placed else "", "containers": [{"name": "c", "image": "r/c:1"}], **(spec or {})},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": [own] if placed else [], **(status or {})},
    }  # fmt: skip
    return msgspec.convert(given, Pod)


T0 = "2026-11-23T12:00:00Z"


def event(kind: str, name: str, reason: str, message: str, *, at: str = "2026-11-23T12:01:00Z", **more: Any) -> Event:
    given = {
        "metadata": {"name": f"{name}.{reason}", "namespace": NAMESPACE}, "type": "Warning", "reason": reason,
        "involvedObject": {"kind": kind, "name": name}, "message": message, "firstTimestamp": at, "lastTimestamp": at,
        **more,
    }  # fmt: skip
    return msgspec.convert(given, Event)


def service(name: str, component: str = "", selects: str = "", **spec: Any) -> Service:
    chosen = labels(selects or component)
    given = {"metadata": meta(name, component), "spec": {"selector": chosen, "ports": [{"port": 80}], **spec}}
    return msgspec.convert(given, Service)


def slice_of(name: str, **pods: bool) -> EndpointSlice:
    """Endpoints of a service: pod name (underscores for hyphens) and whether it is ready."""
    named = {pod.replace("_", "-"): ready for pod, ready in pods.items()}
    found = [
        {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": pod}}
        for number, (pod, ready) in enumerate(named.items())
    ]
    given = {
        "metadata": {**meta(f"{name}-abc"), "labels": {"kubernetes.io/service-name": name}}, "endpoints": found,
    }  # fmt: skip
    return msgspec.convert(given, EndpointSlice)


def claim(name: str, phase: str = "Pending", component: str = "") -> PersistentVolumeClaim:
    return msgspec.convert({"metadata": meta(name, component), "status": {"phase": phase}}, PersistentVolumeClaim)


def snapshot(*objects: Any, complete: bool = True, trouble: str = "") -> Snapshot:
    """A picture of exactly these objects."""
    fields: dict[type[Any], str] = {
        Pod: "pods", Service: "services", EndpointSlice: "endpoint_slices", PersistentVolumeClaim: "claims",
        Event: "events", Node: "nodes", Workload: "workloads",
    }  # fmt: skip
    maps: dict[str, dict[str, Any]] = {}
    for number, item in enumerate(objects):
        maps.setdefault(fields[type(item)], {})[f"{number}"] = item
    return Snapshot(namespace=NAMESPACE, complete=complete, trouble=trouble, **maps)
