"""Both Helm engines on a real cluster say and do the same: the SDK's library in a child, and a helm command."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.cluster.client import connect
from sensei_tui.cluster.target import Target
from sensei_tui.helm.doctor import diagnose, repair
from sensei_tui.helm.drift import conflicts, release
from sensei_tui.helm.engine import Engine, open_engine
from sensei_tui.helm.errors import (
    HelmCancelled,
    HelmChartError,
    HelmConflict,
    HelmError,
    HelmNotFound,
    HelmPending,
    HelmTimeout,
)
from tests.cluster.real import Place
from tests.cluster.sites import ENGINES, environment

CHART = """
apiVersion: v2
name: small
version: 1.0.0
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "registry.example.com/web:1"}]
      {{- with .Values.node }}
      nodeSelector: {kubernetes.io/hostname: {{ . }}}
      {{- end }}
{{- with .Values.extra }}
---
{{ . }}
{{- end }}
"""
HOOK = """
{{- if .Values.hook }}
apiVersion: batch/v1
kind: Job
metadata:
  name: hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade"}
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {no: where}
      containers: [{name: hook, image: "registry.example.com/hook:1"}]
{{- end }}
"""
VALUES: dict[str, Any] = {"replicas": 1, "hook": False, "extra": "", "node": ""}
SCHEMA = '{"type": "object", "properties": {"replicas": {"type": "integer", "maximum": 9}}}'


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    root = tmp_path / "small"
    (root / "templates").mkdir(parents=True)
    files = {"Chart.yaml": CHART, "values.yaml": "", "values.schema.json": SCHEMA, "templates/web.yaml": WEB}
    for name, text in {**files, "templates/hook.yaml": HOOK}.items():
        (root / name).write_text(text)
    return root


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """As the operator."""
    for name, value in environment(request.param).items():
        monkeypatch.setenv(name, value)
    with open_engine(Target(str(place.operator.kubeconfig), "", place.namespace)) as found:
        yield found


def test_life_of_a_release(engine: Engine, chart: Path, place: Place) -> None:
    assert engine.history("r") == []
    assert engine.install("r", chart, VALUES, timeout=30).revision == 1
    after = engine.upgrade("r", chart, {**VALUES, "replicas": 2}, timeout=30, max_history=10)
    assert (after.revision, after.status) == (2, "deployed")
    assert engine.values("r")["replicas"] == 2
    assert engine.values("r", 1)["replicas"] == 1
    engine.rollback("r", 1, timeout=30)
    history = engine.history("r")
    assert [item.status for item in history] == ["superseded", "superseded", "deployed"]
    assert {(item.chart, item.version) for item in history} == {("small", "1.0.0")}
    assert engine.releases() == ["r"]
    assert place.admin.kubectl("get", "deployment/web", "-o", "jsonpath={.spec.replicas}") == "1"
    engine.uninstall("r", timeout=30)
    assert engine.history("r") == []
    assert engine.releases() == []


def test_fields_are_owned_by_helm_whichever_engine_wrote_them(engine: Engine, chart: Path, place: Place) -> None:
    engine.install("r", chart, VALUES, timeout=30)
    shown = place.admin.kubectl("get", "deployment/web", "--show-managed-fields", "-o", "json")
    assert '"manager": "helm"' in shown
    assert '"operation": "Apply"' in shown


def test_render_needs_no_cluster_and_a_schema_refuses_by_path(engine: Engine, chart: Path) -> None:
    assert "replicas: 7" in engine.render("r", chart, {**VALUES, "replicas": 7})
    with pytest.raises(HelmError, match=r"/replicas'?: (maximum|Must)") as caught:
        engine.install("r", chart, {**VALUES, "replicas": 10}, timeout=10)
    assert isinstance(caught.value, HelmChartError)


def test_what_is_not_there(engine: Engine, chart: Path) -> None:
    with pytest.raises(HelmNotFound):
        engine.values("none")
    with pytest.raises(HelmError, match="none"):
        engine.rollback("none", 1, timeout=5)


def test_a_field_that_somebody_else_changed(engine: Engine, chart: Path, place: Place) -> None:
    engine.install("r", chart, VALUES, timeout=30)
    place.admin.kubectl("scale", "deployment/web", "--replicas=5")
    place.admin.kubectl("set", "image", "deployment/web", "web=registry.example.com/web:9")
    wanted = {**VALUES, "replicas": 3}
    with pytest.raises(HelmConflict) as caught:
        engine.upgrade("r", chart, wanted, timeout=10)
    assert caught.value.manager in ("kubectl", "kubectl-set")
    assert [item.status for item in engine.history("r")] == ["deployed", "failed"]
    shown = ("get", "deployment/web", "-o", "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}")
    with connect(Target(str(place.operator.kubeconfig), "", place.namespace)) as cluster:
        found = conflicts(cluster, engine.render("r", chart, wanted), "r")
        assert {item.field for item in found} == {
            ".spec.replicas", '.spec.template.spec.containers[name="web"].image'
        }  # fmt: skip
        release(cluster, found)
    assert place.admin.kubectl(*shown) == "5 registry.example.com/web:9"
    engine.upgrade("r", chart, wanted, timeout=30)
    assert place.admin.kubectl(*shown) == "3 registry.example.com/web:1"


def test_a_field_the_api_does_not_know(engine: Engine, chart: Path) -> None:
    extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndatas: {a: b}"
    with pytest.raises(HelmError, match=r"\.datas: field not declared in schema"):
        engine.install("r", chart, {**VALUES, "extra": extra}, timeout=10)


def test_quota_and_pod_security_refuse_a_pod_in_the_servers_words(engine: Engine, chart: Path, place: Place) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: p, image: registry.example.com/p:1}]}"
    place.admin.kubectl("create", "role", "pods", "--verb=get,create,patch,delete", "--resource=pods")
    place.admin.kubectl("create", "rolebinding", "pods", "--role=pods", f"--user={place.user}")
    place.admin.kubectl("create", "quota", "tight", "--hard=pods=0")
    place.until(lambda: "hard" in place.admin.kubectl("get", "quota", "tight", "-o", "jsonpath={.status}"))
    with pytest.raises(HelmError, match="exceeded quota: tight, requested: pods=1, used: pods=0, limited: pods=0"):
        engine.install("r", chart, {**VALUES, "extra": pod}, timeout=10)
    place.admin.kubectl("delete", "quota", "tight")
    engine.uninstall("r", timeout=10)
    place.admin.kubectl("label", "namespace", place.namespace, "pod-security.kubernetes.io/enforce=restricted")
    with pytest.raises(HelmError, match='violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'):
        engine.install("r", chart, {**VALUES, "extra": pod}, timeout=10)


def test_waiting_in_vain(engine: Engine, chart: Path) -> None:
    with pytest.raises(HelmTimeout):
        engine.install("r", chart, {**VALUES, "node": "nowhere"}, timeout=3, wait="watcher")
    assert [item.status for item in engine.history("r")] == ["failed"]


def test_cancelled(engine: Engine, chart: Path) -> None:
    threading.Timer(2, engine.cancel).start()
    with pytest.raises(HelmCancelled):
        engine.install("r", chart, {**VALUES, "node": "nowhere"}, timeout=60, wait="watcher")
    assert [item.status for item in engine.history("r")] == ["failed"]


def kill_in(engine: Engine, act: str, chart: Path, values: dict[str, Any]) -> None:
    """SIGKILL Helm's process while it waits for a hook."""

    def strike() -> None:
        time.sleep(2)
        for name in ("_child", "_process"):
            if process := getattr(engine, name, None):
                os.kill(process.pid, signal.SIGKILL)

    threading.Thread(target=strike, daemon=True).start()
    with pytest.raises(HelmError):
        getattr(engine, act)("r", chart, values, timeout=60)


def test_killed_while_it_installed(engine: Engine, chart: Path) -> None:
    kill_in(engine, "install", chart, {**VALUES, "hook": True})
    assert [item.status for item in engine.history("r")] == ["pending-install"]
    with pytest.raises(HelmPending):
        engine.install("r", chart, VALUES, timeout=10)
    trouble = diagnose(engine, "r")
    assert trouble is not None
    repair(engine, trouble)
    assert engine.install("r", chart, VALUES, timeout=30).status == "deployed"


def test_killed_while_it_upgraded(engine: Engine, chart: Path) -> None:
    engine.install("r", chart, VALUES, timeout=30)
    kill_in(engine, "upgrade", chart, {**VALUES, "replicas": 2, "hook": True})
    assert [item.status for item in engine.history("r")] == ["deployed", "pending-upgrade"]
    with pytest.raises(HelmPending):
        engine.upgrade("r", chart, VALUES, timeout=10)
    trouble = diagnose(engine, "r")
    assert trouble is not None
    repair(engine, trouble)
    assert engine.upgrade("r", chart, {**VALUES, "replicas": 3}, timeout=30).status == "deployed"
