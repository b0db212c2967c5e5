"""Claims that a pod uses stay until it has gone, volumes until no claim has them (the protection finalizers)."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.claims import CLAIM, ENDED, VOLUME, claims_of
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, key_of

_POD = kinds.named("Pod")
_FINALIZERS = {CLAIM: "kubernetes.io/pvc-protection", VOLUME: "kubernetes.io/pv-protection"}


class Protection:
    """Its keys are claims that may go, and volumes (those have no namespace)."""

    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        found = obj["metadata"]
        if kind in _FINALIZERS and event != "DELETED" and "deletionTimestamp" in found:
            return [key_of(obj)]
        if kind is CLAIM and event == "DELETED":
            return [("", obj["spec"].get("volumeName", ""))]
        if kind is _POD and (event == "DELETED" or _ended(obj)):
            return [(found["namespace"], name) for name in claims_of(obj)]
        return ()

    def reconcile(self, namespace: str, name: str) -> None:
        kind = CLAIM if namespace else VOLUME
        obj = self._world.find(kind, namespace, name)
        if obj is None or "deletionTimestamp" not in obj["metadata"] or self._used(kind, obj):
            return
        finalizer = _FINALIZERS[kind]
        if finalizer in (obj["metadata"].get("finalizers") or ()):
            self._world.change(kind, obj, lambda new: _release(new, finalizer))

    def _used(self, kind: Kind, obj: Object) -> bool:
        namespace, name = key_of(obj)
        if kind is VOLUME:
            owner = obj["spec"].get("claimRef") or {}
            claim = self._world.find(CLAIM, owner.get("namespace", ""), owner.get("name", ""))
            return claim is not None and claim["metadata"]["uid"] == owner.get("uid")
        return any(name in claims_of(pod) and not _ended(pod) for pod in self._world.store.select(_POD, namespace))


def _ended(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in ENDED


def _release(obj: Object, finalizer: str) -> None:
    obj["metadata"]["finalizers"] = [one for one in obj["metadata"]["finalizers"] if one != finalizer]
