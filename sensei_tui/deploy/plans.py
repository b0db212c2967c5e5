"""Plans: what a run would do, step by step, without doing any of it. Needs no cluster."""

from __future__ import annotations

import re
from typing import Any

from sensei_tui.base import clock
from sensei_tui.base.text import plural
from sensei_tui.deploy.loading import bundle_steps
from sensei_tui.deploy.prepare import TIMEOUT, Prepared, digest, prepare
from sensei_tui.deploy.record import Deployed, load_deployed
from sensei_tui.deploy.release import backup_limit
from sensei_tui.deploy.volumes import growing, refuse_changes
from sensei_tui.helm.engine import render_offline
from sensei_tui.helm.manifest import counted, differences, workloads
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.site.charts import SENSEI_RELEASE
from sensei_tui.site.diff import diff_values
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name

SECONDS = {"site": 1, "preflight": 10, "namespace": 2, "secrets": 2, "drift": 5, "backup-first": 300, "release": 10,
           "rollback": 10, "wait": 120, "verify": 10, "record": 2}  # fmt: skip
"""Expected seconds by kind of step, with images in a registry near by. Only the progress bar depends on them."""
REHEARSED = {"wait": 15.0, "backup-first": 5.0}
"""In a rehearsal no image is pulled, and no data is saved."""


def plan_install(site: Site, *, timeout: float = TIMEOUT) -> Plan:
    """Both charts, from nothing to a platform that answers. Raises UsageError (StoreCannotChange, ...), HelmError."""
    return _Planner(site, timeout).install()


def plan_upgrade(site: Site, *, timeout: float = TIMEOUT, take_over: bool = False) -> Plan:
    """The site's values and charts over what is deployed; `take_over` takes back fields that others own.

    Raises UsageError (StoreCannotChange where the data stores can't become that), HelmError.
    """
    return _Planner(site, timeout).upgrade(take_over)


def plan_rollback(site: Site, revision: int, *, timeout: float = TIMEOUT) -> Plan:
    """Release `sensei` back to a revision. Raises UsageError, HelmError."""
    return _Planner(site, timeout).rollback(revision)


class _Planner:
    def __init__(self, site: Site, timeout: float) -> None:
        self._site = site
        self._prepared: Prepared = prepare(site)
        self._timeout = timeout
        self._target = target_name(site)
        self._manifests = _render(self._prepared, site.config.namespace)

    def install(self) -> Plan:
        """The steps of the guide, in its order."""
        steps = [self._site_step(), self._gate(), *self._bundle(), self._namespace(), self._secrets(),
                 *self._releases(), *self._end()]  # fmt: skip
        return self._plan("install", steps, self._changes())

    def upgrade(self, take_over: bool) -> Plan:
        """As install, with a look for drift and a backup before anything is written."""
        drift = self._step(
            "drift",
            "Look for drift",
            "asks the cluster whether somebody else owns a field that will be written"
            + ("; takes it back" if take_over else ""),
        )
        steps = [self._site_step(), self._gate(), *self._bundle(), self._namespace(), drift, *self._backup(),
                 self._secrets(), *self._releases(), *self._end()]  # fmt: skip
        return self._plan("upgrade", steps, self._changes(), take_over=take_over)

    def rollback(self, revision: int) -> Plan:
        """Only the platform's own release: the data stores keep their data and version."""
        back = self._step(
            f"rollback:{SENSEI_RELEASE}", f"Roll back {SENSEI_RELEASE}", f"to revision {revision}, as a new revision"
        )
        wait = self._step(f"wait:{SENSEI_RELEASE}", f"Wait for {SENSEI_RELEASE}", "until every workload is ready")
        changes = [
            f"release {SENSEI_RELEASE}: content of revision {revision}",
            "data in the data stores is not changed",
        ]
        steps = [self._site_step(), self._namespace(), back, wait, *self._end()]
        return self._plan("rollback", steps, changes, revision=revision, objects={})

    def _site_step(self) -> PlannedStep:
        files = ", ".join(path.name for path in self._prepared.values.files)
        return self._step("site", "Verify the site", f"{files}: values valid, licence set, secrets at hand")

    def _gate(self) -> PlannedStep:
        return self._step("preflight", "Preflight gate", "every check passes, warns or is waived", self._target)

    def _bundle(self) -> list[PlannedStep]:
        return bundle_steps(self._site, self._target)

    def _namespace(self) -> PlannedStep:
        name = self._site.config.namespace
        return self._step("namespace", "Namespace", f"creates {name} if absent and reserves it for this run", name)

    def _secrets(self) -> PlannedStep:
        names = [item.name for item in self._prepared.resolved.secrets]
        return self._step("secrets", "Secrets", f"{plural(len(names), 'Secret')}: {', '.join(names)}", names)

    def _backup(self) -> list[PlannedStep]:
        """By what is deployed, before the stores' release is touched: the chart's own hook comes after it."""
        if not backup_limit(self._prepared.resolved.helm_values):
            return []
        return [self._step("backup-first", "Backup before the upgrade", "the database, the objects, the vectors")]

    def _releases(self) -> list[PlannedStep]:
        steps: list[PlannedStep] = []
        for release in self._prepared.releases:
            manifest, name = self._manifests[release.name], release.name
            does = f"chart {release.version}: {counted(manifest)}"
            count = plural(len(workloads(manifest)), "workload")
            steps.append(self._step(f"release:{name}", f"Release {name}", does, release.digest))
            steps.append(self._step(f"wait:{name}", f"Wait for {name}", f"until {count} ready", release.digest))
        return steps

    def _end(self) -> list[PlannedStep]:
        check = "pods ready, services have endpoints, the dashboard answers, the chart's tests pass"
        return [
            self._step("verify", "Verify the platform", check),
            self._step("record", "Record", "keeps what is deployed, without secrets, in the site"),
        ]

    def _step(self, id: str, title: str, detail: str, *inputs: Any) -> PlannedStep:
        kind = id.partition(":")[0]
        seconds = float(SECONDS[kind])
        if self._site.config.rehearsal:
            seconds = REHEARSED.get(kind, seconds)
        everything = digest(id, self._prepared.resolved.digest, self._target, inputs)
        return PlannedStep(id=id, title=title, detail=detail, inputs=everything, seconds=seconds)

    def _plan(self, kind: str, steps: list[PlannedStep], changes: list[str], **extra: Any) -> Plan:
        site, prepared = self._site, self._prepared
        parameters = {
            "values": prepared.resolved.digest,
            "charts": {item.name: item.digest for item in prepared.releases},
            "objects": {name: list(workloads(text)) for name, text in self._manifests.items()},
            "timeout": self._timeout,
            **extra,
        }
        return Plan(
            kind=kind, site=site.config.name, target=self._target, namespace=site.config.namespace,
            version=site.config.version, created=clock.stamp(), steps=tuple(steps), changes=tuple(changes),
            parameters=parameters,
        )  # fmt: skip

    def _changes(self) -> list[str]:
        before = load_deployed(self._site)
        if before is None:
            return []
        refuse_changes(before, self._manifests, self._prepared.values)
        return [*growing(before, self._manifests), *changes(before, self._prepared, self._manifests)]


def changes(before: Deployed, prepared: Prepared, manifests: dict[str, str]) -> list[str]:
    """What differs from what is deployed: values, charts, then the rendered objects. Secrets masked."""
    lines = [line for item in diff_values(before.values, prepared.resolved.helm_values) for line in item.lines()]
    for release in prepared.releases:
        old = before.release(release.name)
        if old and old.chart != release.version:
            lines.append(f"release {release.name}: chart {old.chart} -> {release.version}")
        lines += differences(old.manifest if old else "", manifests[release.name])
    return [line for line in lines if not _CLASS_OF_KEPT.match(line)]


_CLASS_OF_KEPT = re.compile(r"~ PersistentVolumeClaim/sensei-\S+ (?:[-+] )?spec\.storageClassName: ")
"""A claim that is there stays in its class, whatever the values say: the chart sees to it on the cluster."""


def _render(prepared: Prepared, namespace: str) -> dict[str, str]:
    """Both charts, rendered without a cluster."""
    charts = {item.name: item.chart for item in prepared.releases}
    return render_offline(charts, prepared.resolved.helm_values, namespace)
