from __future__ import annotations

from pathlib import Path

from sensei_tui.deploy.prepare import chart_digest, digest
from sensei_tui.helm.manifest import counted, differences, objects, workloads

OLD = """
---
# Source: a.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: kora}
spec: {replicas: 2, template: {spec: {containers: [{name: a, image: "r/kora:1"}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: kora}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: pre-install}}
"""


def test_workloads_leave_out_services_and_hooks() -> None:
    assert workloads(OLD) == ("Deployment/kora",)
    assert counted(OLD) == "1 Deployment, 1 Job, 1 Service"
    assert len(objects(OLD + "\n---\n\n")) == 3


def test_differences_name_object_and_field() -> None:
    new = OLD.replace("replicas: 2", "replicas: 3").replace("kind: Service", "kind: ConfigMap")
    lines = differences(OLD, new)
    assert lines[:2] == ["- Service/kora", "+ ConfigMap/kora"]
    assert [line for line in lines if "replicas" in line] == [
        "~ Deployment/kora - spec.replicas: 2",
        "~ Deployment/kora + spec.replicas: 3",
    ]
    assert differences(OLD, OLD) == []


def test_of_a_container_only_what_differs_is_told() -> None:
    beside = OLD.replace('image: "r/kora:1"}', 'image: "r/kora:2"}, {name: b, args: [x, y]}')
    assert differences(OLD, beside) == [
        "~ Deployment/kora - spec.template.spec.containers[a].image: r/kora:1",
        "~ Deployment/kora + spec.template.spec.containers[a].image: r/kora:2",
        "~ Deployment/kora + spec.template.spec.containers[b].args: ['x', 'y']",
        "~ Deployment/kora + spec.template.spec.containers[b].name: b",
    ]


def test_chart_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("a")
    first = chart_digest(tmp_path)
    assert first.startswith("sha256:")
    (tmp_path / "Chart.yaml").write_text("b")
    second = chart_digest(tmp_path)
    (tmp_path / "Chart.yaml").rename(tmp_path / "templates" / "Chart.yaml")
    assert len({first, second, chart_digest(tmp_path)}) == 3


def test_digest_ignores_the_order_of_keys_only() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(["a", "b"]) != digest(["b", "a"])
