"""Jobs made from the chart's CronJobs, as `kubectl create job --from` does: made, asked how they are, and read."""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import Any

import msgspec

from sensei_tui.base.errors import SenseiError
from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import ClusterError, NotFound
from sensei_tui.deploy.wait import LOOK

BACKUP, RESTORE = "sensei-backup", "sensei-restore"
"""The CronJobs."""
CHECK = "-check"
"""How the name of a job ends that only looks at a backup."""
_PROBE = {BACKUP: "backup", RESTORE: "restore"}
"""The container of the probe in each; the other one is the database's client."""
_MADE_FROM = {"cronjob.kubernetes.io/instantiate": "manual"}
"""What `kubectl create job --from` writes on the job."""
_LISTING = 300
"""Seconds for a job that only reads what backups there are."""
_NONE_YET = "there is no backup: no bucket"
"""What the probe says before the first backup has made the bucket."""
_READ = 100_000
"""Lines of a job's log that are read: a list of a thousand backups has some ten thousand."""


class NoBackups(SenseiError):
    """The release has no such CronJob."""

    code = "no-backups"


class RestoreUnfinished(SenseiError):
    """A restore of another run goes on, or was given up halfway."""

    code = "restore-unfinished"


class JobFailed(SenseiError):
    """A backup or a restore did not succeed."""

    code = "job-failed"


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


def reading_job(cluster: Cluster, cronjob: str, name: str, arguments: list[str], limit: int = 0) -> dict[str, Any]:
    """A job in which the probe alone reads, once, for `limit` seconds at most (0: as the CronJob's own).

    Raises NoBackups, ClusterError.
    """
    job = job_of(cluster, cronjob, name, {})
    pod = job["spec"]["template"]["spec"]
    box = next(item for item in pod["containers"] if item["name"] == _PROBE[cronjob])
    pod["containers"] = [{**box, "args": arguments}]
    ends = {"activeDeadlineSeconds": limit} if limit else {}
    return {**job, "spec": {**job["spec"], "backoffLimit": 0, **ends}}


def backups(cluster: Cluster) -> list[dict[str, Any]]:
    """Every backup there is, newest first, as the probe tells them. Raises NoBackups, JobFailed, ClusterError."""
    name = f"{BACKUP}-list-{secrets.token_hex(4)}"
    cluster.create(reading_job(cluster, BACKUP, name, ["backups"], _LISTING))
    try:
        said = _answer(cluster, name)
    finally:
        cluster.delete("Job", name)
    try:
        return msgspec.json.decode("\n".join(said), type=list[dict[str, Any]])
    except msgspec.DecodeError as error:
        raise JobFailed("The list of backups can't be read.", where=f"Job/{name}", why=str(error)) from None


def backup_text(row: dict[str, Any]) -> str:
    """`20261128T020000Z-scheduled  1.0.0  complete`, and whose it is where it is another installation's."""
    state = "complete" if row.get("complete") else "incomplete: it can't be restored"
    whose = f"  of {row['site']}" if row.get("site") else ""
    return f"{row.get('name', '')}  {row.get('version', '')}  {state}{whose}"


def _answer(cluster: Cluster, name: str) -> list[str]:
    while True:
        state = job_state(cluster, name)
        said = job_log(cluster, name, BACKUP) if state != "Running" else []
        if state == "Complete":
            return said
        if said and _NONE_YET in said[-1]:
            return ["[]"]
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


def restoring(cluster: Cluster, own: str = "") -> str:
    """A restore's job that has not ended and is not of this name. Raises ClusterError."""
    path = cluster.kind("Job").path(cluster.target.namespace)
    for item in cluster.get(path, labelSelector="app.kubernetes.io/component=restore")["items"]:
        ended = {one["type"] for one in item["status"].get("conditions", ()) if one["status"] == "True"}
        name = str(item["metadata"]["name"])
        if not ended & {"Complete", "Failed"} and not name.endswith(CHECK) and name != own:
            return name
    return ""


def refuse_beside_restore(cluster: Cluster, own: str = "") -> None:
    """Nothing else is done to data in the middle of a restore. Raises RestoreUnfinished, ClusterError."""
    if other := restoring(cluster, own):
        raise RestoreUnfinished(
            f"A restore is going on: Job/{other}.", where=f"namespace {cluster.target.namespace}",
            why="its run was left, or another host began it",
            remedy=f"Wait for it, or end it (kubectl delete job {other}) and restore again.",
        )  # fmt: skip


def job_log(cluster: Cluster, name: str, cronjob: str) -> list[str]:
    """What the probe in the job's newest pod has said; nothing where it can't be read."""
    path = cluster.kind("Pod").path(cluster.target.namespace)
    with contextlib.suppress(ClusterError):
        pods = cluster.get(path, labelSelector=f"batch.kubernetes.io/job-name={name}")["items"]
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
        if newest:
            return [text for text in cluster.logs(newest["metadata"]["name"], _PROBE[cronjob], tail=_READ) if text]
    return []
