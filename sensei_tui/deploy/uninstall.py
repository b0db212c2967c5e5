"""Taking Sensei away: both releases, then their pods; what holds data stays."""

from __future__ import annotations

from dataclasses import dataclass

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import plural
from sensei_tui.deploy.jobs import RESTORE, refuse_beside_restore
from sensei_tui.deploy.lease_store import held_lease
from sensei_tui.deploy.prepare import TIMEOUT, digest
from sensei_tui.deploy.record import forget_deployed, load_deployed
from sensei_tui.deploy.wait import LOOK
from sensei_tui.deploy.world import World
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.site.charts import CHARTS
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name

KIND = "uninstall"
STAYS = (
    "the volumes of the data stores stay, with their data",
    "backups stay where they are; the one by schedule is made no more",
    "the Secrets of this site stay: the data can't be opened without their passwords",
    "the namespace stays",
)
_RELEASE = "app.kubernetes.io/instance"
_NAMED = 5


def plan_uninstall(site: Site, *, timeout: float = TIMEOUT) -> Plan:
    """Both releases away, the platform's own first. Needs neither valid values nor a licence."""
    target, releases = target_name(site), [*reversed(CHARTS)]
    found = load_deployed(site)

    def step(id: str, title: str, detail: str, seconds: float) -> PlannedStep:
        return PlannedStep(id=id, title=title, detail=detail, inputs=digest(id, target), seconds=seconds)

    name = site.config.namespace
    steps = [step("reserve", "Reserve", f"reserves the namespace {name} for this run", 2)]
    steps += [
        step(f"uninstall:{one}", f"Uninstall {one}", "removes its objects, waits until its pods are gone", 30)
        for one in releases
    ]
    steps.append(step("forget", "Forget", "the site no longer counts as deployed; its values stay", 1))
    return Plan(
        kind=KIND, site=site.config.name, target=target, namespace=name,
        version=found.version if found else site.config.version, created=clock.stamp(), steps=tuple(steps),
        changes=(*(f"release {one} is removed" for one in releases), *STAYS), parameters={"timeout": timeout},
    )  # fmt: skip


class NothingInstalled(SenseiError):
    """There is no namespace to take anything from."""

    code = "nothing-installed"


class PodsStay(SenseiError):
    """Pods of a removed release do not end."""

    code = "pods-stay"


@dataclass
class Reserve:
    """No other host runs in the namespace."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        name, cluster = self.world.namespace, self.world.cluster
        if not cluster.exists("Namespace", name):
            remedy = "Look at site.yaml: sensei site show. Nothing was changed."
            raise NothingInstalled(f"There is no namespace {name}.", where=self.world.plan.target, remedy=remedy)
        if self.world.plan.kind != KIND:
            refuse_beside_restore(cluster, f"{RESTORE}-{self.world.run_id}")
        context.hold(held_lease(cluster, name, self.world.holder, context))
        self.world.narrator.see(self.world.store.snapshot)
        return "reserved for this run"


@dataclass
class UninstallRelease:
    """Remove a release. Helm does not wait for the pods: this does."""

    spec: PlannedStep
    world: World
    name: str

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        # A release that a dead Helm left `pending-*` is removed like any other.
        engine = self.world.engine
        there = bool(engine.history(self.name))
        if there:
            with context.stop.calling(engine.cancel):
                engine.uninstall(self.name, timeout=self.world.timeout)
        self.world.store.wait_complete(self.world.timeout)
        self._hooks(context)
        self._wait(context)
        return "removed, its pods are gone" if there else "was not there"

    def _hooks(self, context: StepContext) -> None:
        """Jobs of hooks that failed, which Helm keeps for ever, and those of backups."""
        for job in self.world.store.snapshot.workloads.values():
            name = job.metadata.name
            if job.kind == "Job" and job.metadata.labels.get(_RELEASE) == self.name:
                self.world.cluster.delete("Job", name, self.world.namespace)
                context.log("runner", f"removed Job/{name}, which had ended or was left over", f"Job/{name}")

    def _wait(self, context: StepContext) -> None:
        deadline, most = clock.monotonic() + self.world.timeout, 0
        while left := self._pods():
            most = max(most, len(left))
            context.progress(most - len(left), most, "pods")
            if clock.monotonic() > deadline:
                raise self._stay(left)
            context.check()
            with context.stop.calling(self.world.changed.set):
                self.world.changed.wait(LOOK)

    def _pods(self) -> list[str]:
        self.world.changed.clear()
        pods = self.world.store.snapshot.pods.values()
        return sorted(pod.metadata.name for pod in pods if pod.metadata.labels.get(_RELEASE) == self.name)

    def _stay(self, left: list[str]) -> PodsStay:
        shown = ", ".join(left[:_NAMED]) + (f" and {len(left) - _NAMED} more" if len(left) > _NAMED else "")
        return PodsStay(
            f"Release {self.name} is removed, but {plural(len(left), 'pod')} did not end in time.",
            where=f"namespace {self.world.namespace}", why=shown,
            remedy=f"A node may be away, or a finalizer may hold them. Then: sensei runs resume {self.world.run_id}",
        )  # fmt: skip


@dataclass
class Forget:
    """The site's record of what is deployed."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        forget_deployed(self.world.site)
        claims = plural(len(self.world.store.snapshot.claims), "volume claim")
        return f"{claims} and the Secrets of this site stay"
