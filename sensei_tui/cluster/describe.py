"""An object in words and as YAML, for a reader. Secret data never leaves here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sensei_tui.base import clock
from sensei_tui.base.redaction import MASK
from sensei_tui.base.text import plain
from sensei_tui.cluster.client import Cluster

_QUIET = ("managedFields", "selfLink")
_LABEL = 14


def object_yaml(cluster: Cluster, kind: str, name: str) -> str:
    """The object as the API gives it, without field owners; the data of a Secret is masked. Raises ClusterError."""
    import yaml

    obj = cluster.object(kind, name)
    obj["metadata"] = {key: value for key, value in obj["metadata"].items() if key not in _QUIET}
    if kind == "Secret":
        obj["data"] = dict.fromkeys(obj.get("data") or {}, MASK)
    return plain(yaml.safe_dump(obj, sort_keys=False, allow_unicode=True))


def describe(cluster: Cluster, kind: str, name: str) -> str:
    """What an operator asks of an object, and its events, oldest first. Raises ClusterError."""
    obj = cluster.object(kind, name)
    selector = f"involvedObject.name={name},involvedObject.kind={kind}"
    namespace = obj["metadata"].get("namespace", "default")
    events = cluster.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector=selector)["items"]
    lines = [*_facts(obj), *_parts(obj), *_conditions(obj), *_events(events)]
    return plain("\n".join(lines))


def _row(label: str, value: Any) -> str:
    return f"{label:<{_LABEL}}{value}"


def _facts(obj: dict[str, Any]) -> Iterator[str]:
    found, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    yield _row(obj["kind"], found["name"])
    facts = {
        "namespace": found.get("namespace"), "node": spec.get("nodeName"), "phase": status.get("phase"),
        "address": status.get("podIP") or spec.get("clusterIP"), "class": spec.get("storageClassName"),
        "volume": spec.get("volumeName"), "created": found.get("creationTimestamp"),
        "deleted": found.get("deletionTimestamp"), "kubelet": (status.get("nodeInfo") or {}).get("kubeletVersion"),
    }  # fmt: skip
    yield from (_row(label, value) for label, value in facts.items() if value)
    owners = [f"{item['kind']}/{item['name']}" for item in found.get("ownerReferences") or ()]
    yield from [_row("owned by", ", ".join(owners))] if owners else []
    counts = [f"{key} {status[key]}" for key in sorted(status) if key.endswith("eplicas")]
    yield from [_row("pods", ", ".join(counts))] if counts else []
    yield from _table("labels", found.get("labels"))
    for name in ("allocatable", "capacity"):
        yield from _table(name, status.get(name))


def _table(title: str, pairs: dict[str, Any] | None) -> Iterator[str]:
    for number, (key, value) in enumerate(sorted((pairs or {}).items())):
        yield _row("" if number else title, f"{key}={value}")


def _parts(obj: dict[str, Any]) -> Iterator[str]:
    """Containers with their state; ports of a service."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    template = (spec.get("template") or {}).get("spec") or spec
    states = {item["name"]: item for part in ("initContainerStatuses", "containerStatuses")
              for item in status.get(part) or ()}  # fmt: skip
    for part in ("initContainers", "containers"):
        for item in template.get(part) or ():
            yield ""
            yield _row("init" if part == "initContainers" else "container", item["name"])
            yield from _container(item, states.get(item["name"]))
    for port in spec.get("ports") or ():
        yield _row("port", f"{port.get('name', '')} {port['port']} -> {port.get('targetPort')}".strip())


def _container(item: dict[str, Any], state: dict[str, Any] | None) -> Iterator[str]:
    yield _row("  image", item.get("image"))
    resources = item.get("resources") or {}
    for name in ("requests", "limits"):
        if resources.get(name):
            yield _row(f"  {name}", ", ".join(f"{key} {value}" for key, value in sorted(resources[name].items())))
    if state is None:
        return
    yield _row("  state", _state(state.get("state") or {}))
    yield from [_row("  before", _state(state["lastState"]))] if state.get("lastState") else []
    yield _row("  ready", f"{'yes' if state.get('ready') else 'no'}, restarts {state.get('restartCount', 0)}")


def _state(state: dict[str, Any]) -> str:
    for word, detail in state.items():
        told = [detail.get("reason"), detail.get("message")]
        code = detail.get("exitCode")
        told += [f"exit code {code}"] if code is not None else []
        since = detail.get("startedAt") if word == "running" else detail.get("finishedAt")
        return ", ".join(str(part) for part in [word, *told, since] if part)
    return "unknown"


def _conditions(obj: dict[str, Any]) -> Iterator[str]:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    if conditions:
        yield ""
    for item in conditions:
        told = " ".join(part for part in (item.get("reason"), item.get("message")) if part)
        yield _row("condition", f"{item['type']}={item['status']} {told}".rstrip())


def _events(events: Iterable[dict[str, Any]]) -> Iterator[str]:
    def when(event: dict[str, Any]) -> str:
        return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])

    ordered = sorted(events, key=when)
    yield ""
    yield _row("events", "" if ordered else "none")
    for event in ordered:
        age = clock.age((clock.now() - clock.parse(when(event))).total_seconds())
        count = f" x{event['count']}" if event.get("count", 1) > 1 else ""
        yield f"  {age:>4} {event['type']:<8}{event['reason']}{count}: {event.get('message', '')}"
