"""The real cluster itself: what it is, and that its kubelets are as the tests need them."""

from __future__ import annotations

import pytest

from sensei_tui.rehearsal.scenario import Fault
from tests.cluster import build
from tests.cluster.fixtures import module
from tests.cluster.real import Place, RealCluster

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: "registry.example.com/web:1", ports: [{containerPort: 80}]}]}
"""


def test_version_is_the_pinned_one(real: RealCluster) -> None:
    assert real.version == build.version(module())


def test_operator_may_do_what_is_granted_and_no_more(place: Place) -> None:
    assert place.operator.kubectl("auth", "can-i", "create", "deployments").strip() == "yes"
    denied = place.operator.kubectl_run("get", "configmaps", "-n", "kube-system")
    assert 'cannot list resource "configmaps"' in denied.stderr
    assert place.operator.kubectl_run("create", "serviceaccount", "x").returncode == 1


def test_pods_run_say_something_and_take_commands(place: Place) -> None:
    place.admin.kubectl("apply", "-f", "-", stdin=POD)
    place.admin.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=30s")
    assert "ready to serve" in place.admin.kubectl("logs", "web")
    if module() == "oldest":
        pytest.skip("before Kubernetes 1.36 the API server speaks SPDY to kubelets; those of the tests don't")
    assert place.admin.kubectl("exec", "web", "--", "hostname") == "web\n"
    assert place.admin.kubectl_run("exec", "web", "--", "sh", "-c", "exit 3").returncode == 3


def test_faults_strike_only_their_namespace(real: RealCluster, place: Place) -> None:
    with real.place() as other:
        other.fail(Fault("crash-loop", pod="web", exit_code=7))
        for one in (place, other):
            one.admin.kubectl("apply", "-f", "-", stdin=POD)
        place.admin.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=30s")
        path = f"/api/v1/namespaces/{other.namespace}/pods/web"
        other.until(lambda: other.admin.request("GET", path).body["status"].get("containerStatuses", [{}])[0].get(
            "state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff")  # fmt: skip
