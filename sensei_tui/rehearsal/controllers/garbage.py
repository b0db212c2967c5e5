"""The garbage collector: dependents go when their last owner has gone; foreground and orphan deletion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, key_of

_FINALIZERS = ("foregroundDeletion", "orphan")
Dependent = tuple[Kind, str, str]


class Garbage:
    """Its keys are ("", uid): of an owner that has gone, or that waits for its dependents."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dependents: dict[str, set[Dependent]] = defaultdict(set)
        self._waiting: dict[str, Dependent] = {}

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        uid, place = obj["metadata"].get("uid", ""), (kind, *key_of(obj))
        owners = [owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()]
        if event == "DELETED":
            for owner in owners:
                self._dependents[owner].discard(place)
            self._waiting.pop(uid, None)
            return [("", uid), *(("", owner) for owner in owners if owner in self._waiting)]
        for owner in owners:
            self._dependents[owner].add(place)
        if "deletionTimestamp" in obj["metadata"] and set(_FINALIZERS) & {*(obj["metadata"].get("finalizers") or ())}:
            self._waiting[uid] = place
            return [("", uid)]
        return [("", owner) for owner in owners if event == "ADDED" and not self._lives(obj, owner)]

    def _lives(self, dependent: Object, uid: str) -> bool:
        for owner in dependent["metadata"].get("ownerReferences") or ():
            kind = kinds.by_kind(owner["apiVersion"], owner["kind"])
            if owner["uid"] == uid and kind:
                found = self._world.find(kind, dependent["metadata"].get("namespace", ""), owner["name"])
                return found is not None and found["metadata"]["uid"] == uid
        return False

    def reconcile(self, namespace: str, name: str) -> None:
        uid = name
        if place := self._waiting.get(uid):
            self._finalize(uid, place)
            return
        for place in sorted(self._dependents.pop(uid, ()), key=str):
            dependent = self._world.find(*place)
            if dependent is None:
                continue
            owners = dependent["metadata"].get("ownerReferences") or ()
            if any(owner["uid"] != uid and self._lives(dependent, owner["uid"]) for owner in owners):
                self._disown(place[0], dependent, uid)
            elif "deletionTimestamp" not in dependent["metadata"]:
                self._world.delete(place[0], dependent)

    def _disown(self, kind: Kind, dependent: Object, uid: str) -> None:
        def leave(obj: Object) -> None:
            found = obj["metadata"]
            found["ownerReferences"] = [item for item in found["ownerReferences"] if item["uid"] != uid]
            if not found["ownerReferences"]:
                del found["ownerReferences"]

        self._world.change(kind, dependent, leave)

    def _finalize(self, uid: str, place: Dependent) -> None:
        """Do what the finalizer waits for; take it away when that is done."""
        owner = self._world.find(*place)
        if owner is None:
            return
        finalizers = owner["metadata"].get("finalizers") or ()
        dependents = [(one[0], obj) for one in self._dependents[uid] if (obj := self._world.find(*one))]
        if "orphan" in finalizers:
            for kind, dependent in dependents:
                self._disown(kind, dependent, uid)
            self._dependents.pop(uid, None)
        elif dependents:
            for kind, dependent in dependents:
                if "deletionTimestamp" not in dependent["metadata"]:
                    self._world.delete(
                        kind, dependent, propagation="Foreground" if self._owns(dependent) else "Background"
                    )
            return
        self._world.change(place[0], owner, lambda new: _drop(new, _FINALIZERS))

    def _owns(self, obj: Object) -> bool:
        return bool(self._dependents.get(obj["metadata"]["uid"]))


def _drop(obj: Object, finalizers: tuple[str, ...]) -> None:
    obj["metadata"]["finalizers"] = [item for item in obj["metadata"]["finalizers"] if item not in finalizers]
