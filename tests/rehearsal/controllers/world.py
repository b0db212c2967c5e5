"""A store with every controller, in the test's own loop; time runs fast."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import yaml

from sensei_tui.base import clock
from sensei_tui.rehearsal import bootstrap, kinds, scenario
from sensei_tui.rehearsal.controllers import Controllers, start_controllers
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.store import Store

NAMESPACE = "test"
SPEED = 200.0


class Simulated:
    """What a test does with the cluster."""

    def __init__(self, store: Store, controllers: Controllers) -> None:
        self.store = store
        self.controllers = controllers
        self.world = controllers.kubelet.world

    def create(self, text: str) -> None:
        """Create the objects of a YAML text in the test's namespace."""
        for obj in yaml.safe_load_all(text):
            kind = kinds.by_kind(obj["apiVersion"], obj["kind"])
            assert kind is not None
            if kind.namespaced:
                obj["metadata"].setdefault("namespace", NAMESPACE)
            self.world.create(kind, obj)

    def get(self, kind: str, name: str) -> Object:
        return self.store.get(kinds.named(kind), NAMESPACE, name)

    def list(self, kind: str) -> list[Object]:
        return self.store.list(kinds.named(kind), NAMESPACE)

    def change(self, kind: str, name: str, change: Callable[[Object], Any]) -> None:
        self.world.change(kinds.named(kind), self.get(kind, name), change)

    def delete(self, kind: str, name: str, **options: Any) -> None:
        self.store.delete(kinds.named(kind), NAMESPACE, name, **options)

    def events(self, reason: str) -> builtins.list[str]:
        """The messages of the Events with this reason."""
        return [event["message"] for event in self.list("Event") if event["reason"] == reason]

    async def until(self, wanted: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Look after every write until `wanted()` is true; returns its value."""
        deadline = clock.monotonic() + seconds
        while not (found := wanted()):
            assert clock.monotonic() < deadline, [pod["status"] for pod in self.list("Pod")]
            await asyncio.sleep(0.005)
        return found

    def status(self, kind: str, name: str) -> Object:
        return self.get(kind, name).get("status") or {}


@asynccontextmanager
async def simulated(scenario_text: str = "") -> AsyncIterator[Simulated]:
    """A cluster of the scenario (YAML; default: the built-in nodes) with an empty namespace."""
    tree = {"speed": SPEED, **(yaml.safe_load(scenario_text) or {})} if scenario_text else {"speed": SPEED}
    store = Store()
    bootstrap.bootstrap(store, "certificate")
    controllers = start_controllers(store, scenario.parse(tree), clock)
    store.create(kinds.named("Namespace"), {"metadata": {"name": NAMESPACE}})
    try:
        yield Simulated(store, controllers)
    finally:
        await controllers.stop()


def workload(kind: str = "Deployment", name: str = "web", replicas: int = 2, **spec: Any) -> str:
    """A Deployment or StatefulSet as YAML."""
    labels = {"app": name}
    container = {"name": "main", "image": f"registry.local/{name}:1", **spec.pop("container", {})}
    pod = {"containers": [container], **spec.pop("pod", {})}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return yaml.safe_dump({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec},
    })  # fmt: skip
