"""A namespace that is deleted is emptied first."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.world import World, condition
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone

NAMESPACE = kinds.named("Namespace")
_STORED = tuple(kind for kind in kinds.KINDS if kind.namespaced and not kind.create_only and not kind.read_only)


class Namespaces:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is NAMESPACE and event != "DELETED":
            return [("", obj["metadata"]["name"])] if "deletionTimestamp" in obj["metadata"] else ()
        if event == "DELETED" and kind.namespaced:
            holder = self._world.find(NAMESPACE, "", obj["metadata"]["namespace"])
            if holder and "deletionTimestamp" in holder["metadata"]:
                return [("", holder["metadata"]["name"])]
        return ()

    def reconcile(self, namespace: str, name: str) -> None:
        found = self._world.find(NAMESPACE, "", name)
        if found is None or "deletionTimestamp" not in found["metadata"]:
            return
        for kind in _STORED:
            for obj in list(self._world.store.select(kind, name)):
                if "deletionTimestamp" not in obj["metadata"]:
                    self._world.delete(kind, obj)
        left = {kind.plural: count for kind in _STORED if (count := self._count(kind, name))}
        if left:
            self._tell(found, left)
            return
        new = clone(found)
        new["spec"]["finalizers"] = []
        self._world.store.update(NAMESPACE, new, subresource="finalize")

    def _count(self, kind: Kind, name: str) -> int:
        return sum(1 for _ in self._world.store.select(kind, name))

    def _tell(self, namespace: Object, left: dict[str, int]) -> None:
        parts = [f"{plural}. has {count} resource instances" for plural, count in left.items()]
        text = f"Some resources are remaining: {', '.join(parts)}"
        status = condition(
            namespace.get("status") or {}, "NamespaceContentRemaining", True, self._world.now(),
            reason="SomeResourcesRemain", message=text,
        )  # fmt: skip
        self._world.set_status(NAMESPACE, namespace, conditions=status["conditions"])
