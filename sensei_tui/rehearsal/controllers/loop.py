"""The work queue: changes name keys, keys are reconciled once each, and nothing is reconciled inside a write."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Iterable
from typing import Protocol

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

Key = tuple[str, str]
"""Namespace and name."""

_AT_ONCE = 20
"""Keys between two turns of the event loop: the API answers meanwhile."""

_RETRY = 1.0
"""Seconds of a real cluster's time until a refused reconciliation is tried again."""


class Controller(Protocol):
    """Level-triggered: `reconcile` makes the world agree with one object, whatever happened."""

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        """The keys that a change calls for."""
        ...

    def reconcile(self, namespace: str, name: str) -> float | None:
        """Returns the seconds (of a real cluster's time) after which to look again, or None."""
        ...


class Loop:
    """Runs controllers in the current asyncio loop."""

    def __init__(self, world: World, controllers: list[Controller]) -> None:
        self._world = world
        self._controllers = controllers
        self._queue: dict[tuple[Controller, str, str], None] = {}
        self._scheduled = False
        self._stopped = False

    def start(self) -> None:
        """Look at everything there is, and at every change from now on."""
        store = self._world.store
        for kind in kinds.KINDS:
            if not kind.create_only:
                for obj in store.select(kind):
                    self._notice(kind, "ADDED", obj)
        store.subscribe(self._notice)

    def stop(self) -> None:
        """No further work."""
        self._stopped = True
        self._queue.clear()

    def _notice(self, kind: Kind, event: str, obj: Object) -> None:
        for controller in self._controllers:
            for namespace, name in controller.concerns(kind, event, obj):
                self._add(controller, namespace, name)

    def _add(self, controller: Controller, namespace: str, name: str) -> None:
        if self._stopped:
            return
        self._queue[controller, namespace, name] = None
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = False
        for _ in range(_AT_ONCE):
            if not self._queue:
                return
            item = next(iter(self._queue))
            del self._queue[item]
            self._reconcile(*item)
        if self._queue:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _reconcile(self, controller: Controller, namespace: str, name: str) -> None:
        try:
            again = controller.reconcile(namespace, name)
        except ApiError as refusal:
            # A namespace that ends refuses new objects; what is gone needs nothing.
            again = None if refusal.status_code in (403, 404) else _RETRY
        except Exception:  # noqa: BLE001 - one broken object must not stop the others; the server's log has it
            traceback.print_exc(file=sys.stderr)
            again = None
        if again is not None:
            self._world.after(max(again, 0.05), lambda: self._add(controller, namespace, name))
