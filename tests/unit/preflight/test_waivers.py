"""Waivers: kept with reason and person, applied when a report is read, gone when taken back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from sensei_tui.base import clock
from sensei_tui.base.errors import UsageError
from sensei_tui.preflight.engine import export_report, load_report, run_preflight, save_report
from sensei_tui.preflight.model import Finding, Report, Status
from sensei_tui.preflight.waivers import load_waivers, unwaive, waive
from sensei_tui.site.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site.create(tmp_path / "site")
    statuses = {"cap.cpu": Status.FAIL, "cap.memory": Status.UNKNOWN, "cap.nodes": Status.PASS}
    findings = tuple(
        Finding(id=name, area="Capacity", title=name, status=status, summary="24 cores")
        for name, status in statuses.items()
    )
    save_report(found, Report(at=clock.stamp(), seconds=1, target="t", values_digest="d", findings=findings))
    return found


def statuses(site: Site) -> list[Status]:
    report = load_report(site)
    assert report is not None
    return [finding.status for finding in report.findings]


def test_a_waiver_counts_until_it_is_taken_back(site: Site) -> None:
    waive(site, "cap.cpu", "the pilot runs with half the load")
    assert statuses(site) == [Status.WAIVED, Status.UNKNOWN, Status.PASS]
    report = load_report(site)
    assert report is not None
    finding = report.findings[0]
    assert finding.waiver.startswith("the pilot runs with half the load (")
    assert finding.waived_status == "fail"
    assert [item.id for item in report.blocking] == ["cap.memory"]
    unwaive(site, "cap.cpu")
    assert statuses(site) == [Status.FAIL, Status.UNKNOWN, Status.PASS]


def test_what_passes_needs_no_waiver(site: Site) -> None:
    waive(site, "cap.nodes", "not needed at all")
    assert statuses(site)[2] is Status.PASS


def test_the_person_behind_sudo_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alex")
    waive(site, "cap.cpu", "accepted")
    assert load_waivers(site)["cap.cpu"].who == "alex"
    assert stat.S_IMODE((site.state / "waivers.json").stat().st_mode) == 0o600


def test_mistakes_say_what_to_do(site: Site) -> None:
    with pytest.raises(UsageError, match=r"There is no check cap\.cpus") as error:
        waive(site, "cap.cpus", "x")
    assert "cap.cpu," in error.value.remedy
    with pytest.raises(UsageError, match="has no reason"):
        waive(site, "cap.cpu", "  \n ")
    with pytest.raises(UsageError, match="is not waived"):
        unwaive(site, "cap.cpu")


def test_a_damaged_file_waives_nothing_and_is_named(site: Site) -> None:
    waive(site, "cap.cpu", "accepted")
    (site.state / "waivers.json").write_text("{")
    assert statuses(site)[0] is Status.FAIL
    with pytest.raises(UsageError, match="cannot be read") as error:
        run_preflight(site)
    assert error.value.where.endswith("waivers.json")


def test_a_report_of_another_version_is_no_report(site: Site) -> None:
    (site.state / "preflight.json").write_text('{"old": true}')
    assert load_report(site) is None


@pytest.mark.parametrize("name", ["report.json", "report.yaml"])
def test_export(site: Site, tmp_path: Path, name: str) -> None:
    report = load_report(site)
    assert report is not None
    export_report(report, tmp_path / name)
    tree = yaml.safe_load((tmp_path / name).read_text())
    assert [item["status"] for item in tree["findings"]] == ["fail", "unknown", "pass"]


def test_without_a_cluster_what_can_be_known_is(tmp_path: Path) -> None:
    """No cluster, no values: nothing passes that was not looked at, and this host is looked at."""
    site = Site.create(tmp_path / "new")
    titles: list[str] = []
    report = run_preflight(site, on_progress=lambda done, total, title: titles.append(f"{done}/{total} {title}"))
    found = {finding.id: finding for finding in report.findings}
    assert found["api.reachable"].status is Status.FAIL
    assert "No cluster is configured" in found["api.reachable"].summary
    assert found["cap.cpu"].status is Status.UNKNOWN
    assert found["host.memory"].measured
    assert titles[0] == "0/14 connecting to the cluster"
    assert load_report(site) == report
