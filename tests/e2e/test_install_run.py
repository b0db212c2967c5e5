"""The whole installation against the simulated cluster: real Helm engine, real runner, real kubectl, real consoles."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.deploy.record import load_deployed
from sensei_tui.runs.journal import read_events, verify
from sensei_tui.runs.model import RunState, StepState
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import SiteUnderTest, ended, in_step
from tests.fixtures_cluster import KUBECTL

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteUnderTest]:
    """Installed by a console that was killed in the middle, watched to the end by another one."""
    slow = "faults: [{kind: slow-start, pod: sensei-kora, seconds: 40}]\n"
    with rehearsed(tmp_path_factory.mktemp("install") / "site", slow) as found:
        console = found.console("install", "--yes")
        assert console.stdout is not None
        for line in console.stdout:
            if ".. " in line and "Release sensei-deps" in line:
                break
        console.send_signal(signal.SIGKILL)
        console.wait(10)
        assert found.run().alive
        said = found.sensei("runs", "attach")
        assert "Run 0001 done in" in said
        yield found


def test_console_was_killed_and_the_run_went_on(installed: SiteUnderTest) -> None:
    view = installed.run("1").view()
    assert view.state is RunState.DONE
    assert {step.state for step in view.steps} == {StepState.OK}
    assert view.attempts == 1
    assert view.actor["uid"] == os.getuid()
    sources = {line.source for line in view.log}
    assert {"helm", "pod", "runner"} <= sources
    assert verify(installed.run("1").journal).torn == 0


def test_the_cluster_shows_it(installed: SiteUnderTest) -> None:
    deployments = installed.kubectl("get", "deployments")["items"]
    ready = {item["metadata"]["name"]: item["status"].get("readyReplicas", 0) for item in deployments}
    assert ready["sensei-dashboard"] == 2
    assert all(ready.values())
    assert {release["name"] for release in installed.helm_releases()} == {"sensei", "sensei-deps"}
    assert all(release["info"]["status"] == "deployed" for release in installed.helm_releases())


def test_waiting_was_explained(installed: SiteUnderTest) -> None:
    waits = [event for event in read_events(installed.run("1").journal) if event.type == "waiting"]
    objects = {item["object"] for event in waits for item in event.data["objects"]}
    assert "Deployment/sensei-kora" in objects
    assert any(name.startswith("StatefulSet/sensei-") for name in objects)


def test_lease_was_given_back(installed: SiteUnderTest) -> None:
    assert installed.kubectl("get", "leases")["items"] == []


def test_status_is_green(installed: SiteUnderTest) -> None:
    said = installed.sensei("status")
    assert "Dashboard" in said
    found = json.loads(installed.sensei("status", "-o", "json"))
    assert found["health"]["word"] == "ok"
    assert found["site"]["deployed"] is True


def test_record_holds_values_without_secrets(installed: SiteUnderTest) -> None:
    record = load_deployed(installed.site)
    assert record is not None
    assert record.values["controlPlane"]["replicas"] == 2
    assert [item.revision for item in record.releases] == [1, 1]
    assert "apiKey" not in record.values.get("llm", {})


def test_installing_again_skips_what_is_there(installed: SiteUnderTest) -> None:
    installed.sensei("install", "--yes")
    view = installed.run().view()
    states = {step.id: step.state for step in view.steps}
    assert states["release:sensei-deps"] is StepState.SKIPPED
    assert states["release:sensei"] is StepState.SKIPPED
    assert states["preflight"] is StepState.SKIPPED
    assert len(installed.helm_releases()) == 2


def test_upgrade_shows_and_brings_the_change_and_rollback_takes_it_back(installed: SiteUnderTest) -> None:
    values = installed.site.root / "values.yaml"
    values.write_text(values.read_text().replace("kora:\n    replicas: 2", "kora:\n    replicas: 3"))
    plan = json.loads(installed.sensei("upgrade", "--plan-only", "-o", "json"))
    assert "+ dataPlane.kora.replicas: 3" in plan["changes"]
    assert "~ Deployment/sensei-kora + spec.replicas: 3" in plan["changes"]
    installed.sensei("upgrade", "--yes")
    assert installed.kubectl("get", "deployment", "sensei-kora")["status"]["readyReplicas"] == 3
    installed.sensei("rollback", "1", "--yes")
    assert installed.kubectl("get", "deployment", "sensei-kora")["spec"]["replicas"] == 2
    missing = installed.sensei("rollback", "77", "--yes", code=3)
    assert "no revision 77" in missing
    assert "there are 1:" in missing


def test_drift_is_found_before_anything_is_written(installed: SiteUnderTest) -> None:
    values = installed.site.root / "values.yaml"
    values.write_text(values.read_text().replace("kora:\n    replicas: 3", "kora:\n    replicas: 4"))
    command = [KUBECTL, f"--kubeconfig={installed.site.kubeconfig}", "-n", "sensei", "scale",
               "deployment/sensei-kora", "--replicas=5"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "HOME": str(installed.site.root)})
    said = installed.sensei("upgrade", "--yes", code=1)
    assert "Deployment/sensei-kora" in said
    assert "--take-over" in said
    assert installed.run().view().step is not None
    installed.sensei("upgrade", "--yes", "--take-over")
    assert installed.kubectl("get", "deployment", "sensei-kora")["spec"]["replicas"] == 4


def test_more_room_is_refused_in_the_settings_own_words_until_the_volumes_have_grown(installed: SiteUnderTest) -> None:
    installed.sensei("config", "set", "redis.persistence.size", "20Gi")
    assert "grow the volumes first" in installed.sensei("upgrade", "--plan-only")
    said = installed.sensei("upgrade", "--yes", code=1)
    assert "values.yaml:" in said
    assert "redis.persistence.size: 10Gi is deployed, 20Gi is asked" in said
    assert "guide, Data stores, 'More room'" in said
    kubectl(installed, "delete", "statefulset/sensei-redis", "--cascade=orphan")
    assert "redis.persistence.size is 20Gi, the volumes of sensei-redis" in installed.sensei("upgrade", "--yes", code=3)
    kubectl(
        installed,
        "patch",
        "pvc",
        "data-sensei-redis-0",
        "-p",
        '{"spec": {"resources": {"requests": {"storage": "20Gi"}}}}',
    )
    installed.sensei("upgrade", "--yes")
    template = installed.kubectl("get", "statefulset", "sensei-redis")["spec"]["volumeClaimTemplates"][0]
    assert template["spec"]["resources"]["requests"]["storage"] == "20Gi"


def kubectl(site: SiteUnderTest, *arguments: str) -> None:
    command = [KUBECTL, f"--kubeconfig={site.site.kubeconfig}", "-n", "sensei", *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "HOME": str(site.site.root)})


def test_changed_site_stops_an_old_plan(installed: SiteUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    from sensei_tui.deploy.plans import plan_install
    from sensei_tui.deploy.start import start

    monkeypatch.setenv("ANTHROPIC_API_KEY", installed.environ["ANTHROPIC_API_KEY"])
    plan = plan_install(installed.site)
    values = installed.site.root / "values.yaml"
    before = values.read_text()
    values.write_text(before.replace("replicas: 4", "replicas: 5", 1))
    start(installed.site, plan)
    view = installed.until(ended)
    values.write_text(before)
    assert view.error["code"] == "plan-outdated"


def test_headless_twin(tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if key != "ANTHROPIC_API_KEY"}
    command = [sys.executable, "-m", "sensei_tui", "rehearse", "install", "--plain"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**environ, "TMPDIR": str(tmp_path)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ANTHROPIC_API_KEY is not set" in done.stdout
    assert "Health:" in done.stdout
    assert list(tmp_path.glob("sensei-rehearsal-*")) == []


def test_cancel_in_the_middle_then_resume(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("install", "--yes", "--detach")
        found.until(in_step("wait:sensei-deps"))
        found.sensei("runs", "cancel")
        view = found.until(ended)
        assert view.state is RunState.CANCELLED
        assert found.sensei("runs", "attach", code=1)
        assert all(release["info"]["status"] == "deployed" for release in found.helm_releases())
        assert found.kubectl("get", "leases")["items"] == []
        found.sensei("runs", "resume")
        states = {step.id: step.state for step in found.run().view().steps}
        assert states["release:sensei-deps"] is StepState.SKIPPED
        assert found.run().view().state is RunState.DONE


def test_airgapped_values_with_a_local_model_on_the_gpu_node(tmp_path: Path) -> None:
    """The guide's third YAML block: no API key, every image from the registry, the model on the node with GPUs."""
    with rehearsed(tmp_path / "site") as found:
        overlay = found.site.root / "values-airgapped.yaml"
        overlay.write_text(
            "global:\n  imageRegistry: registry.internal.example.com\nllm:\n  provider: local\n  model: llama-3-70b\n"
            "  gpu: {enabled: true, count: 2}\npatternLibrary:\n  source: local\n  snapshotPath: /data/patterns\n"
        )
        del found.environ["ANTHROPIC_API_KEY"]
        found.sensei("install", "--yes")
        pods = found.kubectl("get", "pods")["items"]
        images = {container["image"] for pod in pods for container in pod["spec"]["containers"]}
        assert all(image.startswith("registry.internal.example.com/") for image in images), images
        (llm,) = [pod for pod in pods if pod["metadata"]["name"].startswith("sensei-llm-")]
        assert llm["spec"]["nodeName"] == "gpu-1"
        assert "LLM" in found.sensei("status")


def test_uninstall_keeps_the_data(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("install", "--yes")
        assert "must be confirmed" in found.sensei("uninstall", code=2)
        plan = json.loads(found.sensei("uninstall", "--plan-only", "-o", "json"))
        assert "the volumes of the data stores stay, with their data" in plan["changes"]
        found.sensei("uninstall", "--yes")
        assert found.run().view().state is RunState.DONE
        assert found.helm_releases() == []
        assert found.kubectl("get", "pods")["items"] == []
        assert len(found.kubectl("get", "pvc")["items"]) == 11
        assert found.kubectl("get", "secret", "sensei-credentials")["data"]
        assert load_deployed(found.site) is None
        assert "nothing deployed" in found.sensei("status", code=1)


def test_the_charts_tests_end_a_run_and_can_be_asked_for(tmp_path: Path) -> None:
    lost = "database: no answer from sensei-postgresql:5432. See: sensei status"
    fault = f"faults: [{{kind: crash-loop, pod: sensei-test, times: 2, log: ['{lost}']}}]\n"
    with rehearsed(tmp_path / "site", fault) as found:
        found.sensei("install", "--yes", "--detach")
        view = found.until(ended)
        assert view.error["code"] == "hook-failed"
        assert lost in view.error["why"]
        assert lost in found.sensei("test", code=1)
        assert json.loads(found.sensei("test", "-o", "json", code=1))["passed"] is False


def test_the_charts_tests_pass(installed: SiteUnderTest) -> None:
    assert "The chart's tests pass" in installed.sensei("test")
    assert json.loads(installed.sensei("test", "-o", "json"))["passed"] is True
    assert "sensei-test" not in {item["metadata"]["name"] for item in installed.kubectl("get", "jobs")["items"]}


def test_a_hook_that_does_not_end_is_explained(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site", "faults: [{kind: image-pull, pod: sensei-migrations}]\n") as found:
        found.sensei("install", "--yes", "--detach", "--timeout", "12")
        view = found.until(lambda view: any(item.object == "Job/sensei-migrations" for item in view.waiting))
        assert view.step is not None
        assert view.step.id == "release:sensei"
        view = found.until(ended)
        assert view.error["code"] == "hook-failed"
        assert "Job/sensei-migrations did not finish" in view.error["what"]
        assert "no such host" in view.error["why"]
        # What the hook left goes with the release.
        found.sensei("uninstall", "--yes")
        assert found.kubectl("get", "jobs,pods")["items"] == []
