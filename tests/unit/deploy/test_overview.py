"""The Home screen's sentence for every situation a site can be in."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensei_tui.base import clock
from sensei_tui.base.redaction import Redactor
from sensei_tui.deploy.overview import Overview, overview
from sensei_tui.deploy.record import Deployed, save_deployed
from sensei_tui.preflight.engine import save_report
from sensei_tui.preflight.model import Finding, Report, Status
from sensei_tui.runs.journal import JournalWriter
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.runs.registry import RunDirectory, create_run
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name
from sensei_tui.site.values import load_values

VALUES = "license:\n  key: a-license-key\n  organization: Example\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Valid values, a cluster named, nothing done."""
    found = Site.create(tmp_path / "berlin-1")
    (found.root / "values.yaml").write_text(VALUES)
    return found.configure(kubeconfig="kubeconfig", context="prod")


def report(site: Site, *statuses: Status, digest: str = "") -> None:
    findings = tuple(
        Finding(id=f"c.{number}", area="Capacity", title="CPU", status=status, summary="96 cores")
        for number, status in enumerate(statuses)
    )
    values = digest or load_values(site).digest
    save_report(
        site, Report(at=clock.stamp(), seconds=1, target=target_name(site), values_digest=values, findings=findings)
    )


def run_that(site: Site, *events: tuple[str, dict[str, object]]) -> RunDirectory:
    step = PlannedStep(id="site", title="Verify", inputs="sha256:1")
    plan = Plan(
        kind="install", site="berlin-1", target="prod", namespace="sensei", version="1.0.0", created=clock.stamp(),
        steps=(step,),
    )  # fmt: skip
    directory = create_run(site.runs, plan)
    journal = JournalWriter(directory.journal, Redactor())
    journal.write("run.started", kind="install", actor={"user": "root"}, resumed=False)
    for type, data in events:
        journal.write(type, **data)
    journal.close()
    return directory


def deploy(site: Site, digest: str = "") -> None:
    save_deployed(site, Deployed(
        at=clock.stamp(), run="0001", version="1.0.0", target="prod", values={},
        values_digest=digest or load_values(site).digest,
    ))  # fmt: skip


def step(found: Overview, key: str) -> tuple[str, str]:
    item = next(item for item in found.steps if item.key == key)
    return item.word, item.text


def test_no_cluster_offers_the_two_ways_on(site: Site) -> None:
    found = overview(site.configure(kubeconfig="", context=""))
    assert (found.configured, found.cluster, found.next_key) == (False, "no cluster", "K")
    assert "rehearse" in found.next_step


def test_bad_values_come_first(site: Site) -> None:
    (site.root / "values.yaml").write_text(VALUES + "controlPlane:\n  replicas: many\n")
    found = overview(site)
    assert found.next_key == "1"
    word, text = step(found, "configure")
    assert word == "FAIL"
    assert "controlPlane.replicas" in text
    (site.root / "values.yaml").write_text("a: [\n")
    assert step(overview(site), "configure")[0] == "FAIL"
    (site.root / "values.yaml").unlink()
    assert step(overview(site), "configure")[0] == "FAIL"


def test_a_bundle_that_is_not_there_comes_before_the_checks(site: Site) -> None:
    site = site.configure(bundle="bundle.tar.gz")
    assert (overview(site).next_key, step(overview(site), "bundle")[0]) == ("6", "FAIL")
    (site.root / "bundle.tar.gz").touch()
    assert overview(site).next_key == "2"
    report(site, Status.PASS)
    assert overview(site).next_step == "Load the bundle and install (press 3)."
    report(site, Status.WARN)
    assert overview(site).next_step == "Review 1 warning, then load the bundle and install (press 3)."


def test_then_preflight_then_install(site: Site) -> None:
    assert overview(site).next_key == "2"
    report(site, Status.PASS, Status.FAIL)
    assert overview(site).next_step == "See to 1 check that did not pass (press 2)."
    report(site, Status.PASS, digest="sha256:other")
    assert "again" in overview(site).next_step
    assert step(overview(site), "preflight")[0] == "?"
    report(site, Status.PASS, Status.WARN, Status.WARN)
    assert overview(site).next_step == "Review 2 warnings, then install (press 3)."
    report(site, Status.PASS)
    found = overview(site)
    assert found.next_step == "Install (press 3)."
    assert found.facts[0] == ("Licence", "Example   key set, not shown")
    assert "a-license-key" not in str(msgspec.to_builtins(found))


def test_unfinished_runs_are_offered(site: Site) -> None:
    report(site, Status.PASS)
    dead = run_that(site, ("log", {"source": "helm", "text": "x"}))
    plan = dead.path / "plan.json"
    import os

    os.utime(plan, (0, 0))  # not a run that is just being started
    found = overview(site)
    assert (found.resumable, found.active, found.next_key) == ("0001", "", "3")
    assert "runner is gone" in found.next_step
    run_that(site, ("run.finished", {"state": "FAILED", "error": {"what": "It broke."}}))
    found = overview(site)
    assert found.next_step == "See why run 0002 failed, then resume it (press 3)."
    assert step(found, "deploy") == ("FAIL", "run 0002: install FAILED: It broke.")
    run_that(site, ("run.finished", {"state": "cancelled"}))
    assert "was cancelled" in overview(site).next_step
    run_that(site)  # has no runner yet, and its plan is fresh: it is being started
    assert overview(site).active == "0004"


def test_deployed_and_changed(site: Site) -> None:
    deploy(site)
    found = overview(site)
    assert found.deployed
    assert found.next_key == "4"
    assert found.version == "1.0.0"
    deploy(site, "sha256:before")
    report(site, Status.PASS)
    assert overview(site).next_step == "Upgrade: something differs from what is deployed (press 3)."
    deploy(site)
    changed = site.configure(version="1.1.0")
    assert overview(changed).version == "1.0.0 -> 1.1.0"
    assert overview(changed).next_step.startswith("Upgrade")
