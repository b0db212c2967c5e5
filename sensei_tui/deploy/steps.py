"""The steps of every run. Each does one thing and says what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sensei_tui.base.errors import ExitCode, SenseiError, UsageError
from sensei_tui.base.text import plural
from sensei_tui.deploy.credentials import refuse_other_password
from sensei_tui.deploy.jobs import refuse_beside_restore
from sensei_tui.deploy.lease_store import held_lease
from sensei_tui.deploy.loading import LoadBundle, ProveImages, VerifyBundle
from sensei_tui.deploy.release import DriftProbe, InstallRelease, RollbackRelease
from sensei_tui.deploy.saving import BackUpFirst, CheckBackup, MakeBackup, RestoreBackup, Scale
from sensei_tui.deploy.uninstall import Forget, Reserve, UninstallRelease
from sensei_tui.deploy.verify import Record, VerifyPlatform
from sensei_tui.deploy.wait import WaitReady
from sensei_tui.deploy.world import World
from sensei_tui.preflight.engine import load_report, run_preflight
from sensei_tui.preflight.model import Report, Status
from sensei_tui.runs.context import Step, StepContext
from sensei_tui.runs.model import PlannedStep
from sensei_tui.site.resolve import remember_made


class PlanOutdated(UsageError):
    """The site changed after the plan was made."""

    code = "plan-outdated"


class GateClosed(SenseiError):
    """Preflight found something that nobody waived."""

    code = "preflight"
    exit_code = ExitCode.FINDING


@dataclass
class VerifySite:
    """Values valid, licence set, secrets at hand, charts there, and all of it as planned."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        prepared = self.world.prepared
        planned = self.world.plan.parameters
        charts = {release.name: release.digest for release in prepared.releases}
        if planned.get("values") != prepared.resolved.digest or planned.get("charts") != charts:
            raise PlanOutdated(
                "The site was changed after this plan was made.",
                where=", ".join(path.name for path in prepared.values.files),
                why="the digests of the values or charts are not those of the plan",
                remedy="Make a new plan (sensei install or sensei upgrade); what is done already is not done again.",
            )
        return f"{plural(len(prepared.values.files), 'values file')}, {plural(len(charts), 'chart')}, licence set"


@dataclass
class PreflightGate:
    """All checks; stops the run unless each passes, warns or is waived."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        report = load_report(self.world.site)
        return report is not None and report.values_digest == self.world.prepared.values.digest and not report.blocking

    def do(self, context: StepContext) -> str:
        def progress(done: int, total: int, title: str) -> None:
            context.check()
            context.progress(done, total, "checks", title)

        report = run_preflight(self.world.site, on_progress=progress)
        for finding in report.blocking:
            context.log("runner", f"{finding.status} {finding.id}: {finding.summary}")
        if report.blocking:
            raise closed(report)
        return counted(report)


def counted(report: Report) -> str:
    """`41 ok, 2 warn, 1 waived`."""
    words = ((Status.PASS, "ok"), (Status.WARN, "warn"), (Status.FAIL, "FAIL"), (Status.UNKNOWN, "unknown"),
             (Status.WAIVED, "waived"))  # fmt: skip
    return ", ".join(f"{count} {word}" for status, word in words if (count := report.count(status)))


def closed(report: Report) -> GateClosed:
    """The error that names what stops the run."""
    stops = report.blocking
    return GateClosed(
        f"Preflight stops the run: {plural(len(stops), 'check')} did not pass.",
        where=report.target,
        why="; ".join(f"{finding.id}: {finding.summary}" for finding in stops),
        remedy=stops[0].remedy or f"Mend it, or accept it: sensei preflight --waive {stops[0].id}=REASON",
    )


@dataclass
class Namespace:
    """The namespace exists, and no other host runs in it."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        name, cluster = self.world.namespace, self.world.cluster
        refuse_beside_restore(cluster)
        made = not cluster.exists("Namespace", name)
        if made:
            cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            context.log("runner", f"created Namespace/{name}", f"Namespace/{name}")
        context.hold(held_lease(cluster, name, self.world.holder, context))
        self.world.narrator.see(self.world.store.snapshot)
        return f"{'created' if made else 'there already'}; reserved for this run"


@dataclass
class Secrets:
    """The Secrets the charts refer to; those that hold generated passwords are never overwritten."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        kept = 0
        refuse_other_password(self.world.cluster, self.world.prepared)
        for secret in self.world.prepared.resolved.secrets:
            context.check()
            if secret.keep and self.world.cluster.exists("Secret", secret.name, self.world.namespace):
                kept += 1
                context.log("runner", f"kept Secret/{secret.name}", f"Secret/{secret.name}")
                continue
            self.world.cluster.apply(
                self._object(secret.name, {key: value.reveal() for key, value in secret.data.items()})
            )
            if secret.keep:
                remember_made(self.world.prepared.site)
            context.log("runner", f"applied Secret/{secret.name}", f"Secret/{secret.name}")
        count = len(self.world.prepared.resolved.secrets)
        return f"{plural(count, 'Secret')}, {kept} kept" if kept else plural(count, "Secret")

    def _object(self, name: str, data: dict[str, str]) -> dict[str, object]:
        labels = {"app.kubernetes.io/managed-by": "sensei-tui", "app.kubernetes.io/part-of": "sensei"}
        metadata = {"name": name, "namespace": self.world.namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "stringData": data}


_STEPS: dict[str, Callable[[PlannedStep, World], Step]] = {
    "site": VerifySite, "preflight": PreflightGate, "namespace": Namespace, "secrets": Secrets, "drift": DriftProbe,
    "verify": VerifyPlatform, "record": Record, "reserve": Reserve, "forget": Forget,
    "backup": MakeBackup, "backup-first": BackUpFirst, "check": CheckBackup, "restore": RestoreBackup, "stop": Scale,
    "start": Scale, "bundle": VerifyBundle, "load": LoadBundle, "images": ProveImages,
}  # fmt: skip
_OF_A_RELEASE: dict[str, Callable[[PlannedStep, World, str], Step]] = {
    "release": InstallRelease, "wait": WaitReady, "rollback": RollbackRelease,
    "uninstall": UninstallRelease,
}  # fmt: skip


def _step(spec: PlannedStep, world: World) -> Step:
    kind, _, release = spec.id.partition(":")
    return _OF_A_RELEASE[kind](spec, world, release) if release else _STEPS[kind](spec, world)


def steps_of(world: World) -> list[Step]:
    """The plan's steps, ready to run."""
    return [_Attached(_step(spec, world), world) for spec in world.plan.steps]


@dataclass
class _Attached:
    """A step whose narrator speaks into its own place in the journal."""

    step: Step
    world: World

    @property
    def spec(self) -> PlannedStep:
        return self.step.spec

    def is_done(self, context: StepContext) -> bool:
        return self.step.is_done(context)

    def do(self, context: StepContext) -> str:
        self.world.narrator.attach(context)
        try:
            return self.step.do(context)
        finally:
            self.world.narrator.attach(None)
