"""Objects that the cases start from. No controller writes to a PodTemplate or a ConfigMap: they stay as they are written."""

from __future__ import annotations

from typing import Any

CONFIG: dict[str, Any] = {
    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1", "y": "2"},
}  # fmt: skip
CONTAINER: dict[str, Any] = {
    "name": "web", "image": "web:1", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}],
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
}  # fmt: skip
POD_SPEC: dict[str, Any] = {
    "containers": [CONTAINER, {"name": "side", "image": "side:1"}],
    "volumes": [{"name": "data", "emptyDir": {}}],
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "imagePullSecrets": [{"name": "pull"}],
}
TEMPLATE: dict[str, Any] = {
    "apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"},
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD_SPEC},
}  # fmt: skip
SERVICE: dict[str, Any] = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]},
}  # fmt: skip
SECRET: dict[str, Any] = {
    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": {"key": "value"},
}  # fmt: skip


def workload(kind: str, **spec: Any) -> dict[str, Any]:
    """A Deployment or the like with one container."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    return {
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "a"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }  # fmt: skip


def job(**spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "main:1"}]}}
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {"template": template, **spec},
    }  # fmt: skip


def pod(name: str = "a", **spec: Any) -> dict[str, Any]:
    """A pod that no node takes, so that it stays as it is written."""
    held = {"schedulingGates": [{"name": "example.com/held"}], "containers": [{"name": "web", "image": "web:1"}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {**held, **spec},
    }


def changed(obj: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """The object with other parts; `metadata` is laid over the present one."""
    found = {**obj, **parts}
    return {**found, "metadata": {**obj["metadata"], **parts.get("metadata", {})}}
