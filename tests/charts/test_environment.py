"""What jobs are told is enough for them, and there when they run: hooks run before the release's own objects are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sensei_tui.helm.manifest import is_hook, key
from tests.charts import helpers
from tests.charts.helpers import SCENARIOS, Scenario, render, template_of

Node = dict[str, Any]
NEEDED = {
    "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_SSLMODE",
    "REDIS_HOST", "REDIS_PORT", "REDIS_TLS",
    "S3_ENDPOINT", "S3_REGION", "S3_PATH_STYLE", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET_CHECKPOINTS", "S3_BUCKET_ARTIFACTS",
    "VECTOR_DB_URL",
}  # fmt: skip
"""What the probe reads of its environment."""
DUMP = {name for name in NEEDED if name.startswith("DATABASE_")} | {"WORK_DIR"}
BACKUP = {"WORK_DIR", "BACKUP_TO", "BACKUP_SITE", "BACKUP_LABEL", "BACKUP_KEEP", "BACKUP_VERSION"}


def jobs(found: Scenario) -> Iterator[tuple[Node, Node]]:
    """Hooks and CronJobs: the object, and its pods' spec."""
    return ((item, pod) for item, pod in found.workloads() if item["kind"] in ("Job", "CronJob"))


def variables(box: Node) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in box["env"]}


def test_jobs_are_told_where_everything_is(scenario: Scenario) -> None:
    seen = 0
    for item, pod in jobs(scenario):
        for box in pod["containers"]:
            wanted = DUMP if box["name"] == "database" else NEEDED
            assert wanted <= variables(box).keys(), f"{key(item)} {box['name']}"
            assert all(variables(box)[name] for name in wanted)
            seen += 1
    assert seen >= 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_backups_are_told_where_to_go(name: str) -> None:
    found = helpers.scenario(name)
    for item, pod in ((item, pod) for item, pod in jobs(found) if len(pod["containers"]) == 2):
        told = variables(pod["containers"][0])
        assert told.keys() >= BACKUP, key(item)
        place = {"BACKUP_DIR"} if found.values.get("backup", {}).get("to") == "volume" else {"BACKUP_S3_BUCKET"}
        assert place <= told.keys()
        if "BACKUP_S3_ENDPOINT" in told:
            assert {
                "BACKUP_S3_REGION",
                "BACKUP_S3_PATH_STYLE",
                "BACKUP_S3_ACCESS_KEY",
                "BACKUP_S3_SECRET_KEY",
            } <= told.keys()
        assert ("BACKUP_NAME" in told) is (item["metadata"]["name"] == "sensei-restore")


def test_jobs_and_components_are_told_the_same(scenario: Scenario) -> None:
    config = scenario.of("ConfigMap")["sensei-config"]["data"]
    for _, pod in jobs(scenario):
        told = variables(pod["containers"][0])
        assert {name: value for name, value in config.items() if value} == {
            name: told[name] for name in config if name in told}  # fmt: skip


def referred(pod: Node) -> set[str]:
    """`Kind/name` of everything that must be there for a pod to start."""
    found = {("Secret", volume["secret"]["secretName"]) for volume in pod["volumes"] if "secret" in volume}
    found |= {("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
              for volume in pod["volumes"] if "persistentVolumeClaim" in volume}  # fmt: skip
    for box in [*pod.get("initContainers", []), *pod["containers"]]:
        sources = [entry["valueFrom"] for entry in box["env"] if "valueFrom" in entry]
        found |= {("Secret", source["secretKeyRef"]["name"]) for source in sources if "secretKeyRef" in source}
        found |= {("ConfigMap", source["configMapRef"]["name"]) for source in box.get("envFrom", [])}
    return {f"{kind}/{name}" for kind, name in found}


def before(item: Node) -> bool:
    return str(item["metadata"].get("annotations", {}).get("helm.sh/hook", "")).startswith("pre-")


WITH_HELM_ALONE = {"license": {"key": "k"}, "llm": {"provider": "anthropic", "apiKey": "a"}}
"""The chart itself makes Secrets of these."""


@pytest.mark.parametrize("name", [*SCENARIOS, "helm alone"])
def test_hooks_need_nothing_that_the_same_release_makes(name: str) -> None:
    found = render(WITH_HELM_ALONE) if name == "helm alone" else helpers.scenario(name)
    made = {key(item) for item in found.sensei if not is_hook(item)}
    hooks = [item for item in found.sensei if before(item)]
    assert hooks
    for item in hooks:
        assert referred(template_of(item)["spec"]) & made == set(), key(item)


def test_the_volume_of_backups_comes_with_the_release_before() -> None:
    found = helpers.scenario("backup-volume")
    claim = "PersistentVolumeClaim/sensei-backups"
    assert claim in {key(item) for item in found.dependencies}
    hook = next(item for item in found.sensei if item["metadata"]["name"] == "sensei-backup-before-upgrade")
    assert claim in referred(template_of(hook)["spec"])
    assert found.of("PersistentVolumeClaim")["sensei-backups"]["metadata"]["annotations"] == {
        "helm.sh/resource-policy": "keep"
    }


def test_hooks_run_in_their_order(guide_default: Scenario) -> None:
    notes = {
        item["metadata"]["name"]: item["metadata"]["annotations"] for item in guide_default.sensei if is_hook(item)
    }
    weights = {name: int(note["helm.sh/hook-weight"]) for name, note in notes.items() if note["helm.sh/hook"] != "test"}
    assert sorted(weights, key=weights.__getitem__) == [
        "sensei-backup-before-upgrade",
        "sensei-buckets",
        "sensei-migrations",
    ]
    assert {note["helm.sh/hook-delete-policy"] for note in notes.values()} == {"before-hook-creation,hook-succeeded"}
