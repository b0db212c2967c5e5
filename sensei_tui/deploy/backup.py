"""Backup and restore as runs: their plans. The steps are in `saving`."""

from __future__ import annotations

from typing import Any

from sensei_tui.base import clock
from sensei_tui.base.errors import UsageError
from sensei_tui.base.text import plural
from sensei_tui.deploy.jobs import BACKUP
from sensei_tui.deploy.prepare import TIMEOUT, digest
from sensei_tui.deploy.record import DeployedRelease, load_deployed
from sensei_tui.helm.drift import as_applied
from sensei_tui.helm.manifest import key
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.site.charts import LATEST, SENSEI_RELEASE
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name

_REHEARSED = 5.0
"""In a rehearsal a job's process does nothing."""


class NotDeployed(UsageError):
    """There is nothing to save, or nothing to restore into."""

    code = "not-deployed"


def plan_backup(site: Site, *, timeout: float = TIMEOUT) -> Plan:
    """One backup now. Raises NotDeployed."""
    deployed_release(site)
    saves = "the database, the objects and the vectors are saved"
    steps = [("reserve", "Reserve", "", 2), ("backup", "Backup", saves, 300)]
    return _plan(site, "backup", steps, (saves, "the platform goes on working"), timeout=timeout)


def plan_restore(site: Site, name: str = LATEST, *, timeout: float = TIMEOUT) -> Plan:
    """The backup looked at, the platform stopped, its data as in it, the platform started. Raises NotDeployed."""
    components = [item for item in stopped_objects(site) if item["kind"] == "Deployment"]
    count = plural(len(components), "component")
    steps = [
        ("reserve", "Reserve", "", 2),
        ("check", "Check the backup", f"backup {name} is whole, and the stores can take it; nothing is changed", 20),
        ("stop", "Stop the platform", f"{count} to no pods, no backup by schedule; the stores stay", 60),
        ("restore", "Restore", "the database, the objects, the vectors", 600),
        ("start", "Start the platform", f"{count} as they were", 5),
        (f"wait:{SENSEI_RELEASE}", f"Wait for {SENSEI_RELEASE}", f"until {count} ready", 60),
        ("verify", "Verify the platform", "pods ready, the dashboard answers, the chart's tests pass", 20),
    ]
    changes = (
        f"what is in the stores now is replaced by backup {name}", "Sensei does not serve until the run is done",
        "what was written since that backup is lost",
    )  # fmt: skip
    objects = [f"Deployment/{item['metadata']['name']}" for item in components]
    return _plan(site, "restore", steps, changes, timeout=timeout, backup=name, objects={SENSEI_RELEASE: objects})


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


def deployed_release(site: Site) -> DeployedRelease:
    """The platform's own release, as recorded. Raises NotDeployed."""
    found = load_deployed(site)
    release = found.release(SENSEI_RELEASE) if found else None
    if release is None:
        raise NotDeployed(
            "Sensei is not deployed from this site.", where=str(site.root), remedy="Install it first: sensei install"
        )
    return release


def stopped_objects(site: Site) -> list[dict[str, Any]]:
    """What rests during a restore: the components, and the backup by schedule. Raises NotDeployed.

    As Helm sent them: applied again by its name, they stay its own.
    """
    found = as_applied(deployed_release(site).manifest, site.config.namespace, SENSEI_RELEASE)
    return [item for item in found if item["kind"] == "Deployment" or key(item) == f"CronJob/{BACKUP}"]
