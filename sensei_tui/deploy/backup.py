"""Backup and restore as runs. The jobs are made from the chart's CronJobs, as `kubectl create job --from` does."""

from __future__ import annotations

import contextlib
import copy
import secrets
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError, UsageError
from sensei_tui.base.text import plural
from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import ClusterError, NotFound
from sensei_tui.deploy.hooks import late_jobs
from sensei_tui.deploy.prepare import TIMEOUT, digest
from sensei_tui.deploy.record import DeployedRelease, load_deployed
from sensei_tui.deploy.wait import LOOK
from sensei_tui.deploy.world import World
from sensei_tui.helm.drift import FIELD_MANAGER, as_applied
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.runs.view import sentence
from sensei_tui.site.charts import LATEST, SENSEI_RELEASE
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name

BACKUP, RESTORE = "backup", "restore"
_CRONJOBS = {BACKUP: "sensei-backup", RESTORE: "sensei-restore"}
_MADE_FROM = {"cronjob.kubernetes.io/instantiate": "manual"}
"""What `kubectl create job --from` writes on the job."""
_REHEARSED = 5.0
"""In a rehearsal a job's process does nothing."""
_LISTING = 300
"""Seconds for a job that lists backups."""
_READ = 100_000
"""Lines of a job's log that are read: a list of a thousand backups has some ten thousand."""
_SHOWN = 50
"""Lines of a job's log that go into the run's."""


class NotDeployed(UsageError):
    """There is nothing to save, or nothing to restore into."""

    code = "not-deployed"


class NoBackups(SenseiError):
    """The release has no such CronJob."""

    code = "no-backups"


class JobFailed(SenseiError):
    """A backup or a restore did not succeed."""

    code = "job-failed"


def plan_backup(site: Site, *, timeout: float = TIMEOUT) -> Plan:
    """One backup now. Raises NotDeployed."""
    _deployed(site)
    saves = "the database, the objects and the vectors are saved"
    steps = [("reserve", "Reserve", "", 2), (f"job:{BACKUP}", "Backup", saves, 300)]
    return _plan(site, BACKUP, steps, (saves, "the platform goes on working"), timeout=timeout)


def plan_restore(site: Site, name: str = LATEST, *, timeout: float = TIMEOUT) -> Plan:
    """The platform stopped, its data as in a backup, the platform started. Raises NotDeployed."""
    manifest = _deployed(site).manifest
    count = plural(len(_deployments(site, manifest)), "component")
    steps = [
        ("reserve", "Reserve", "", 2),
        ("stop", "Stop the platform", f"{count} to no pods; the stores stay", 60),
        (f"job:{RESTORE}", "Restore", f"backup {name}: the database, the objects, the vectors", 600),
        ("start", "Start the platform", f"{count} as they were", 5),
        (f"wait:{SENSEI_RELEASE}", f"Wait for {SENSEI_RELEASE}", f"until {count} ready", 60),
        ("verify", "Verify the platform", "pods ready, the dashboard answers, the chart's tests pass", 20),
    ]
    changes = (
        f"what is in the stores now is replaced by backup {name}", "Sensei does not serve until the run is done",
        "what was written since that backup is lost",
    )  # fmt: skip
    objects = [f"Deployment/{item['metadata']['name']}" for item in _deployments(site, manifest)]
    return _plan(site, RESTORE, steps, changes, timeout=timeout, backup=name, objects={SENSEI_RELEASE: objects})


def _plan(
    site: Site, kind: str, steps: list[tuple[str, str, str, int]], changes: tuple[str, ...], **parameters: Any
) -> Plan:
    target, found, name = target_name(site), load_deployed(site), site.config.namespace
    planned = tuple(
        PlannedStep(
            id=id, title=title, detail=detail or f"reserves the namespace {name} for this run",
            inputs=digest(id, target, parameters),
            seconds=min(float(seconds), _REHEARSED) if site.config.rehearsal else float(seconds),
        )
        for id, title, detail, seconds in steps
    )  # fmt: skip
    return Plan(
        kind=kind, site=site.config.name, target=target, namespace=name,
        version=found.version if found else site.config.version, created=clock.stamp(), steps=planned, changes=changes,
        parameters=parameters,
    )  # fmt: skip


def _deployed(site: Site) -> DeployedRelease:
    found = load_deployed(site)
    release = found.release(SENSEI_RELEASE) if found else None
    if release is None:
        raise NotDeployed(
            "Sensei is not deployed from this site.", where=str(site.root), remedy="Install it first: sensei install"
        )
    return release


def _deployments(site: Site, manifest: str) -> list[dict[str, Any]]:
    """As Helm sent them: applied again by its name, they stay its own."""
    found = as_applied(manifest, site.config.namespace, SENSEI_RELEASE)
    return [item for item in found if item["kind"] == "Deployment"]


@dataclass
class Scale:
    """The platform's components to no pods (`stop`), or to as many as were deployed (`start`)."""

    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        stops = self.spec.id == "stop"
        items = _deployments(self.world.site, _deployed(self.world.site).manifest)
        for item in items:
            context.check()
            wanted = copy.deepcopy(item)
            if stops:
                wanted["spec"]["replicas"] = 0
            self.world.cluster.apply(wanted, field_manager=FIELD_MANAGER)
            context.log("runner", f"{item['metadata']['name']}: {plural(wanted['spec']['replicas'], 'pod')} wanted")
        if stops:
            self._wait_gone(context, {_component(item) for item in items})
        return f"{plural(len(items), 'component')} {'stopped' if stops else 'started'}"

    def _wait_gone(self, context: StepContext, components: set[str]) -> None:
        self.world.store.wait_complete(self.world.timeout)
        while left := self._pods(components):
            context.progress(0, left, "pods", "ending")
            context.check()
            with context.stop.calling(self.world.changed.set):
                self.world.changed.wait(LOOK)

    def _pods(self, components: set[str]) -> int:
        self.world.changed.clear()
        pods = self.world.store.snapshot.pods.values()
        return sum(_component({"metadata": {"labels": pod.metadata.labels}}) in components for pod in pods)


def _component(item: dict[str, Any]) -> str:
    return str(item["metadata"]["labels"].get("app.kubernetes.io/component", ""))


@dataclass
class RunJob:
    """A job from one of the chart's CronJobs, to its end. Its own deadline ends it, if nothing else does."""

    spec: PlannedStep
    world: World
    kind: str

    @property
    def name(self) -> str:
        """One job a run: a resumed run finds what it began."""
        return f"{_CRONJOBS[self.kind]}-{self.world.run_id}"

    def is_done(self, context: StepContext) -> bool:
        return self._state() == "Complete"

    def do(self, context: StepContext) -> str:
        if self._state() == "Failed":
            self.world.cluster.delete("Job", self.name)
        if not self._state():
            name = str(self.world.plan.parameters.get("backup", LATEST))
            changes = {"BACKUP_LABEL": "manual"} if self.kind == BACKUP else {"BACKUP_NAME": name}
            self.world.cluster.create(job_of(self.world.cluster, _CRONJOBS[self.kind], self.name, changes))
            context.log("runner", f"made Job/{self.name}", f"Job/{self.name}")
        self._wait(context)
        said = job_log(self.world.cluster, self.name, self.kind)
        for text in said[-_SHOWN:]:
            context.log("job", text, f"Job/{self.name}")
        return said[-1] if said else "done"

    def _wait(self, context: StepContext) -> None:
        self.world.store.wait_complete(self.world.timeout)
        while (state := self._state()) != "Complete":
            self.world.changed.clear()
            late = tuple(item for item in late_jobs(self.world.store.snapshot) if item.object == f"Job/{self.name}")
            if state == "Failed":
                raise self._failed("; ".join(sentence(item) for item in late))
            context.waiting(late)
            context.check()
            with context.stop.calling(self.world.changed.set):
                self.world.changed.wait(LOOK)
        context.waiting(())

    def _state(self) -> str:
        return job_state(self.world.cluster, self.name)

    def _failed(self, why: str) -> JobFailed:
        stopped = " The platform is stopped." if self.kind == RESTORE else ""
        return JobFailed(
            f"The {self.kind} did not succeed.{stopped}", where=f"Job/{self.name}", why=why,
            remedy=f"Mend the cause. Then: sensei runs resume {self.world.run_id}",
        )  # fmt: skip


def job_of(cluster: Cluster, cronjob: str, name: str, changes: dict[str, str]) -> dict[str, Any]:
    """A job of the CronJob's template, with these variables. Raises NoBackups, ClusterError."""
    try:
        found = cluster.object("CronJob", cronjob)
    except NotFound as error:
        raise NoBackups(
            f"The release has no CronJob {cronjob}.", where=f"namespace {cluster.target.namespace}",
            why="backup.enabled is false, or the charts are older",
            remedy="Set backup.enabled, and bring it to the cluster: sensei upgrade",
        ) from error  # fmt: skip
    template = found["spec"]["jobTemplate"]
    for box in template["spec"]["template"]["spec"]["containers"]:
        kept = [item for item in box["env"] if item["name"] not in changes]
        box["env"] = [*kept, *({"name": key, "value": value} for key, value in changes.items())]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": cronjob,
        "uid": found["metadata"]["uid"],
        "controller": True,
    }
    metadata = {
        "name": name, "namespace": cluster.target.namespace, "annotations": _MADE_FROM, "ownerReferences": [owner],
        "labels": template["metadata"].get("labels", {}),
    }  # fmt: skip
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]}


def backups(cluster: Cluster) -> list[dict[str, Any]]:
    """Every backup there is, newest first, as the probe tells them. Raises NoBackups, JobFailed, ClusterError."""
    name = f"{_CRONJOBS[BACKUP]}-list-{secrets.token_hex(4)}"
    job = job_of(cluster, _CRONJOBS[BACKUP], name, {})
    pod = job["spec"]["template"]["spec"]
    box = next(item for item in pod["containers"] if item["name"] == BACKUP)
    pod["containers"] = [{**box, "args": ["backups"]}]
    cluster.create({**job, "spec": {**job["spec"], "backoffLimit": 0, "activeDeadlineSeconds": _LISTING}})
    try:
        said = _answer(cluster, name)
    finally:
        cluster.delete("Job", name)
    try:
        return msgspec.json.decode("\n".join(said), type=list[dict[str, Any]])
    except msgspec.DecodeError as error:
        raise JobFailed("The list of backups can't be read.", where=f"Job/{name}", why=str(error)) from None


def _answer(cluster: Cluster, name: str) -> list[str]:
    while True:
        state = job_state(cluster, name)
        said = job_log(cluster, name, BACKUP) if state != "Running" else []
        if state == "Complete":
            return said
        if state != "Running":
            raise JobFailed("The backups could not be listed.", where=f"Job/{name}", why=said[-1] if said else state)
        time.sleep(LOOK)


def job_state(cluster: Cluster, name: str) -> str:
    """`Complete`, `Failed`, `Running`, or nothing where there is no such job. Raises ClusterError."""
    try:
        conditions = cluster.object("Job", name)["status"].get("conditions", ())
    except NotFound:
        return ""
    true = {item["type"] for item in conditions if item["status"] == "True"}
    return next((word for word in ("Complete", "Failed") if word in true), "Running")


def job_log(cluster: Cluster, name: str, container: str) -> list[str]:
    """What the job's newest pod has said; nothing where it can't be read."""
    path = cluster.kind("Pod").path(cluster.target.namespace)
    with contextlib.suppress(ClusterError):
        pods = cluster.get(path, labelSelector=f"batch.kubernetes.io/job-name={name}")["items"]
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
        if newest:
            return [text for text in cluster.logs(newest["metadata"]["name"], container, tail=_READ) if text]
    return []
