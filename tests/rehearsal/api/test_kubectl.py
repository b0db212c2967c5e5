"""kubectl, as an operator uses it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.charts.helpers import render
from tests.fixtures_cluster import KUBECTL, RunningCluster, running_cluster

pytestmark = pytest.mark.skipif(not Path(KUBECTL).exists(), reason="no kubectl on this machine")

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "registry.local/web:1", ports: [{containerPort: 80}], resources: {requests: {cpu: 10m}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
SPECIAL = {
    "global": {"caBundle": {"existingSecret": "ca"}, "nodeSelector": ["disk=fast"], "imagePullSecrets": ["pull"],
               "tolerations": [{"key": "own", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]},
    "backup": {"to": "volume"},
}  # fmt: skip
"""Values that make a pod with most of the fields that the charts know."""


def test_apply_wait_get_describe_diff_scale_delete(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    assert cluster.kubectl(*inside, "apply", "-f", "-", stdin=WEB).splitlines() == [
        "deployment.apps/web created", "service/web created",
    ]  # fmt: skip
    cluster.kubectl(*inside, "rollout", "status", "deployment/web", "--timeout=40s")
    cluster.kubectl(*inside, "wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=20s")
    assert "unchanged" in cluster.kubectl(*inside, "apply", "-f", "-", stdin=WEB)
    table = cluster.kubectl(*inside, "get", "deployments,pods").splitlines()
    assert table[0].split()[:5] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table[1].split()[:2] == ["deployment.apps/web", "2/2"]
    pods = json.loads(cluster.kubectl(*inside, "get", "pods", "-o", "json"))["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running"] * 2
    changed = WEB.replace("web:1", "web:2")
    diff = cluster.kubectl_run(*inside, "diff", "-f", "-", stdin=changed)
    assert (diff.returncode, "+      - image: registry.local/web:2" in diff.stdout) == (1, True), diff
    cluster.kubectl(*inside, "scale", "deployment/web", "--replicas=1")
    cluster.kubectl(*inside, "wait", "--for=jsonpath={.status.replicas}=1", "deployment/web", "--timeout=40s")
    shown = cluster.kubectl(*inside, "describe", "deployment", "web")
    assert "1 desired | 1 updated | 1 total | 1 available" in shown
    assert "ScalingReplicaSet" in cluster.kubectl(*inside, "get", "events")
    assert "Successfully assigned" in cluster.kubectl(*inside, "describe", "pod", "-l", "app=web")
    cluster.kubectl(*inside, "delete", "deployment/web", "service/web", "--wait=true", "--timeout=40s")
    cluster.kubectl(*inside, "wait", "--for=delete", "pod", "-l", "app=web", "--timeout=40s")


def test_server_side_apply_and_its_conflict(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    config = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}'
    said = cluster.kubectl(*inside, "apply", "--server-side", "-f", "-", stdin=config)
    assert said == "configmap/c serverside-applied\n"
    cluster.kubectl(*inside, "patch", "configmap", "c", "-p", '{"data":{"a":"2"}}', "--field-manager=somebody")
    refused = cluster.kubectl_run(*inside, "apply", "--server-side", "-f", "-", stdin=config)
    assert refused.returncode == 1
    assert 'conflict with "somebody"' in refused.stderr
    assert ".data.a" in refused.stderr
    cluster.kubectl(*inside, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=config)
    assert cluster.kubectl(*inside, "get", "configmap", "c", "-o", "jsonpath={.data.a}") == "1"


def test_create_patch_label_annotate(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    cluster.kubectl(*inside, "create", "secret", "generic", "s", "--from-literal=key=value")
    assert cluster.kubectl(*inside, "get", "secret", "s", "-o", "jsonpath={.data.key}") == "dmFsdWU="
    cluster.kubectl(*inside, "create", "configmap", "c", "--from-literal=a=1")
    cluster.kubectl(*inside, "label", "configmap", "c", "team=one")
    cluster.kubectl(*inside, "annotate", "configmap", "c", "note=two")
    cluster.kubectl(*inside, "patch", "configmap", "c", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]')
    found = json.loads(cluster.kubectl(*inside, "get", "configmap", "-l", "team=one", "-o", "json"))["items"][0]
    assert (found["metadata"]["annotations"]["note"], "data" in found) == ("two", False)
    cluster.kubectl(*inside, "label", "configmap", "c", "team-")
    assert "No resources found" in cluster.kubectl_run(*inside, "get", "configmap", "-l", "team").stderr
    cluster.kubectl(*inside, "create", "serviceaccount", "robot")
    cluster.kubectl(*inside, "create", "role", "reader", "--verb=get,list", "--resource=pods")
    cluster.kubectl(*inside, "create", "rolebinding", "robot", "--role=reader", f"--serviceaccount={namespace}:robot")
    cluster.kubectl(*inside, "create", "deployment", "d", "--image=registry.local/x:1", "--replicas=0")
    cluster.kubectl(*inside, "create", "service", "clusterip", "svc", "--tcp=80:8080")
    cluster.kubectl(*inside, "create", "job", "j", "--image=registry.local/x:1", "--", "true")


def test_rights(cluster: RunningCluster, namespace: str) -> None:
    assert cluster.kubectl("auth", "can-i", "*", "*") == "yes\n"
    robot = f"--as=system:serviceaccount:{namespace}:default"
    assert cluster.kubectl_run("auth", "can-i", "list", "pods", "-n", namespace, robot).stdout == "no\n"
    assert "rehearsal-admin" in cluster.kubectl("auth", "whoami")
    assert "cannot list resource" in cluster.kubectl_run("get", "pods", "-n", namespace, robot).stderr


def test_namespaces_come_and_go(cluster: RunningCluster) -> None:
    assert cluster.kubectl("create", "namespace", "passing") == "namespace/passing created\n"
    twice = cluster.kubectl_run("create", "namespace", "passing")
    assert 'namespaces "passing" already exists' in twice.stderr
    cluster.kubectl("-n", "passing", "wait", "--for=create", "serviceaccount/default", "--timeout=10s")
    cluster.kubectl("-n", "passing", "create", "configmap", "c")
    cluster.kubectl("delete", "namespace", "passing", "--timeout=30s")
    assert "NotFound" in cluster.kubectl_run("get", "namespace", "passing").stderr


def test_what_the_cluster_is_made_of(cluster: RunningCluster) -> None:
    assert "Server Version: v1.36" in cluster.kubectl("version")
    rows = cluster.kubectl("api-resources", "--no-headers").splitlines()
    assert {"pods", "deployments", "leases", "storageclasses", "poddisruptionbudgets"} <= {
        row.split()[0] for row in rows
    }
    nodes = cluster.kubectl("get", "nodes", "--no-headers").splitlines()
    assert len(nodes) == 5
    assert all(line.split()[1] == "Ready" for line in nodes)
    described = cluster.kubectl("describe", "nodes")
    assert "nvidia.com/gpu" in described
    assert "Allocated resources" in described
    assert "(default)" in cluster.kubectl("get", "storageclass")


def test_explain_knows_the_fields(cluster: RunningCluster) -> None:
    assert "replicas" in cluster.kubectl("explain", "deployment.spec")


def test_mistakes_are_named(cluster: RunningCluster, namespace: str) -> None:
    wrong = WEB.replace("replicas: 2", "replicaz: 2")
    refused = cluster.kubectl_run("-n", namespace, "apply", "-f", "-", stdin=wrong)
    assert 'unknown field "spec.replicaz"' in refused.stderr
    absent = cluster.kubectl_run("-n", namespace, "get", "pod", "none")
    assert absent.stderr == 'Error from server (NotFound): pods "none" not found\n'


POD = """
apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {app: talker}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: "registry.local/talker:1", env: [{name: WHO, value: me}]}
"""


def test_logs_and_commands(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    cluster.kubectl(*inside, "apply", "-f", "-", stdin=POD)
    cluster.kubectl(*inside, "wait", "--for=condition=Ready", "pod/talker", "--timeout=40s")
    lines = cluster.kubectl(*inside, "logs", "talker").splitlines()
    assert lines == ["registry.local/talker:1 started (simulated: no process runs)", "ready to serve"]
    assert cluster.kubectl(*inside, "logs", "talker", "--tail=1").splitlines() == lines[1:]
    stamped = cluster.kubectl(*inside, "logs", "-l", "app=talker", "--timestamps").splitlines()
    assert [line.partition(" ")[2] for line in stamped] == lines
    assert "WHO=me" in cluster.kubectl(*inside, "exec", "talker", "--", "env")
    assert cluster.kubectl(*inside, "exec", "-i", "talker", "--", "cat", stdin="given") == "given"
    failed = cluster.kubectl_run(*inside, "exec", "talker", "--", "sh", "-c", "exit 3")
    assert (failed.returncode, failed.stderr) == (3, "command terminated with exit code 3\n")
    assert "executable file not found" in cluster.kubectl_run(*inside, "exec", "talker", "--", "nothing").stderr
    none = cluster.kubectl_run(*inside, "logs", "talker", "--previous")
    assert 'previous terminated container "main" in pod "talker" not found' in none.stderr


def test_logs_are_followed_to_the_end_of_the_container(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    cluster.kubectl(*inside, "apply", "-f", "-", stdin=POD)
    cluster.kubectl(*inside, "wait", "--for=condition=Ready", "pod/talker", "--timeout=40s")
    with cluster.kubectl_start(*inside, "logs", "-f", "talker") as following:
        assert following.stdout is not None
        assert "started" in following.stdout.readline()
        assert following.stdout.readline() == "ready to serve\n"
        cluster.kubectl(*inside, "delete", "pod", "talker", "--wait=false")
        assert following.stdout.read() == "received SIGTERM, shutting down\n"
        assert following.wait(20) == 0


def test_a_rollout_is_undone_and_restarted(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    cluster.kubectl(*inside, "apply", "-f", "-", stdin=WEB)
    cluster.kubectl(*inside, "rollout", "status", "deployment/web", "--timeout=40s")
    cluster.kubectl(*inside, "set", "image", "deployment/web", "web=registry.local/web:2")
    cluster.kubectl(*inside, "rollout", "status", "deployment/web", "--timeout=40s")
    assert cluster.kubectl(*inside, "rollout", "history", "deployment/web").split()[-4:] == [
        "1",
        "<none>",
        "2",
        "<none>",
    ]
    cluster.kubectl(*inside, "rollout", "undo", "deployment/web")
    cluster.kubectl(*inside, "rollout", "status", "deployment/web", "--timeout=40s")
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert cluster.kubectl(*inside, "get", "deployment", "web", "-o", image) == "registry.local/web:1"
    cluster.kubectl(*inside, "rollout", "restart", "deployment/web")
    cluster.kubectl(*inside, "rollout", "status", "deployment/web", "--timeout=40s")


def test_a_node_is_drained(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    cluster.kubectl(*inside, "apply", "-f", "-", stdin=POD)
    cluster.kubectl(*inside, "wait", "--for=condition=Ready", "pod/talker", "--timeout=40s")
    node = cluster.kubectl(*inside, "get", "pod", "talker", "-o", "jsonpath={.spec.nodeName}")
    chosen = "--pod-selector=app=talker"
    try:
        cluster.kubectl("drain", node, "--force", chosen, "--timeout=40s")
        assert "Ready,SchedulingDisabled" in cluster.kubectl("get", "node", node)
        assert "NotFound" in cluster.kubectl_run(*inside, "get", "pod", "talker").stderr
    finally:
        cluster.kubectl("uncordon", node)


def test_trouble_is_seen_in_the_table(tmp_path: Path) -> None:
    faults = "speed: 100\nfaults: [{kind: crash-loop, pod: talker, exitCode: 3, log: [no such database]}]"
    with running_cluster(tmp_path, faults) as troubled:
        troubled.kubectl("apply", "-f", "-", stdin=POD)
        troubled.kubectl(
            "wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=2", "pod/talker", "--timeout=40s"
        )
        waiting = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff"
        troubled.kubectl("wait", waiting, "pod/talker", "--timeout=40s")
        # Between two commands the next container may have started, which has said nothing yet.
        _until(lambda: troubled.kubectl("get", "pods", "--no-headers").split()[1:3] == ["0/1", "CrashLoopBackOff"])
        _until(lambda: "no such database" in troubled.kubectl("logs", "talker"))
        described = troubled.kubectl("describe", "pod", "talker")
        assert "Back-off restarting failed container main" in described
        assert "Exit Code:    3" in described


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline


def test_no_node_has_the_gpus(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    greedy = POD.replace("env:", 'resources: {limits: {nvidia.com/gpu: "9"}}, env:')
    cluster.kubectl(*inside, "apply", "-f", "-", stdin=greedy)
    cluster.kubectl(*inside, "wait", "--for=condition=PodScheduled=false", "pod/talker", "--timeout=20s")
    told = cluster.kubectl(*inside, "get", "events", "--field-selector", "reason=FailedScheduling")
    assert "0/5 nodes are available: 5 Insufficient nvidia.com/gpu." in told
    assert cluster.kubectl(*inside, "get", "pods", "--no-headers").split()[1:3] == ["0/1", "Pending"]


def test_fields_of_the_wrong_type_are_named(cluster: RunningCluster, namespace: str) -> None:
    wrong = WEB.replace("replicas: 2", "replicas: two\n  replicaz: 2")
    refused = cluster.kubectl_run("-n", namespace, "apply", "--server-side", "-f", "-", stdin=wrong).stderr
    assert "failed to create typed patch object" in refused
    assert ".spec.replicas: expected numeric (int or float), got string" in refused
    assert ".spec.replicaz: field not declared in schema" in refused


def test_wide_tables_and_tables_that_follow(cluster: RunningCluster, namespace: str) -> None:
    inside = ("-n", namespace)
    # A pod that is listed: from there on kubectl misses nothing.
    cluster.kubectl(*inside, "apply", "-f", "-", stdin=POD.replace("talker", "before"))
    with cluster.kubectl_start(*inside, "get", "pods", "-o", "wide", "--watch") as following:
        assert following.stdout is not None
        header = following.stdout.readline().split()
        assert header[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert header[5:] == ["IP", "NODE", "NOMINATED", "NODE", "READINESS", "GATES"]
        assert following.stdout.readline().startswith("before ")
        cluster.kubectl(*inside, "apply", "-f", "-", stdin=POD)
        seen: list[list[str]] = []
        while not seen or seen[-1] != ["1/1", "Running"]:
            name, *columns = following.stdout.readline().split()
            seen += [columns[:2]] if name == "talker" else []
    assert seen[0] == ["0/1", "Pending"]
    assert ["0/1", "ContainerCreating"] in seen
    cluster.kubectl(*inside, "delete", "pod", "before", "--now")
    everywhere = cluster.kubectl("get", "pods", "-A", "--field-selector", f"metadata.namespace={namespace}")
    assert everywhere.split()[:2] == ["NAMESPACE", "NAME"]
    assert cluster.kubectl(*inside, "get", "all", "-o", "name") == "pod/talker\n"


def test_a_job_from_a_cronjob_is_the_cronjobs(cluster: RunningCluster, namespace: str) -> None:
    """kubectl sends it as protobuf: every field of the charts' own job must come through."""
    inside = ("-n", namespace)
    cron = next(item for item in render(SPECIAL).sensei if item["metadata"]["name"] == "sensei-backup")
    cron["metadata"]["namespace"] = namespace
    cluster.kubectl(*inside, "apply", "-f", "-", stdin=json.dumps(cron))
    cluster.kubectl(*inside, "create", "job", "--from=cronjob/sensei-backup", "by-hand")
    wanted = json.loads(cluster.kubectl(*inside, "get", "cronjob", "sensei-backup", "-o", "json"))["spec"]
    made = json.loads(cluster.kubectl(*inside, "get", "job", "by-hand", "-o", "json"))["spec"]
    assert made["template"]["spec"] == wanted["jobTemplate"]["spec"]["template"]["spec"]
    assert made["backoffLimit"] == wanted["jobTemplate"]["spec"]["backoffLimit"]


def test_a_route_of_a_gateway_is_kept(cluster: RunningCluster, namespace: str) -> None:
    values = {"global": {"domain": "sensei.lan"}, "gateway": {"enabled": True, "name": "front"}}
    route = next(item for item in render(values).sensei if item["kind"] == "HTTPRoute")
    route["metadata"]["namespace"] = namespace
    cluster.kubectl("-n", namespace, "apply", "-f", "-", stdin=json.dumps(route))
    found = json.loads(cluster.kubectl("-n", namespace, "get", "httproute", "sensei-dashboard", "-o", "json"))
    assert found["spec"] == route["spec"]
    route["spec"]["hostname"] = "sensei.lan"
    refused = cluster.kubectl_run("-n", namespace, "apply", "-f", "-", stdin=json.dumps(route))
    assert 'unknown field "spec.hostname"' in refused.stderr
