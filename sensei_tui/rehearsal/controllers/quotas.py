"""ResourceQuotas: their status says what is used."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds, quotas
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, key_of
from sensei_tui.rehearsal.quotas import QUOTA

_EVENT = kinds.named("Event")


class Quotas:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is QUOTA and event != "DELETED":
            return [key_of(obj)]
        if not kind.namespaced or kind is _EVENT:
            return ()
        return [key_of(quota) for quota in self._world.store.select(QUOTA, obj["metadata"]["namespace"])]

    def reconcile(self, namespace: str, name: str) -> None:
        quota = self._world.find(QUOTA, namespace, name)
        if quota is None:
            return
        used = quotas.used(self._world.store, quota)
        self._world.set_status(QUOTA, quota, hard=quota["spec"].get("hard") or {}, used=used)
