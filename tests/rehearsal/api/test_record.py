"""`sensei rehearse record`: a scenario from a cluster that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensei_tui.cli.rehearse import record
from sensei_tui.rehearsal import scenario
from tests.fixtures_cluster import RunningCluster, running_cluster

REAL = """
speed: 100
nodes:
  - {name: a, cpu: "8", memory: 32Gi, storage: 100Gi, taints: [{key: own, value: x, effect: NoSchedule}]}
  - {name: g, cpu: "16", memory: 64Gi, gpus: 2, labels: {disk: fast}, kubelet: v1.35.1}
  - {name: shut, unschedulable: true, ready: false}
storageClasses:
  - {name: fast, default: true, provisioner: csi.example.com, expandable: false, parameters: {type: ssd}}
  - {name: now, binding: Immediate}
"""
BUSY = """
apiVersion: v1
kind: Pod
metadata: {name: busy}
spec:
  nodeName: g
  initContainers:
  - {name: first, image: "registry.local/first:1", resources: {requests: {cpu: "3"}}}
  containers:
  - name: main
    image: registry.local/busy:1
    resources: {requests: {cpu: 1500m, memory: 4Gi}, limits: {nvidia.com/gpu: "1"}}
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("real"), REAL) as running:
        running.kubectl("apply", "-f", "-", stdin=BUSY)
        running.kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=40s")
        yield running


def recorded(real: RunningCluster, file: Path, *options: str) -> scenario.Scenario:
    done = CliRunner().invoke(record, [str(file), "--kubeconfig", str(real.kubeconfig), *options])
    assert done.exit_code == 0, done.output
    assert f"Recorded 3 nodes, 2 storage classes in {file}." in done.output
    return scenario.load(file)


def test_nodes_offer_what_is_left_on_them(real: RunningCluster, tmp_path: Path) -> None:
    nodes = {node.name: node for node in recorded(real, tmp_path / "scenario.yaml").nodes}
    busy = nodes["g"]
    assert (busy.cpu, busy.memory, busy.gpus, busy.pods) == ("13000m", "61440Mi", 1, 109)
    assert (busy.labels["disk"], busy.kubelet) == ("fast", "v1.35.1")
    assert (nodes["a"].cpu, nodes["a"].storage) == ("8000m", "102400Mi")
    assert nodes["a"].taints == [{"key": "own", "value": "x", "effect": "NoSchedule"}]
    assert (nodes["shut"].unschedulable, nodes["shut"].ready) == (True, False)


def test_storage_classes_are_kept(real: RunningCluster, tmp_path: Path) -> None:
    fast, now = recorded(real, tmp_path / "scenario.yaml").storage_classes
    assert (fast.name, fast.provisioner, fast.default, fast.expandable) == ("fast", "csi.example.com", True, False)
    assert (fast.binding, fast.parameters) == ("WaitForFirstConsumer", {"type": "ssd"})
    assert (now.default, now.binding) == (False, "Immediate")


def test_a_recorded_scenario_runs_and_nothing_was_changed(real: RunningCluster, tmp_path: Path) -> None:
    before = real.call(lambda store: store.resource_version)
    file = tmp_path / "scenario.yaml"
    recorded(real, file)
    assert real.call(lambda store: store.resource_version) == before
    with running_cluster(tmp_path / "again", file.read_text()) as again:
        rows = again.kubectl("get", "nodes", "--no-headers").splitlines()
    assert [row.split()[:2] for row in rows] == [
        ["a", "Ready"], ["g", "Ready"], ["shut", "NotReady,SchedulingDisabled"],
    ]  # fmt: skip


def test_a_file_is_overwritten_only_when_asked(real: RunningCluster, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text("mine")
    refused = CliRunner().invoke(record, [str(file), "--kubeconfig", str(real.kubeconfig)])
    assert refused.exit_code != 0
    assert file.read_text() == "mine"
    recorded(real, file, "--force")
