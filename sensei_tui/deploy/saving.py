"""The steps of a backup and of a restore, and the backup with which an upgrade begins."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.text import plural
from sensei_tui.cluster.errors import NotFound
from sensei_tui.cluster.snapshot import Pod
from sensei_tui.deploy.backup import stopped_objects
from sensei_tui.deploy.hooks import late_jobs
from sensei_tui.deploy.jobs import (
    BACKUP,
    CHECK,
    RESTORE,
    JobFailed,
    NoBackups,
    RestoreUnfinished,
    job_log,
    job_of,
    job_state,
    reading_job,
)
from sensei_tui.deploy.release import InstallRelease, backup_job
from sensei_tui.deploy.wait import LOOK
from sensei_tui.deploy.world import World
from sensei_tui.helm.drift import FIELD_MANAGER
from sensei_tui.helm.manifest import key
from sensei_tui.runs.context import StepContext, StepStopped
from sensei_tui.runs.model import PlannedStep
from sensei_tui.runs.view import sentence
from sensei_tui.site.charts import LATEST

COMPONENT = "app.kubernetes.io/component"
NAME = "sensei-tui/backup"
"""Annotation of a restore's check: the backup that it found, so that a resumed run takes no other."""
AT_REST = "sensei-tui/at-rest"
"""Annotation of what a restore has stopped; it goes when it is applied as it was deployed."""
_SHOWN = 50
"""Lines of a job's log that go into the run's."""
_ENDED = ("Succeeded", "Failed")
_ENDING = 60.0
"""Seconds for the pods of a job that was removed: twice the grace that Kubernetes gives them."""


class Found(msgspec.Struct):
    """What the probe tells of a backup that can be restored."""

    name: str
    version: str = ""
    notes: tuple[str, ...] = ()
    """What would come back otherwise than it was: collections on fewer nodes, contents that are lost."""


@dataclass
class Scale:
    """The platform to no pods, and no backup by schedule (`stop`); or all of it as it was deployed (`start`)."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        stops = self.spec.id == "stop"
        items = stopped_objects(self.world.site)
        for item in items:
            context.check()
            self.world.cluster.apply(_at_rest(item) if stops else item, field_manager=FIELD_MANAGER)
            context.log("runner", f"{key(item)}: {'at rest' if stops else 'as it was'}", key(item))
        if stops:
            self._wait_gone(context, {str(item["metadata"]["labels"].get(COMPONENT, "")) for item in items})
        count = plural(sum(item["kind"] == "Deployment" for item in items), "component")
        return f"{count} {'stopped' if stops else 'started'}"

    def _wait_gone(self, context: StepContext, components: set[str]) -> None:
        """A backup that goes on has its own limit, and is waited for."""
        self.world.store.wait_complete(self.world.timeout)
        while left := self._pods(components):
            context.progress(0, len(left), "pods", f"ending: {left[0]}")
            context.check()
            with context.stop.calling(self.world.changed.set):
                self.world.changed.wait(LOOK)

    def _pods(self, components: set[str]) -> list[str]:
        self.world.changed.clear()
        pods = self.world.store.snapshot.pods.values()
        return sorted(
            pod.metadata.name for pod in pods
            if pod.metadata.labels.get(COMPONENT) in components and pod.status.phase not in _ENDED
        )  # fmt: skip


def _at_rest(item: dict[str, Any]) -> dict[str, Any]:
    wanted = copy.deepcopy(item)
    wanted["spec"] |= {"replicas": 0} if item["kind"] == "Deployment" else {"suspend": True}
    wanted["metadata"].setdefault("annotations", {})[AT_REST] = "restore"
    return wanted


@dataclass
class ProbeJob(ABC):
    """A job of the chart's to its end. Its own deadline ends it, if nothing else does."""

    spec: PlannedStep
    world: World
    cronjob: ClassVar[str]
    after: ClassVar[str] = ""
    """What is said of the platform where it did not succeed."""

    @property
    @abstractmethod
    def name(self) -> str:
        """One job a run: a resumed run finds what it began."""

    @abstractmethod
    def job(self) -> dict[str, Any]:
        """As it is made. Raises NoBackups, ClusterError."""

    def done(self, context: StepContext, said: list[str]) -> str:
        """What came of it, by what the probe said."""
        return said[-1] if said else "done"

    def is_done(self, context: StepContext) -> bool:
        return job_state(self.world.cluster, self.name) == "Complete"

    def do(self, context: StepContext) -> str:
        cluster = self.world.cluster
        state = job_state(cluster, self.name)
        if state == "Failed":
            cluster.delete("Job", self.name)
        if state in ("Failed", ""):
            cluster.create(self.job())
            context.log("runner", f"made Job/{self.name}", f"Job/{self.name}")
        try:
            self._wait(context)
        except StepStopped:
            self._end(context)
            raise
        said = job_log(cluster, self.name, self.cronjob)
        for text in said[-_SHOWN:]:
            context.log("job", text, f"Job/{self.name}")
        return self.done(context, said)

    def _wait(self, context: StepContext) -> None:
        self.world.store.wait_complete(self.world.timeout)
        seen = clock.monotonic()
        while (state := job_state(self.world.cluster, self.name)) != "Complete":
            self.world.changed.clear()
            if state == "Failed":
                raise self._failed(f"{self.spec.title}: the job did not succeed.")
            if any(pod.status.phase not in ("", "Pending") for pod in self._pods()):
                seen = clock.monotonic()
            if clock.monotonic() - seen > self.world.timeout:
                raise self._never()
            context.waiting(late_jobs(self.world.store.snapshot))
            context.check()
            with context.stop.calling(self.world.changed.set):
                self.world.changed.wait(LOOK)
        context.waiting(())

    def _end(self, context: StepContext) -> None:
        """A step that is stopped leaves nothing behind that goes on by itself."""
        self.world.cluster.delete("Job", self.name)
        deadline = clock.monotonic() + _ENDING
        while any(self._pods()) and clock.monotonic() < deadline:
            self.world.changed.wait(LOOK)
            self.world.changed.clear()
        context.log("runner", f"removed Job/{self.name}", f"Job/{self.name}")

    def _pods(self) -> Iterator[Pod]:
        pods = self.world.store.snapshot.pods.values()
        return (pod for pod in pods if pod.metadata.labels.get("batch.kubernetes.io/job-name") == self.name)

    def _never(self) -> JobFailed:
        """Nothing of it has run: it goes, or it would begin when nobody expects it any more."""
        error = self._failed(f"The pod of Job/{self.name} did not start in {self.world.timeout} s; the job is removed.")
        self.world.cluster.delete("Job", self.name)
        return error

    def _failed(self, what: str) -> JobFailed:
        late = [item for item in late_jobs(self.world.store.snapshot) if item.object == f"Job/{self.name}"]
        return JobFailed(
            f"{what} {self.after}".strip(), where=f"Job/{self.name}", why="; ".join(sentence(item) for item in late),
            remedy=self.remedy(),
        )  # fmt: skip

    def remedy(self) -> str:
        """What the operator does then."""
        return f"Mend the cause. Then: sensei runs resume {self.world.run_id}"


@dataclass
class MakeBackup(ProbeJob):
    """A backup now."""

    cronjob: ClassVar[str] = BACKUP
    label: ClassVar[str] = "manual"

    @property
    def name(self) -> str:
        return backup_job(self.world)

    def job(self) -> dict[str, Any]:
        """Raises RestoreUnfinished where a restore did not end: what is half restored would be the newest backup."""
        job = job_of(self.world.cluster, BACKUP, self.name, {"BACKUP_LABEL": self.label})
        if AT_REST in (self.world.cluster.object("CronJob", BACKUP)["metadata"].get("annotations") or {}):
            raise RestoreUnfinished(
                "A restore did not end: what is in the stores now is not to be saved.", where=f"CronJob/{BACKUP}",
                why="what is half restored would be the newest backup",
                remedy="Resume the restore (sensei runs list), or bring the platform back as it is: sensei upgrade",
            )  # fmt: skip
        return job


@dataclass
class BackUpFirst(MakeBackup):
    """The backup before an upgrade, made by what is deployed: with its programs, of the stores as they are."""

    label: ClassVar[str] = "pre-upgrade"
    after: ClassVar[str] = "Nothing was upgraded."

    def do(self, context: StepContext) -> str:
        if all(self._same(item.name, context) for item in self.world.prepared.releases):
            return "not needed: neither release changes"
        try:
            return super().do(context)
        except NoBackups:
            return "none: what is deployed makes no backups"
        except RestoreUnfinished:
            return "none: a restore did not end, and what is half restored is not saved over the good ones"

    def _same(self, release: str, context: StepContext) -> bool:
        return InstallRelease(self.spec, self.world, release).is_done(context)

    def remedy(self) -> str:
        """One may go on without."""
        return f"{super().remedy()}, or upgrade without a backup: sensei config set backup.preUpgrade false"


@dataclass
class CheckBackup(ProbeJob):
    """The backup is whole and the stores can take it: known before anything is stopped."""

    cronjob: ClassVar[str] = RESTORE
    after: ClassVar[str] = "Nothing was changed."

    @property
    def name(self) -> str:
        return f"{RESTORE}-{self.world.run_id}{CHECK}"

    def job(self) -> dict[str, Any]:
        return reading_job(self.world.cluster, RESTORE, self.name, ["check-backup", _asked(self.world)])

    def is_done(self, context: StepContext) -> bool:
        return bool(_checked(self.world, self.name))

    def done(self, context: StepContext, said: list[str]) -> str:
        found = self._found(said)
        for note in found.notes:
            context.log("runner", note, f"Job/{self.name}")
        self.world.cluster.patch("Job", self.name, {"metadata": {"annotations": {NAME: found.name}}})
        return f"backup {found.name}" + (f" of version {found.version}" if found.version else "")

    def _found(self, said: list[str]) -> Found:
        if self.world.site.config.rehearsal:
            return Found(_asked(self.world))
        try:
            return msgspec.json.decode(said[-1] if said else "", type=Found)
        except msgspec.DecodeError as error:
            raise self._failed(f"What Job/{self.name} said can't be read: {error}.") from None

    def remedy(self) -> str:
        """Another name needs another run."""
        return f"{super().remedy()}, or restore another: sensei backup list"


@dataclass
class RestoreBackup(ProbeJob):
    """The data as in the backup that the check found."""

    cronjob: ClassVar[str] = RESTORE
    after: ClassVar[str] = "The platform is stopped."

    @property
    def name(self) -> str:
        return f"{RESTORE}-{self.world.run_id}"

    def job(self) -> dict[str, Any]:
        found = _checked(self.world, f"{self.name}{CHECK}") or _asked(self.world)
        return job_of(self.world.cluster, RESTORE, self.name, {"BACKUP_NAME": found})


def _asked(world: World) -> str:
    return str(world.plan.parameters.get("backup", LATEST))


def _checked(world: World, job: str) -> str:
    """The backup that this job found; nothing where it has not, or is gone."""
    try:
        metadata = world.cluster.object("Job", job)["metadata"]
    except NotFound:
        return ""
    return str(metadata.get("annotations", {}).get(NAME, ""))
