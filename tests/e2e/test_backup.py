"""Backups and restores as runs, and the backup with which an upgrade begins, on the simulated cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sensei_tui.rehearsal import launch
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import SiteUnderTest, ended, kill

HOOK = "sensei-backup-before-upgrade"


def test_a_backup_and_a_restore_are_runs(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        assert "is not deployed from this site" in found.sensei("backup", "create", "--yes", code=2)
        found.sensei("install", "--yes")
        found.sensei("backup", "create", "--yes")
        jobs = found.kubectl("get", "jobs")["items"]
        assert [job["metadata"]["name"] for job in jobs] == ["sensei-backup-0002"]
        assert told(jobs[0], "BACKUP_LABEL") == "manual"
        plan = json.loads(found.sensei("backup", "restore", "one", "--plan-only", "-o", "json"))
        assert "what is in the stores now is replaced by backup one" in plan["changes"]
        assert "must be confirmed" in found.sensei("backup", "restore", "one", code=2)
        found.sensei("backup", "restore", "one", "--yes")
        assert told(found.kubectl("get", "job", "sensei-restore-0003"), "BACKUP_NAME") == "one"
        serves(found)
        # Helm still owns what was stopped and started: nobody else's field is in the way of an upgrade.
        found.sensei("config", "set", "dataPlane.workers.replicas", "5")
        found.sensei("upgrade", "--yes")
        assert found.kubectl("get", "deployment", "sensei-workers")["spec"]["replicas"] == 5


def test_a_backup_that_is_not_there_stops_nothing(tmp_path: Path) -> None:
    lost = "there is no complete backup two: there is none"
    fault = f"faults: [{{kind: crash-loop, pod: '*-check', image: '*probe*', times: 1, log: ['{lost}']}}]\n"
    with rehearsed(tmp_path / "site", fault) as found:
        found.sensei("install", "--yes")
        said = found.sensei("backup", "restore", "two", "--yes", code=3)
        assert "Nothing was changed." in said
        assert lost in found.run().view().error["why"]
        assert "sensei backup list" in said
        serves(found)


def test_a_restore_that_fails_says_why_and_that_the_platform_is_stopped(tmp_path: Path) -> None:
    lost = "restore: sensei-postgresql:5432 does not answer"
    fault = (
        "faults: [{kind: crash-loop, pod: 'sensei-restore-0002-??[!e]??', image: '*probe*', times: 1, exitCode: 1,"
        f" log: ['{lost}']}}]\n"
    )
    with rehearsed(tmp_path / "site", fault) as found:
        found.sensei("install", "--yes")
        found.sensei("backup", "restore", "--yes", code=3)
        error = found.run().view().error
        assert error["code"] == "job-failed"
        assert "The platform is stopped." in error["what"]
        assert lost in error["why"]
        assert not any(item["spec"]["replicas"] for item in found.kubectl("get", "deployments")["items"])
        # No backup begins on what is half restored, and the name does not change with the newest.
        assert found.kubectl("get", "cronjob", "sensei-backup")["spec"]["suspend"] is True
        check = found.kubectl("get", "job", "sensei-restore-0002-check")
        found.kubectl("annotate", "job", "sensei-restore-0002-check", "--overwrite", "sensei-tui/backup=as-found")
        assert check["metadata"]["annotations"]["sensei-tui/backup"] == "latest"
        launch.stop(found.site.rehearsal_dir)
        (tmp_path / "mended.yaml").write_text("faults: []\n")
        launch.start(found.site.rehearsal_dir, scenario=tmp_path / "mended.yaml")
        found.sensei("runs", "resume")
        assert told(found.kubectl("get", "job", "sensei-restore-0002"), "BACKUP_NAME") == "as-found"
        serves(found)


def test_a_restore_that_is_cancelled_ends_in_the_cluster_too(tmp_path: Path) -> None:
    fault = "faults: [{kind: pending, pod: 'sensei-restore-0002-??[!e]??'}]\n"
    with rehearsed(tmp_path / "site", fault) as found:
        found.sensei("install", "--yes")
        found.sensei("backup", "restore", "one", "--yes", "--detach")
        found.until(lambda view: any(item.object == "Job/sensei-restore-0002" for item in view.waiting))
        found.sensei("runs", "cancel")
        found.until(ended)
        left = [name for name in names(found, "jobs,pods") if name.startswith("sensei-restore-0002")]
        assert all(name.startswith("sensei-restore-0002-check") for name in left)
        # What rests is told, is saved by nobody, and comes back by an upgrade that changes nothing else.
        assert "DEGRADED" in found.sensei("status", code=1)
        assert "A restore did not end" in found.sensei("backup", "create", "--yes", code=3)
        found.sensei("upgrade", "--yes")
        assert "a restore did not end" in step(found, "backup-first").detail
        serves(found)
        found.sensei("backup", "create", "--yes")


def test_nothing_is_done_beside_a_restore_that_goes_on(tmp_path: Path) -> None:
    fault = "faults: [{kind: pending, pod: 'sensei-restore-0002-??[!e]??'}]\n"
    with rehearsed(tmp_path / "site", fault) as found:
        found.sensei("install", "--yes")
        found.sensei("backup", "restore", "one", "--yes", "--detach")
        found.until(lambda view: any(item.object == "Job/sensei-restore-0002" for item in view.waiting))
        # A runner that is killed leaves the job as it is: its own resumption goes on with it, others do not start.
        kill(found.run())
        for command in (("backup", "create"), ("backup", "restore", "two"), ("upgrade",)):
            assert "A restore is going on: Job/sensei-restore-0002." in found.sensei(*command, "--yes", code=3)
        launch.stop(found.site.rehearsal_dir)
        (tmp_path / "mended.yaml").write_text("faults: []\n")
        launch.start(found.site.rehearsal_dir, scenario=tmp_path / "mended.yaml")
        found.sensei("runs", "resume", "0002")
        serves(found)


def test_a_backup_whose_pod_never_starts_is_given_up_and_removed(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site", "faults: [{kind: image-pull, pod: sensei-backup}]\n") as found:
        found.sensei("install", "--yes")
        said = found.sensei("backup", "create", "--yes", "--timeout", "5", code=3)
        assert "did not start in 5 s" in said
        assert "ErrImagePull" in said or "ImagePullBackOff" in said
        assert found.kubectl("get", "jobs")["items"] == []


def test_an_upgrade_begins_with_a_backup_by_what_is_deployed(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("install", "--yes")
        found.sensei("upgrade", "--yes")
        assert "not needed" in step(found, "backup-first").detail
        found.sensei("config", "set", "dataPlane.kora.replicas", "3")
        order = [item["id"] for item in json.loads(found.sensei("upgrade", "--plan-only", "-o", "json"))["steps"]]
        assert order.index("backup-first") < order.index("secrets") < order.index("release:sensei-deps")
        found.sensei("upgrade", "--yes")
        (job,) = found.kubectl("get", "jobs")["items"]
        assert (job["metadata"]["name"], told(job, "BACKUP_LABEL")) == ("sensei-backup-0003", "pre-upgrade")
        assert HOOK not in hooks(found, 2), "the backup was made twice"
        # Helm alone makes one in the hook.
        assert HOOK in hooks(found, 1)


def test_where_nothing_deployed_makes_backups_the_charts_hook_makes_the_first(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("config", "set", "backup.enabled", "false")
        found.sensei("install", "--yes")
        found.sensei("config", "set", "backup.enabled", "true")
        found.sensei("upgrade", "--yes")
        assert "makes no backups" in step(found, "backup-first").detail
        assert HOOK in hooks(found, 2)


def test_no_backup_no_upgrade(tmp_path: Path) -> None:
    fault = "faults: [{kind: crash-loop, pod: sensei-backup, image: '*probe*', log: ['backup: the disk is full']}]\n"
    with rehearsed(tmp_path / "site", fault) as found:
        found.sensei("install", "--yes")
        found.sensei("config", "set", "dataPlane.kora.replicas", "3")
        said = found.sensei("upgrade", "--yes", code=3)
        assert "Nothing was upgraded." in said
        assert "the disk is full" in said
        assert {release["version"] for release in found.helm_releases()} == {1}


def told(job: dict[str, Any], variable: str) -> str:
    """A variable of the probe's container."""
    boxes = job["spec"]["template"]["spec"]["containers"]
    (value,) = [item["value"] for item in boxes[0]["env"] if item["name"] == variable]
    return str(value)


def serves(found: SiteUnderTest) -> None:
    """Every component has its pods, and the nightly backup goes on."""
    assert all(item["status"].get("readyReplicas") for item in found.kubectl("get", "deployments")["items"])
    assert found.kubectl("get", "cronjob", "sensei-backup")["spec"]["suspend"] is False


def names(found: SiteUnderTest, kinds: str) -> list[str]:
    """All of these kinds."""
    return [item["metadata"]["name"] for item in found.kubectl("get", kinds)["items"]]


def step(found: SiteUnderTest, id: str) -> Any:
    """A step of the newest run."""
    return next(item for item in found.run().view().steps if item.id == id)


def hooks(found: SiteUnderTest, revision: int) -> set[str]:
    """Names of the hooks of a revision of the platform's own release."""
    (release,) = [
        item for item in found.helm_releases() if (item["name"], item["version"]) == ("sensei", revision)
    ]  # fmt: skip
    return {item["name"] for item in release["hooks"]}
