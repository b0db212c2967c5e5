"""Helm through the engine: what it does, records and says."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import ChildEngine
from sensei_tui.helm.errors import HelmError
from sensei_tui.rehearsal.scenario import Fault
from tests.differential import normal
from tests.differential.behaviour import available, gone, part
from tests.differential.suite import Side, Step, case, differential, get, given, kubectl, until

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: tiny\nversion: 0.1.0\nappVersion: '1'\n",
    "values.yaml": "replicas: 1\nimage: registry.local/tiny:1\nhook: false\n",
    "templates/deployment.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: {{ .Values.replicas }}
  progressDeadlineSeconds: 60
  {{- with .Values.extra }}{{ toYaml . | nindent 2 }}{{ end }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: "{{ .Values.image }}"}]}
""",
    "templates/service.yaml": """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
""",
    "templates/job.yaml": """
{{- if .Values.hook }}
apiVersion: batch/v1
kind: Job
metadata:
  name: prepare
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: "registry.local/hook:1"}]}}
{{- end }}
""",
}
BAD = {"image": "registry.local/bad:1"}
WEB = "deployments/web"
WAIT: dict[str, Any] = {"timeout": 60, "wait": "watcher"}
SHORT: dict[str, Any] = {"timeout": 3, "wait": "watcher"}


def engine(act: Callable[[ChildEngine, Path], Any]) -> Step:
    """Something that the engine does; the answer is its result, or what the user is told when it refuses."""

    def step(side: Side) -> Any:
        with tempfile.TemporaryDirectory() as place, ChildEngine(_target(side)) as helm:
            try:
                return {"done": act(helm, _chart(Path(place)))}
            except HelmError as refusal:
                told = [normal.text(line, side.namespace) for line in refusal.lines()]
                return {"refused": type(refusal).__name__, "told": told}

    return step


def _target(side: Side) -> Target:
    return Target(kubeconfig=str(side.client.kubeconfig), namespace=side.namespace)


def _chart(place: Path) -> Path:
    for name, text in CHART.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    return place


def _shown(revision: Any) -> list[Any]:
    return [revision.revision, revision.status, revision.version, revision.app_version, revision.description]


def install(values: dict[str, Any] | None = None, **options: Any) -> Step:
    return engine(lambda helm, chart: _shown(helm.install("web", chart, values or {}, **(options or WAIT))))


def upgrade(values: dict[str, Any], **options: Any) -> Step:
    return engine(lambda helm, chart: _shown(helm.upgrade("web", chart, values, **(options or WAIT))))


def rollback(revision: int) -> Step:
    return engine(lambda helm, chart: helm.rollback("web", revision, **WAIT))


def killed(values: dict[str, Any], seconds: float = 3.0) -> Step:
    """An upgrade (or first installation) whose process is ended on its way."""

    def act(helm: ChildEngine, chart: Path) -> Any:
        threading.Timer(seconds, helm.cancel).start()
        begin = helm.upgrade if helm.history("web") else helm.install
        return _shown(begin("web", chart, values, timeout=60, wait="watcher"))

    return given(engine(act))


HISTORY = engine(lambda helm, chart: [_shown(one) for one in helm.history("web")])
VALUES = engine(lambda helm, chart: [helm.values("web"), helm.values("web", 1)])
UNINSTALL = engine(lambda helm, chart: helm.uninstall("web", **WAIT))
OWNERS = part("services/web", lambda body: [body["metadata"]["labels"], body["metadata"]["annotations"]])
FIELDS = (get("services/web"),)
PICTURE = kubectl("get", "deploy,svc", "--no-headers")
STUCK = Fault("image-pull", image="*bad*")


CASES = [
    case("an installation", install(), HISTORY, VALUES, OWNERS, *FIELDS, PICTURE),
    case("an upgrade and its history", install({"replicas": 2}), upgrade({"image": "registry.local/tiny:2"}), HISTORY,
         VALUES, until(WEB, available(1)), PICTURE),
    case("a rollback", install(), upgrade({"replicas": 2}), rollback(1), HISTORY, VALUES, until(WEB, available(1)),
         PICTURE),
    case("a rollback to what is not there", install(), rollback(7), HISTORY),
    case("an upgrade that fails and is rolled back", install(), upgrade(BAD, **SHORT), HISTORY, rollback(1), HISTORY,
         until(WEB, available(1)), PICTURE, faults=[STUCK]),
    case("an installation that fails", install(BAD, **SHORT), HISTORY, upgrade({}), HISTORY, faults=[STUCK]),
    case("an uninstallation", install(), UNINSTALL, HISTORY, until(WEB, gone), kubectl("get", "deploy,svc"), UNINSTALL),
    case("an installation twice", install(), install(), HISTORY),
    case("an upgrade of nothing", upgrade({}), HISTORY),
    case("a killed installation", killed(BAD), HISTORY, install(), UNINSTALL, HISTORY, faults=[STUCK]),
    case("a killed upgrade", install(), killed(BAD), HISTORY, upgrade({}), rollback(1), HISTORY, faults=[STUCK]),
    case("a hook", install({"hook": True}), kubectl("get", "jobs", "--no-headers"), HISTORY),
    case("a hook that fails", install({"hook": True}), HISTORY,
         faults=[Fault("crash-loop", image="*hook*")]),
    case("what somebody else holds", given(kubectl("create", "service", "clusterip", "web", "--tcp=80")), install(),
         HISTORY),
    case("fields that another manager took", install(), given(kubectl("scale", "deployment/web", "--replicas=3")),
         upgrade({"replicas": 2}), HISTORY),
    case("a manifest that the API refuses", install({"extra": {"replicaz": 3}}), install({"replicas": -1}), HISTORY),
]  # fmt: skip

test_helm = differential(CASES)
