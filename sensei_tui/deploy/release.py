"""Helm's part of a run: install or upgrade a release, roll one back, look for drift first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.base.text import plural
from sensei_tui.deploy.credentials import refuse_other_password
from sensei_tui.deploy.hooks import hooks_explained
from sensei_tui.deploy.jobs import BACKUP, job_state
from sensei_tui.deploy.prepare import Release
from sensei_tui.deploy.volumes import refuse_live_changes
from sensei_tui.deploy.world import World
from sensei_tui.helm.doctor import diagnose, repair
from sensei_tui.helm.drift import Conflict, conflicts
from sensei_tui.helm.drift import release as release_fields
from sensei_tui.helm.engine import Revision
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.model import PlannedStep
from sensei_tui.site.charts import SENSEI_RELEASE
from sensei_tui.site.schema import rule
from sensei_tui.site.tree import get_path

MAX_HISTORY = 10
"""Revisions kept of a release, as the helm command keeps."""
BEFORE = "sensei-tui/before-revision"
"""Annotation of a backup's job: the chart then makes none in the hook of the upgrade to this revision."""


class Drifted(SenseiError):
    """Somebody else owns fields that the upgrade changes."""

    code = "drift"
    exit_code = ExitCode.FINDING


class NoSuchRevision(SenseiError):
    """The release has no revision of this number that could be gone back to."""

    code = "no-such-revision"


def heal(world: World, context: StepContext, release: str) -> None:
    """Clear what a killed Helm left behind (`pending-*`). Raises HelmError."""
    trouble = diagnose(world.engine, release)
    if trouble:
        context.log("runner", f"release {release}: {trouble.sentence}")
        context.log("runner", f"release {release}: {repair(world.engine, trouble)}")


def deployed(world: World, release: str) -> Revision | None:
    """The release's revision in effect."""
    return next((item for item in reversed(world.engine.history(release)) if item.status == "deployed"), None)


def backup_limit(values: dict[str, Any]) -> int:
    """Seconds that the backup before an upgrade may take; 0 where none is made."""

    def of(path: str) -> Any:
        given = get_path(values, path)
        return (rule(path) or {}).get("default") if given is None else given

    wanted = of("backup.enabled") and of("backup.preUpgrade")
    return int(of("backup.timeoutSeconds")) if wanted else 0


def backup_job(world: World) -> str:
    """The job of the backup that this run makes."""
    return f"{BACKUP}-{world.run_id}"


def saved_before(world: World, revision: int) -> bool:
    """Whether this run made a backup; its job is told for which revision, so that the chart's hook makes no second one.

    Raises ClusterError.
    """
    saved = job_state(world.cluster, backup_job(world)) == "Complete"
    if saved:
        world.cluster.patch("Job", backup_job(world), {"metadata": {"annotations": {BEFORE: str(revision)}}})
    return saved


@dataclass
class InstallRelease:
    """Install the release, or upgrade it where it is there already. Does not wait for readiness."""

    spec: PlannedStep
    world: World
    name: str

    def is_done(self, context: StepContext) -> bool:
        """The newest revision is in effect, with this chart and these values, and nothing of it rests."""
        history = self.world.engine.history(self.name)
        if not history or history[-1].status != "deployed":
            return False
        same = history[-1].version == self._release.version
        return same and self.world.engine.values(self.name) == self._values and not self._at_rest()

    def _at_rest(self) -> bool:
        """Whether something of it has no pods, as after a restore that did not end: the charts never want that."""
        self.world.store.wait_complete(self.world.timeout)
        mine = (
            item for item in self.world.store.snapshot.workloads.values() if item.kind in ("Deployment", "StatefulSet")
        )
        return any(
            item.spec.replicas == 0
            for item in mine
            if item.metadata.labels.get("app.kubernetes.io/instance") == self.name
        )

    def do(self, context: StepContext) -> str:
        engine = self.world.engine
        heal(self.world, context, self.name)
        # A first installation that failed or was cancelled holds the name: Helm upgrades over it.
        there = engine.history(self.name)
        with context.stop.calling(engine.cancel), hooks_explained(self.world, context, self.name):
            timeout = max(self.world.timeout, self._hook_limit(there))
            if not there:
                after = engine.install(self.name, self._release.chart, self._values, timeout=timeout)
            else:
                after = engine.upgrade(
                    self.name, self._release.chart, self._values, timeout=timeout, max_history=MAX_HISTORY
                )
        return f"revision {after.revision}, chart {self._release.version}"

    def _hook_limit(self, there: list[Revision]) -> int:
        """Seconds that the chart's hooks may take: migrations what the values say, the backup none where the run made
        one."""
        if self.name != SENSEI_RELEASE:
            return 0
        saved = not there or saved_before(self.world, there[-1].revision + 1)
        asked = int(get_path(self._values, "migrations.timeoutSeconds") or 0)
        return max(asked, 0 if saved else backup_limit(self._values))

    @property
    def _release(self) -> Release:
        return self.world.prepared.release(self.name)

    @property
    def _values(self) -> dict[str, Any]:
        return self.world.prepared.resolved.helm_values


@dataclass
class RollbackRelease:
    """Go back to a revision. Helm makes a new revision with the old content."""

    spec: PlannedStep
    world: World
    name: str

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        engine, wanted = self.world.engine, int(self.world.plan.parameters["revision"])
        heal(self.world, context, self.name)
        known = {item.revision: item for item in engine.history(self.name)}
        if wanted not in known:
            raise no_revision(self.name, wanted, list(known.values()))
        with context.stop.calling(engine.cancel), hooks_explained(self.world, context, self.name):
            engine.rollback(self.name, wanted, timeout=self.world.timeout)
        context.check()
        after = deployed(self.world, self.name)
        return f"revision {after.revision if after else '?'} has the content of revision {wanted}"


def no_revision(release: str, wanted: int, known: list[Revision]) -> NoSuchRevision:
    """Names the revisions there are."""
    there = "; ".join(f"{item.revision}: chart {item.version} {item.status}" for item in known)
    return NoSuchRevision(
        f"Release {release} has no revision {wanted}.", where=f"release {release}",
        why=f"there are {there}" if there else "it was never installed", remedy="Name one of those.",
    )  # fmt: skip


@dataclass
class DriftProbe:
    """Whether somebody else changed fields that the upgrade will write: found before anything is written.

    With the plan's consent (`take_over`) those fields are taken back; without it the run stops here.
    Before that, what the API server would refuse of the stores' volumes: its own words name no setting.
    """

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        found: list[Conflict] = []
        prepared, engine = self.world.prepared, self.world.engine
        manifests = {
            item.name: engine.render(item.name, item.chart, prepared.resolved.helm_values) for item in prepared.releases
        }
        refuse_live_changes(self.world.cluster, manifests, prepared.values)
        refuse_other_password(self.world.cluster, prepared)
        for name, manifest in manifests.items():
            context.check()
            here = conflicts(self.world.cluster, manifest, name)
            for item in here:
                context.log("runner", item.sentence, item.object)
            found += here
        if not found:
            return "no field that the upgrade writes is owned by somebody else"
        if not self.world.plan.parameters.get("take_over"):
            raise _drifted(found)
        release_fields(self.world.cluster, found)
        return f"{plural(len(found), 'field')} taken back"


def _drifted(found: list[Conflict]) -> Drifted:
    remedy = "Undo the change, put it into the values, or take the fields back: sensei upgrade --take-over"
    return Drifted(
        f"{plural(len(found), 'field')} that the upgrade writes was changed by somebody else.",
        where=", ".join(sorted({item.object for item in found})), why="; ".join(item.sentence for item in found),
        remedy=remedy,
    )  # fmt: skip
