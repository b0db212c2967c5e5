"""Plans made from real files with the real Helm engine; no cluster."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.deploy.plans import plan_install, plan_rollback, plan_upgrade
from sensei_tui.deploy.prepare import InvalidSite
from sensei_tui.deploy.record import Deployed, DeployedRelease, save_deployed
from sensei_tui.runs.model import Plan
from sensei_tui.site.new import create_site
from sensei_tui.site.resolve import MissingSecret
from sensei_tui.site.site import Site

API_KEY = "planted-api-key"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    return create_site(tmp_path / "berlin-1")


def inputs(plan: Plan) -> dict[str, str]:
    return {step.id: step.inputs for step in plan.steps}


def test_install_has_the_steps_of_the_guide_and_needs_no_cluster(site: Site) -> None:
    plan = plan_install(site)
    assert [step.id for step in plan.steps] == [
        "site", "preflight", "namespace", "secrets", "release:sensei-deps", "wait:sensei-deps", "release:sensei",
        "wait:sensei", "verify", "record",
    ]  # fmt: skip
    assert plan.target == "no cluster (sensei)"
    assert "Deployment/sensei-dashboard" in plan.parameters["objects"]["sensei"]
    assert "StatefulSet/sensei-postgresql" in plan.parameters["objects"]["sensei-deps"]
    assert all(step.detail and step.seconds for step in plan.steps)
    assert plan.changes == ()


def test_plan_holds_no_secret(site: Site) -> None:
    text = msgspec.json.encode(plan_install(site)).decode()
    assert API_KEY not in text
    assert "your-license-key-here" not in text


def test_same_site_same_digests(site: Site) -> None:
    first, second = inputs(plan_install(site)), inputs(plan_install(site))
    assert first == second
    assert len(set(first.values())) == len(first)


def test_a_changed_value_changes_the_digests_also_when_it_is_a_secret(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inputs(plan_install(site))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-key")
    rotated = inputs(plan_install(site))
    assert rotated["secrets"] != before["secrets"]
    values = site.root / "values.yaml"
    values.write_text(values.read_text().replace("replicas: 4", "replicas: 5"))
    assert inputs(plan_install(site))["release:sensei"] != rotated["release:sensei"]


def test_upgrade_shows_what_differs(site: Site) -> None:
    plan = plan_install(site)
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gone}\n"
    values = {"controlPlane": {"replicas": 1}}
    old = tuple(
        DeployedRelease(name=name, revision=1, chart="0.9.0", digest="", manifest=manifest)
        for name in plan.parameters["charts"]
    )
    save_deployed(site, Deployed(
        at="", run="0001", version="0.9.0", target="", values_digest="", values=values, releases=old
    ))  # fmt: skip
    plan = plan_upgrade(site)
    assert plan.kind == "upgrade"
    assert "drift" in inputs(plan)
    assert "- controlPlane.replicas: 1" in plan.changes
    assert "+ controlPlane.replicas: 2" in plan.changes
    assert "release sensei: chart 0.9.0 -> 1.0.0" in plan.changes
    assert "- ConfigMap/gone" in plan.changes
    assert "+ Deployment/sensei-kora" in plan.changes


def test_rollback_touches_only_the_platform(site: Site) -> None:
    plan = plan_rollback(site, 3)
    assert [step.id for step in plan.steps] == [
        "site", "namespace", "rollback:sensei", "wait:sensei", "verify", "record",
    ]  # fmt: skip
    assert plan.parameters["revision"] == 3


def test_errors_say_where(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(MissingSecret, match=r"values\.yaml:\d+"):
        plan_install(site)
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    values = site.root / "values.yaml"
    values.write_text(values.read_text().replace("replicas: 4", "replicas: many"))
    with pytest.raises(InvalidSite) as caught:
        plan_install(site)
    assert "dataPlane.workers.replicas" in caught.value.why
    assert "values.yaml:" in caught.value.where
    (site.root / "charts").mkdir()
    values.write_text(values.read_text().replace("replicas: many", "replicas: 4"))
    with pytest.raises(UsageError, match="chart is missing"):
        plan_install(site)
