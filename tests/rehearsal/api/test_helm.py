"""The Helm engine, in a process of its own, against the simulated cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_cluster import KUBECTL, RunningCluster, running_cluster

pytestmark = pytest.mark.e2e

TEMPLATES = {
    "Chart.yaml": "apiVersion: v2\nname: tiny\nversion: 0.1.0\nappVersion: '1'\n",
    "values.yaml": "replicas: 1\nimage: registry.local/tiny:1\n",
    "templates/deployment.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  {{- with .Values.extra }}{{ toYaml . | nindent 2 }}{{ end }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: main, image: "{{ .Values.image }}"}]}
""",
    "templates/service.yaml": """
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: "{{ .Release.Name }}"}, ports: [{port: 80}]}
""",
    "templates/job.yaml": """
apiVersion: batch/v1
kind: Job
metadata:
  name: "{{ .Release.Name }}-prepare"
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: "{{ .Values.image }}"}]}}
""",
}

PRELUDE = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import helm_python as helm
kubeconfig, namespace, chart = sys.argv[1:]
config = helm.Config(kubeconfig_path=kubeconfig, namespace=namespace)
wait = {"timeout": 60, "wait": "watcher"}
def say(**facts):
    print(json.dumps(facts))
def refused(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except helm.HelmError as error:
        return str(error)
    return ""
"""

LIFE = """
config.install(chart, "web", {"replicas": 2}, create_namespace=True, **wait)
config.upgrade(chart, "web", {"replicas": 1, "image": "registry.local/tiny:2"}, **wait)
dry = config.upgrade(chart, "web", {"replicas": 7}, dry_run="server", timeout=30)
config.rollback("web", version=1, timeout=60, wait="watcher")
say(history=[(one["revision"], one["status"]) for one in config.history("web")], dry="replicas: 7" in dry["manifest"])
say(strict=refused(config.upgrade, chart, "web", {"extra": {"replicaz": 3}}, timeout=30))
config.uninstall("web", timeout=30)
say(left=[one["name"] for one in config.list(all_states=True)])
"""

SIX = """
with ThreadPoolExecutor(6) as pool:
    names = [f"tiny-{number}" for number in range(6)]
    list(pool.map(lambda name: config.install(chart, name, {}, **wait), names))
say(deployed=sorted(one["name"] for one in config.list() if one["status"] == "deployed"))
"""


DRIFT = """
import subprocess
config.install(chart, "web", {}, **wait)
scaled = ["/usr/bin/kubectl", "--kubeconfig", kubeconfig, "-n", namespace, "scale", "deployment/web", "--replicas=3"]
subprocess.run(scaled, check=True, stdout=subprocess.DEVNULL)
say(upgrade=refused(config.upgrade, chart, "web", {"replicas": 2}, timeout=30))
say(history=[one["status"] for one in config.history("web")])
"""

PULL = """
say(install=refused(config.install, chart, "web", {}, timeout=10, wait="watcher"))
say(history=[one["status"] for one in config.history("web")])
config.uninstall("web", timeout=30)
say(left=config.list(all_states=True))
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    for name, text in TEMPLATES.items():
        path = tmp_path / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tiny"


def helm(cluster: RunningCluster, namespace: str, chart: Path, script: str) -> dict[str, Any]:
    """Run a script in a child whose name is `helm` (it becomes the field manager); what it says, merged."""
    name = str(Path(sys.prefix) / "bin" / "helm")
    command = [name, "-c", PRELUDE + script, str(cluster.kubeconfig), namespace, str(chart)]
    done = subprocess.run(
        command, executable=sys.executable, capture_output=True, text=True, timeout=150, check=False, cwd=chart
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {key: value for line in done.stdout.splitlines() for key, value in json.loads(line).items()}


def test_the_life_of_a_release(cluster: RunningCluster, chart: Path) -> None:
    said = helm(cluster, "helm-life", chart, LIFE)
    assert said["history"] == [[1, "superseded"], [2, "superseded"], [3, "deployed"]]
    assert said["dry"]
    assert ".spec.replicaz: field not declared in schema" in said["strict"]
    assert said["left"] == []
    assert "No resources found" in cluster.kubectl_run("-n", "helm-life", "get", "deployments").stderr
    hooks = cluster.kubectl("-n", "helm-life", "get", "events", "--field-selector", "involvedObject.kind=Job")
    assert hooks.count("Job completed") == 3  # Before the install and both upgrades; a rollback has none.
    assert "No resources found" in cluster.kubectl_run("-n", "helm-life", "get", "jobs").stderr


def test_six_installs_at_once(cluster: RunningCluster, namespace: str, chart: Path) -> None:
    said = helm(cluster, namespace, chart, SIX)
    assert said["deployed"] == [f"tiny-{number}" for number in range(6)]
    found = json.loads(
        cluster.kubectl("-n", namespace, "get", "deployment", "tiny-0", "-o", "json", "--show-managed-fields")
    )
    assert "helm" in {entry["manager"] for entry in found["metadata"]["managedFields"]}


@pytest.mark.skipif(not Path(KUBECTL).exists(), reason="no kubectl on this machine")
def test_a_field_that_another_has_changed_is_a_conflict(cluster: RunningCluster, namespace: str, chart: Path) -> None:
    said = helm(cluster, namespace, chart, DRIFT)
    assert 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' in said["upgrade"]
    assert said["history"] == ["deployed", "failed"]


def test_an_installation_that_does_not_get_ready_fails_in_time(tmp_path: Path, chart: Path) -> None:
    with running_cluster(tmp_path / "cluster", "faults: [{kind: image-pull, pod: web}]") as troubled:
        said = helm(troubled, "default", chart, PULL)
        assert "web" in said["install"]
        assert said["history"] == ["failed"]
        assert said["left"] == []
