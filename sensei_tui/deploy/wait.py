"""Waiting until a release's objects are ready, and saying meanwhile which are not and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import plural
from sensei_tui.cluster.snapshot import Snapshot, Workload
from sensei_tui.deploy.world import World
from sensei_tui.health.lastlog import with_last_logs
from sensei_tui.health.model import NotReady
from sensei_tui.health.why import not_ready
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.model import PlannedStep
from sensei_tui.runs.view import sentence

LOOK = 1.0
"""Seconds after which the picture is looked at again even if nothing changed."""
LOGS_AGAIN = 10.0
"""Seconds after which last log lines are read again."""
_NAMED = 5


class NotReadyInTime(SenseiError):
    """Objects of a release are not ready; each is named with its reason."""

    code = "not-ready"


@dataclass
class WaitReady:
    """All workloads of a release ready. Waits for what the plan lists, for every workload where it lists none."""

    spec: PlannedStep
    world: World
    release: str
    _logs_for: tuple[str, ...] = ()
    _logs_at: float = 0
    _logs: tuple[NotReady, ...] = field(default=())
    _generations: Mapping[str, int] = field(default_factory=dict)

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        deadline = clock.monotonic() + self.world.timeout
        wanted = frozenset(self.world.plan.parameters.get("objects", {}).get(self.release, ()))
        store, trouble = self.world.store, ""
        self._generations = self._written(wanted)
        while True:
            self.world.changed.clear()
            snapshot = store.snapshot
            if snapshot.trouble and snapshot.trouble != trouble:
                context.log("runner", f"the picture of the cluster may be old: {snapshot.trouble}")
            trouble = snapshot.trouble
            if snapshot.complete and self._look(context, snapshot, wanted, deadline):
                return self._done(wanted or workloads(snapshot))
            if clock.monotonic() > deadline:
                raise self._unknown(trouble)
            context.check()
            with context.stop.calling(self.world.changed.set):
                self.world.changed.wait(LOOK)

    def _written(self, names: Collection[str]) -> dict[str, int]:
        """The generation of each object as Helm just left it: a picture from before that says nothing of its end."""
        found: dict[str, int] = {}
        cluster, namespace = self.world.cluster, self.world.namespace
        # A plan that lists nothing (a rollback) waits for every workload.
        for kind in {name.partition("/")[0] for name in names} or ("Deployment", "StatefulSet"):
            for item in cluster.read_list(cluster.kind(kind).path(namespace), Workload).items:
                found[f"{kind}/{item.metadata.name}"] = item.metadata.generation
        return found

    def _look(self, context: StepContext, snapshot: Snapshot, wanted: Collection[str], deadline: float) -> bool:
        """True when all is ready. Raises NotReadyInTime."""
        there = workloads(snapshot)
        names = wanted or there.keys()
        items = unready(snapshot, names, self._generations)
        context.progress(*replicas(there, names, items), "replicas")
        if not items:
            return True
        items = self._with_logs(items)
        context.waiting(items)
        if clock.monotonic() > deadline:
            raise self._late(items, "in time")
        if hopeless(there, items):
            raise self._late(items, "and cannot become so by themselves")
        return False

    def _with_logs(self, items: tuple[NotReady, ...]) -> tuple[NotReady, ...]:
        """Last log lines cost a request each: read when the reasons change, and every few seconds."""
        reasons = tuple(f"{why.object} {why.reason}" for item in items for why in item.why)
        if reasons != self._logs_for or clock.monotonic() - self._logs_at > LOGS_AGAIN:
            self._logs = with_last_logs(self.world.cluster, items)
            self._logs_for, self._logs_at = reasons, clock.monotonic()
            return self._logs
        return tuple(_kept_log(item, self._logs) for item in items)

    def _done(self, names: Collection[str]) -> str:
        return f"{plural(len(names), 'workload')} ready"

    def _late(self, items: tuple[NotReady, ...], how: str) -> NotReadyInTime:
        parts = [sentence(item) for item in items[:_NAMED]]
        more = [f"and {len(items) - _NAMED} more"] if len(items) > _NAMED else []
        remedy = next((why.remedy for item in items for why in item.why if why.remedy), "Mend the cause.")
        return NotReadyInTime(
            f"Release {self.release}: {plural(len(items), 'object')} did not become ready {how}.",
            where=f"namespace {self.world.namespace}", why="; ".join([*parts, *more]),
            remedy=f"{remedy.rstrip('.')}. Then: sensei runs resume {self.world.run_id}",
        )  # fmt: skip

    def _unknown(self, trouble: str) -> NotReadyInTime:
        return NotReadyInTime(
            f"Release {self.release}: whether it is ready is not known.", where=f"namespace {self.world.namespace}",
            why=trouble or "the cluster did not answer", remedy="When the cluster answers: sensei runs resume",
        )  # fmt: skip


def workloads(snapshot: Snapshot) -> dict[str, Workload]:
    """`Kind/name` -> workload; ReplicaSets are their Deployment's business."""
    found = snapshot.workloads.values()
    return {f"{item.kind}/{item.metadata.name}": item for item in found if item.kind != "ReplicaSet"}


def unready(
    snapshot: Snapshot, names: Collection[str], generations: Mapping[str, int] = MappingProxyType({})
) -> tuple[NotReady, ...]:
    """Those of these objects that are not ready; one that is not there, or is there in an older generation, counts."""
    known = {item.object: item for item in not_ready(snapshot)}
    there = {
        name: item for name, item in workloads(snapshot).items() if item.metadata.generation >= generations.get(name, 0)
    }
    unseen = [NotReady(object=name, ready=0, desired=1) for name in names if name not in there]
    return (*unseen, *(known[name] for name in sorted(names) if name in known and name in there))


def hopeless(there: dict[str, Workload], items: tuple[NotReady, ...]) -> bool:
    """Whether Kubernetes itself gave every one of them up: progress deadline exceeded, or the job failed."""
    return all(item.object in there and _given_up(there[item.object]) for item in items)


def _given_up(item: Workload) -> bool:
    for condition in item.status.conditions:
        if condition.reason == "ProgressDeadlineExceeded" and condition.status == "False":
            return True
        if item.kind == "Job" and condition.type == "Failed" and condition.status == "True":
            return True
    return False


def replicas(there: dict[str, Workload], names: Collection[str], items: tuple[NotReady, ...]) -> tuple[int, int]:
    """Ready and wanted replicas of them all."""
    behind = {item.object: item for item in items}
    ready = total = 0
    for name in names:
        late = behind.get(name)
        desired = late.desired if late else _desired(there[name])
        ready, total = ready + (min(late.ready, desired) if late else desired), total + desired
    return ready, total


def _desired(item: Workload) -> int:
    wanted = item.spec.completions if item.kind == "Job" else item.spec.replicas
    return 1 if wanted is None else wanted


def _kept_log(item: NotReady, before: tuple[NotReady, ...]) -> NotReady:
    logs = {(old.object, why.object): why.last_log for old in before for why in old.why}
    whys = tuple(msgspec.structs.replace(why, last_log=logs.get((item.object, why.object), "")) for why in item.why)
    return msgspec.structs.replace(item, why=whys)
