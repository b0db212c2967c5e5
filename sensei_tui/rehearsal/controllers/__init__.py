"""What makes the simulated cluster move: controllers, the scheduler, and kubelets that start no containers."""

from __future__ import annotations

from types import ModuleType

from sensei_tui.rehearsal.controllers.claims import Claims
from sensei_tui.rehearsal.controllers.daemonsets import DaemonSets
from sensei_tui.rehearsal.controllers.deployments import Deployments
from sensei_tui.rehearsal.controllers.disruption import Budgets
from sensei_tui.rehearsal.controllers.endpoints import Endpoints
from sensei_tui.rehearsal.controllers.garbage import Garbage
from sensei_tui.rehearsal.controllers.jobs import Jobs
from sensei_tui.rehearsal.controllers.kubelet import Kubelet
from sensei_tui.rehearsal.controllers.loop import Loop
from sensei_tui.rehearsal.controllers.namespaces import Namespaces
from sensei_tui.rehearsal.controllers.nodes import register
from sensei_tui.rehearsal.controllers.protection import Protection
from sensei_tui.rehearsal.controllers.quotas import Quotas
from sensei_tui.rehearsal.controllers.replicasets import ReplicaSets
from sensei_tui.rehearsal.controllers.scheduler import Scheduler
from sensei_tui.rehearsal.controllers.statefulsets import StatefulSets
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.scenario import Scenario
from sensei_tui.rehearsal.store import Store


class Controllers:
    """All of them, running in the current asyncio loop."""

    def __init__(self, world: World) -> None:
        self.kubelet = Kubelet(world)
        self._loop = Loop(world, [
            Garbage(world), Namespaces(world), Deployments(world), ReplicaSets(world), StatefulSets(world),
            DaemonSets(world), Jobs(world), Endpoints(world), Budgets(world), Claims(world), Protection(world),
            Quotas(world), Scheduler(world), self.kubelet,
        ])  # fmt: skip
        self._loop.start()

    async def stop(self) -> None:
        """Nothing moves afterwards."""
        self._loop.stop()
        await self.kubelet.stop()


def start_controllers(store: Store, scenario: Scenario, clock: ModuleType) -> Controllers:
    """Register the scenario's nodes and storage, and run everything. `clock` is base.clock or one like it."""
    world = World(store, scenario, clock)
    register(world)
    return Controllers(world)
