"""The main job on a real cluster, by an operator who may do what is documented: through the runner, with both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from sensei_tui.deploy.record import load_deployed
from sensei_tui.runs.model import RunState, StepState
from tests.cluster.real import Place, RealCluster
from tests.cluster.sites import ENGINES, change, sited
from tests.e2e.sites import SiteUnderTest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=ENGINES)
def installed(
    request: pytest.FixtureRequest, real: RealCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SiteUnderTest, Place]]:
    """Installed once for each engine; the tests go on from there in their order."""
    with real.place() as place, sited(place, tmp_path_factory.mktemp("runs") / "site", request.param) as site:
        said = site.sensei("install", "--yes")
        assert "Run 0001 done in" in said
        yield site, place


def statuses(site: SiteUnderTest, release: str) -> list[str]:
    """Helm's own records, oldest first."""
    mine = [item for item in site.helm_releases() if item["name"] == release]
    return [item["info"]["status"] for item in sorted(mine, key=lambda item: int(item["version"]))]


def test_install(installed: tuple[SiteUnderTest, Place]) -> None:
    site, _ = installed
    assert {step.state for step in site.run("1").view().steps} == {StepState.OK}
    found = json.loads(site.sensei("status", "-o", "json"))
    assert found["health"]["word"] == "ok"
    assert {item["info"]["status"] for item in site.helm_releases()} == {"deployed"}
    assert site.kubectl("get", "leases")["items"] == []
    sources = {line.source for line in site.run("1").view().log}
    assert {"helm", "pod", "runner"} <= sources


def test_every_field_is_owned_by_helm(installed: tuple[SiteUnderTest, Place]) -> None:
    """Another engine, or helm by hand, can go on from there."""
    site, _ = installed
    found = site.kubectl("get", "deployment", "sensei-kora", "--show-managed-fields")["metadata"]["managedFields"]
    assert {item["manager"] for item in found if item["operation"] == "Apply"} == {"helm"}


def test_installing_again_changes_nothing(installed: tuple[SiteUnderTest, Place]) -> None:
    site, _ = installed
    site.sensei("install", "--yes")
    states = {step.id: step.state for step in site.run().view().steps}
    assert states["release:sensei-deps"] is StepState.SKIPPED
    assert states["release:sensei"] is StepState.SKIPPED


def test_a_changed_value_is_an_upgrade(installed: tuple[SiteUnderTest, Place]) -> None:
    site, _ = installed
    change(site, "kora:\n    replicas: 2", "kora:\n    replicas: 3")
    plan = json.loads(site.sensei("upgrade", "--plan-only", "-o", "json"))
    assert "~ Deployment/sensei-kora + spec.replicas: 3" in plan["changes"]
    site.sensei("upgrade", "--yes")
    assert site.kubectl("get", "deployment", "sensei-kora")["status"]["readyReplicas"] == 3
    assert statuses(site, "sensei") == ["superseded", "deployed"]


def test_drift_is_found_before_anything_is_written(installed: tuple[SiteUnderTest, Place]) -> None:
    """A conflict of server-side apply that only a real API server decides."""
    site, place = installed
    place.admin.kubectl("scale", "deployment/sensei-kora", "--replicas=5")
    change(site, "kora:\n    replicas: 3", "kora:\n    replicas: 4")
    before = statuses(site, "sensei")
    said = site.sensei("upgrade", "--yes", code=1)
    assert "Deployment/sensei-kora" in said
    assert "kubectl" in said
    assert "--take-over" in said
    assert statuses(site, "sensei") == before
    site.sensei("upgrade", "--yes", "--take-over")
    assert site.kubectl("get", "deployment", "sensei-kora")["spec"]["replicas"] == 4


def test_a_hook_that_cannot_run_is_named_with_its_reason(installed: tuple[SiteUnderTest, Place]) -> None:
    site, place = installed
    place.admin.kubectl("create", "quota", "tight", "--hard=pods=0")
    change(site, "kora:\n    replicas: 4", "kora:\n    replicas: 6")
    # A backup before the upgrade would have hours.
    change(site, "postgresql:\n", "backup:\n  preUpgrade: false\n\npostgresql:\n")
    said = site.sensei("upgrade", "--yes", "--timeout", "6", code=3)
    assert "Job/sensei-buckets did not finish" in said
    assert "exceeded quota: tight" in said
    assert statuses(site, "sensei")[-1] == "failed"
    place.admin.kubectl("delete", "quota", "tight")


def test_a_failed_upgrade_names_the_cause_and_rollback_mends_it(installed: tuple[SiteUnderTest, Place]) -> None:
    site, place = installed
    # The job that had no quota is tried again now. The pods of jobs end, and count no more then: with one of them
    # counted here there would be room for all of the upgrade, whose tests would then wait for theirs.
    place.admin.kubectl("wait", "job/sensei-buckets", "--for=condition=complete", "--timeout=90s")
    lasting = ("-l", "!batch.kubernetes.io/job-name")
    there = len(place.admin.kubectl("get", "pods", *lasting, "-o", "name").split())
    place.admin.kubectl("create", "quota", "tight", f"--hard=pods={there + 1}")
    said = site.sensei("upgrade", "--yes", "--timeout", "8", code=3)
    assert "Deployment/sensei-kora" in said
    assert "exceeded quota: tight" in said
    place.admin.kubectl("delete", "quota", "tight")
    good = len(statuses(site, "sensei")) - 2
    change(site, "kora:\n    replicas: 6", "kora:\n    replicas: 4")
    site.sensei("rollback", str(good), "--yes")
    assert site.kubectl("get", "deployment", "sensei-kora")["spec"]["replicas"] == 4
    assert json.loads(site.sensei("status", "-o", "json"))["health"]["word"] == "ok"


def test_uninstall_keeps_data_and_a_new_installation_takes_it(installed: tuple[SiteUnderTest, Place]) -> None:
    site, place = installed
    claims = {item["metadata"]["uid"] for item in site.kubectl("get", "pvc")["items"]}
    secret = site.kubectl("get", "secret", "sensei-credentials")["data"]
    assert "must be confirmed" in site.sensei("uninstall", code=2)
    site.sensei("uninstall", "--yes")
    assert site.run().view().state is RunState.DONE
    assert site.helm_releases() == []
    assert place.admin.kubectl("get", "pods,deployments,statefulsets,services", "-o", "name") == ""
    assert load_deployed(site.site) is None
    assert "nothing deployed" in site.sensei("status", code=1)
    site.sensei("install", "--yes")
    assert claims == {item["metadata"]["uid"] for item in site.kubectl("get", "pvc")["items"]}
    assert secret == site.kubectl("get", "secret", "sensei-credentials")["data"]
