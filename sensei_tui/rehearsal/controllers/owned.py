"""Owners and the pods they own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

import msgspec

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.world import World, condition_is
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone
from sensei_tui.rehearsal.selectors import label_matcher, selector_text

POD = kinds.named("Pod")
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def reference(kind: Kind, obj: Object) -> Object:
    """An owner reference of a controller."""
    return {
        "apiVersion": kind.api_version, "kind": kind.kind, "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def controller_of(obj: Object) -> Object | None:
    """The owner reference that is marked as the controller."""
    return next((item for item in obj["metadata"].get("ownerReferences") or () if item.get("controller")), None)


def owner_keys(kind: Kind, obj: Object) -> Iterator[tuple[str, str]]:
    """The key of the object's controller if it is of this kind."""
    owner = controller_of(obj)
    if owner and (owner["kind"], owner["apiVersion"]) == (kind.kind, kind.api_version):
        yield obj["metadata"].get("namespace", ""), owner["name"]


def owned(world: World, kind: Kind, owner: Object) -> list[Object]:
    """The objects of `kind` that the owner controls: read them, never change them."""
    uid, namespace = owner["metadata"]["uid"], owner["metadata"]["namespace"]
    found = world.store.select(kind, namespace)
    return [item for item in found if (controller_of(item) or {}).get("uid") == uid]


def adopt(world: World, kind: Kind, owner_kind: Kind, owner: Object, name: str = "") -> None:
    """Take over objects that match the selector, and the expression `name`, and have no controller."""
    matches = label_matcher(selector_text(owner["spec"].get("selector") or {}))
    for item in list(world.store.select(kind, owner["metadata"]["namespace"])):
        if not re.fullmatch(name or ".*", item["metadata"]["name"]):
            continue
        if matches(item) and controller_of(item) is None and "deletionTimestamp" not in item["metadata"]:
            world.change(kind, item, lambda new: _own(new, reference(owner_kind, owner)))


def _own(obj: Object, owner: Object) -> None:
    obj["metadata"].setdefault("ownerReferences", []).append(owner)


def pod_from(template: Object, owner_kind: Kind, owner: Object) -> Object:
    """A pod of a template; it needs a name or generateName."""
    metadata = clone(template.get("metadata") or {})
    kept = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
    return {
        "metadata": {
            "namespace": owner["metadata"]["namespace"], "ownerReferences": [reference(owner_kind, owner)], **kept,
        },
        "spec": clone(template.get("spec") or {}),
    }  # fmt: skip


def alive(pod: Object) -> bool:
    """Neither ended nor being deleted."""
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in pod["metadata"]


def ready(pod: Object) -> bool:
    """Whether its Ready condition is true."""
    return condition_is(pod, "Ready")


def available(world: World, pod: Object, seconds: float) -> bool:
    """Ready for at least minReadySeconds."""
    if not ready(pod):
        return False
    if not seconds:
        return True
    since = next(item["lastTransitionTime"] for item in pod["status"]["conditions"] if item["type"] == "Ready")
    return world.since(since) >= seconds


def template_hash(template: Object) -> str:
    """Ten letters that stand for a pod template."""
    digest = hashlib.sha256(msgspec.json.encode(template, order="deterministic")).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:10])


def spare(pods: Iterable[Object]) -> list[Object]:
    """Pods in the order in which to delete them: unscheduled, not ready, youngest first."""

    def worth(pod: Object) -> tuple[bool, bool, str]:
        return bool(pod["spec"].get("nodeName")), ready(pod), _reversed(pod["metadata"]["creationTimestamp"])

    return sorted(pods, key=worth)


def _reversed(stamp: str) -> str:
    return "".join(chr(0x10FFFF - ord(letter)) for letter in stamp)
