"""The `kubernetes` client: every patch type, bookmarks, logs, commands, ports."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.fixtures_cluster import RunningCluster

# The generated client is only half typed: what is not, is used as Any.
config: Any = importlib.import_module("kubernetes.config")
stream: Any = importlib.import_module("kubernetes.stream")
watch: Any = importlib.import_module("kubernetes.watch")

WEB: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {"name": "one", "image": "registry.local/one:1", "ports": [{"containerPort": 8080}]},
            {"name": "two", "image": "registry.local/two:1"},
        ],
    },
}


@pytest.fixture(scope="module")
def api(cluster: RunningCluster) -> Iterator[Any]:
    with config.new_client_from_config(str(cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


@pytest.fixture
def pod(core: Any, namespace: str) -> str:
    """The name of a running pod with two containers."""
    core.create_namespaced_pod(namespace, WEB)
    watcher = watch.Watch()
    for event in watcher.stream(core.list_namespaced_pod, namespace, timeout_seconds=30):
        conditions = {item.type: item.status for item in event["object"].status.conditions or ()}
        if conditions.get("Ready") == "True":
            return "web"
    raise AssertionError("the pod did not become ready")


@pytest.mark.parametrize(
    ("media", "patch", "images"),
    [
        (
            "application/json-patch+json",
            [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "r/a:2"}],
            ["r/a:2", "r/b:1"],
        ),
        (
            "application/merge-patch+json",
            {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "r/c:1"}]}}}},
            ["r/c:1"],
        ),
        (
            "application/strategic-merge-patch+json",
            {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "r/b:2"}]}}}},
            ["r/a:1", "r/b:2"],
        ),
    ],
)
def test_each_patch_type_merges_in_its_own_way(
    api: Any, namespace: str, media: str, patch: Any, images: list[str]
) -> None:
    apps: Any = client.AppsV1Api(api)
    containers = [{"name": name, "image": f"r/{name}:1"} for name in ("a", "b")]
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": containers}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    apps.create_namespaced_deployment(namespace, {"metadata": {"name": "a"}, "spec": spec})
    changed = apps.patch_namespaced_deployment("a", namespace, patch, _content_type=media)
    assert [item.image for item in changed.spec.template.spec.containers] == images


def test_apply_names_the_manager_and_the_field_of_a_conflict(api: Any, core: Any, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1", "b": "1"}}
    media = "application/apply-patch+yaml"
    core.patch_namespaced_config_map("c", namespace, body, field_manager="one", _content_type=media)
    other = {**body, "data": {"a": "2"}}
    with pytest.raises(ApiException) as refused:
        core.patch_namespaced_config_map("c", namespace, other, field_manager="two", _content_type=media)
    assert refused.value.status == 409
    assert 'conflict with \\"one\\": .data.a' in str(refused.value.body)
    forced = core.patch_namespaced_config_map(
        "c", namespace, other, field_manager="two", force=True, _content_type=media
    )
    owned = {entry.manager: entry.fields_v1 for entry in forced.metadata.managed_fields}
    assert owned == {"one": {"f:data": {"f:b": {}}}, "two": {"f:data": {"f:a": {}}}}
    left = core.patch_namespaced_config_map(
        "c", namespace, {**body, "data": {}}, field_manager="one", _content_type=media
    )
    assert left.data == {"a": "2"}


def test_a_part_of_an_object_can_be_applied(api: Any, core: Any, namespace: str) -> None:
    apps: Any = client.AppsV1Api(api)
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "r/a:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": template}
    apps.create_namespaced_deployment(namespace, {"metadata": {"name": "a"}, "spec": spec})
    part = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"paused": True}}
    media = "application/apply-patch+yaml"
    changed = apps.patch_namespaced_deployment("a", namespace, part, field_manager="me", _content_type=media)
    assert (changed.spec.paused, changed.spec.replicas) == (True, 0)


def test_bookmarks_are_sent_to_who_allows_them(core: Any, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensei_tui.rehearsal.watch_stream.BOOKMARK_EVERY", 0.05)
    watcher = watch.Watch()
    events = watcher.stream(
        core.list_namespaced_secret, namespace, allow_watch_bookmarks=True, timeout_seconds=20, resource_version="0"
    )
    assert next(event for event in events if event["type"] == "BOOKMARK")["raw_object"]["kind"] == "Secret"
    watcher.stop()


def test_a_log_is_followed(core: Any, namespace: str, pod: str) -> None:
    with pytest.raises(ApiException) as ambiguous:
        core.read_namespaced_pod_log(pod, namespace)
    assert "choose one of: [one two]" in str(ambiguous.value.body)
    lines = watch.Watch().stream(core.read_namespaced_pod_log, pod, namespace, container="one")
    assert "registry.local/one:1 started" in next(lines)
    assert next(lines) == "ready to serve"
    core.delete_namespaced_pod(pod, namespace)
    assert list(lines) == ["received SIGTERM, shutting down"]


def test_a_command_is_run(core: Any, namespace: str, pod: str) -> None:
    said = stream.stream(
        core.connect_get_namespaced_pod_exec, pod, namespace, container="two", command=["echo", "a", "b"], stdout=True
    )
    assert said == "a b\n"
    running = stream.stream(
        core.connect_get_namespaced_pod_exec, pod, namespace, container="two", command=["sh", "-c", "exit 4"],
        stdout=True, stderr=True, _preload_content=False,
    )  # fmt: skip
    running.run_forever(timeout=20)
    assert running.returncode == 4


def test_a_port_is_forwarded(core: Any, namespace: str, pod: str) -> None:
    forward = stream.portforward(core.connect_get_namespaced_pod_portforward, pod, namespace, ports="8080,9")
    socket = forward.socket(8080)
    socket.settimeout(20)
    socket.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    answer = b""
    while part := socket.recv(4096):
        answer += part
    socket.close()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"one in pod web is simulated" in answer
    assert "connection refused" in forward.error(9)
