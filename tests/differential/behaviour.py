"""Objects that the cases about behaviour are made of, and the parts of answers that they compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.differential import normal
from tests.differential.suite import Side, Step, events, get, only

Value = dict[str, Any]
IMAGE = "registry.local/web:1"


def container(**more: Any) -> Value:
    return {"name": "main", "image": IMAGE, **more}


def pod(name: str = "one", *, labels: Value | None = None, containers: list[Value] | None = None, **spec: Any) -> str:
    """A Pod; `spec` adds to its specification."""
    metadata = {"name": name, "labels": labels or {"app": name}}
    parts = {"terminationGracePeriodSeconds": 1, "containers": containers or [container()], **spec}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": parts})


def template(**spec: Any) -> Value:
    parts = {"terminationGracePeriodSeconds": 1, "containers": [container()], **spec}
    return {"metadata": {"labels": {"app": "web"}}, "spec": parts}


def _workload(group: str, kind: str, name: str, inside: Value, spec: Value) -> str:
    selected = {"selector": {"matchLabels": {"app": "web"}}, "template": template(**inside), **spec}
    return json.dumps({"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": selected})


def deployment(replicas: int = 1, name: str = "web", inside: Value | None = None, **spec: Any) -> str:
    """A Deployment; `inside` adds to its pods' specification, `spec` to its own."""
    return _workload("apps/v1", "Deployment", name, inside or {}, {"replicas": replicas, **spec})


def stateful_set(replicas: int = 2, inside: Value | None = None, **spec: Any) -> str:
    return _workload("apps/v1", "StatefulSet", "db", inside or {}, {"replicas": replicas, "serviceName": "db", **spec})


def daemon_set(inside: Value | None = None, **spec: Any) -> str:
    return _workload("apps/v1", "DaemonSet", "agent", inside or {}, spec)


def job(name: str = "once", **spec: Any) -> str:
    inside = {"containers": [container()], "restartPolicy": spec.pop("restart", "Never")}
    body = {"template": {"spec": inside}, **spec}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": body})


def service(name: str = "web", **spec: Any) -> str:
    parts = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": parts})


def claim(name: str = "data", **spec: Any) -> str:
    parts = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return json.dumps({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": parts})


def volume(claim_name: str) -> Value:
    """Part of a pod's specification: a volume of a claim."""
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]}


# What is compared.


def owned_fields_out(value: Any) -> Any:
    """Without managedFields: `test_apply` compares those."""
    if isinstance(value, dict):
        return {key: owned_fields_out(item) for key, item in value.items() if key != "managedFields"}
    return [owned_fields_out(item) for item in value] if isinstance(value, list) else value


def plain(place: str) -> Step:
    """An object, conditions by type (they stand as they changed last, which is a matter of time), or a list in order
    of the items' text without names."""
    return only(get(place), lambda answer: _ordered(owned_fields_out(answer["body"])))


def _ordered(body: Any) -> Any:
    if isinstance(body, dict) and "items" in body:
        body["items"] = sorted(body["items"], key=lambda one: json.dumps(_shape(one), sort_keys=True))
    elif isinstance(body, dict) and (conditions := body.get("status", {}).get("conditions")):
        conditions.sort(key=lambda one: str(one["type"]))
    return body


def _shape(obj: Value) -> Any:
    return [obj.get("spec", {}).get("replicas"), obj.get("spec", {}).get("template"), obj["metadata"].get("labels")]


def part(place: str, pick: Callable[[Any], Any]) -> Step:
    """A part of an object, without managedFields."""
    return only(get(place), lambda answer: pick(owned_fields_out(answer["body"])))


def status(place: str) -> Step:
    return part(place, lambda body: body["status"])


def conditions(place: str) -> Step:
    """Type, status, reason and message, in order of type."""
    return part(place, lambda body: sorted(
        [one["type"], one["status"], one.get("reason", ""), one.get("message", "")]
        for one in body["status"].get("conditions", ())
    ))  # fmt: skip


def told(name: str) -> Step:
    """What the events about an object say, each once however often it was tried."""

    def step(side: Side) -> Any:
        found = {tuple(normal.text(part, side.namespace) for part in one) for one in events(name)(side)}
        return sorted(list(one) for one in found if not one[2].startswith("(combined"))

    return step


# What is waited for.


def available(count: int) -> Callable[[Any], bool]:
    """The Deployment has so many available pods, none other, and knows it."""

    def ready(body: Any) -> bool:
        found, observed = body["status"], body["status"].get("observedGeneration")
        wanted = (count, count, count) if count else (None, None, None)
        have = tuple(found.get(key) or None for key in ("replicas", "updatedReplicas", "availableReplicas"))
        progressed = any(one.get("reason") == "NewReplicaSetAvailable" for one in found.get("conditions", ()))
        settled = not found.get("terminatingReplicas") and progressed
        return have == wanted and bool(observed == body["metadata"]["generation"]) and settled

    return ready


def all_ready(count: int) -> Callable[[Any], bool]:
    """The StatefulSet has so many ready pods of its newest revision, none other, and knows it."""

    def ready(body: Any) -> bool:
        found = body["status"]
        counts = [found.get(key, 0) for key in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")]
        same = found.get("currentRevision") == found.get("updateRevision")
        return (
            counts == [count] * 4 and bool(same) and bool(found["observedGeneration"] == body["metadata"]["generation"])
        )

    return ready


def phase(wanted: str) -> Callable[[Any], bool]:
    return lambda body: bool(body["status"]["phase"] == wanted)


def is_ready(body: Any) -> bool:
    """The pod is ready."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in body["status"]["conditions"])


def gone(body: Any) -> bool:
    return (body.get("kind"), body.get("code")) == ("Status", 404)


def empty(body: Any) -> bool:
    return len(body["items"]) == 0


def has(count: int) -> Callable[[Any], bool]:
    """The list has so many items."""
    return lambda body: len(body["items"]) == count
