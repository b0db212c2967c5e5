"""Claims that a pod uses stay until it has gone (the finalizer kubernetes.io/pvc-protection)."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

_CLAIM = kinds.named("PersistentVolumeClaim")
_POD = kinds.named("Pod")
_FINALIZER = "kubernetes.io/pvc-protection"


class Protection:
    """Its keys are claims that may go."""

    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        found = obj["metadata"]
        if kind is _CLAIM and event != "DELETED" and "deletionTimestamp" in found:
            return [(found["namespace"], found["name"])]
        if kind is _POD and (event == "DELETED" or _ended(obj)):
            return [(found["namespace"], name) for name in _claims(obj)]
        return ()

    def reconcile(self, namespace: str, name: str) -> None:
        claim = self._world.find(_CLAIM, namespace, name)
        if claim is None or "deletionTimestamp" not in claim["metadata"] or self._used(namespace, name):
            return
        if _FINALIZER in (claim["metadata"].get("finalizers") or ()):
            self._world.change(_CLAIM, claim, _release)

    def _used(self, namespace: str, name: str) -> bool:
        pods = self._world.store.select(_POD, namespace)
        return any(name in _claims(pod) and not _ended(pod) for pod in pods)


def _claims(pod: Object) -> list[str]:
    volumes = pod["spec"].get("volumes") or ()
    return [one["persistentVolumeClaim"]["claimName"] for one in volumes if one.get("persistentVolumeClaim")]


def _ended(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _release(claim: Object) -> None:
    claim["metadata"]["finalizers"] = [one for one in claim["metadata"]["finalizers"] if one != _FINALIZER]
