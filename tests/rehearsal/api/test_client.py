"""The `kubernetes` client: typed calls, every patch type, pages, watches."""

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
watch: Any = importlib.import_module("kubernetes.watch")


@pytest.fixture(scope="module")
def api(cluster: RunningCluster) -> Iterator[Any]:
    with config.new_client_from_config(str(cluster.kubeconfig)) as made:
        yield made


@pytest.fixture
def core(api: Any) -> Any:
    return client.CoreV1Api(api)


def config_map(name: str, **data: str) -> Any:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"a": "b"}), data=data)


def test_create_read_replace_delete(core: Any, namespace: str) -> None:
    made = core.create_namespaced_config_map(namespace, config_map("c", x="1"))
    made.data["x"] = "2"
    assert core.replace_namespaced_config_map("c", namespace, made).data == {"x": "2"}
    with pytest.raises(ApiException) as stale:
        core.replace_namespaced_config_map("c", namespace, made)
    assert stale.value.status == 409
    assert core.read_namespaced_config_map("c", namespace).data == {"x": "2"}
    core.delete_namespaced_config_map("c", namespace)
    with pytest.raises(ApiException) as gone:
        core.read_namespaced_config_map("c", namespace)
    assert gone.value.status == 404


def test_typed_lists_parse(api: Any, core: Any) -> None:
    nodes = core.list_node().items
    assert len(nodes) == 5
    assert all(node.status.node_info.kubelet_version for node in nodes)
    assert client.StorageV1Api(api).list_storage_class().items
    core.list_pod_for_all_namespaces()
    client.AppsV1Api(api).list_deployment_for_all_namespaces()
    assert client.VersionApi(api).get_code().minor == "36"


def test_pages(core: Any, namespace: str) -> None:
    for number in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"c{number}"))
    seen, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(namespace, limit=2, _continue=token, label_selector="a=b")
        seen += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""
    assert seen == [f"c{number}" for number in range(5)]


def test_a_watch_follows_a_list(core: Any, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("c"))
    core.patch_namespaced_config_map("c", namespace, {"data": {"x": "1"}})
    core.delete_namespaced_config_map("c", namespace)
    watcher, seen = watch.Watch(), []
    stream = watcher.stream(
        core.list_namespaced_config_map,
        namespace,
        resource_version=version,
        timeout_seconds=20,
        allow_watch_bookmarks=True,
    )
    for event in stream:
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            watcher.stop()
    assert seen == [("ADDED", "c"), ("MODIFIED", "c"), ("DELETED", "c")]


def test_an_expired_watch_raises_410(cluster: RunningCluster, core: Any, namespace: str) -> None:
    core.create_namespaced_config_map(namespace, config_map("c"))
    cluster.call(lambda store: store.compact())
    with pytest.raises(ApiException) as caught:
        list(watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version="1", timeout_seconds=5))
    assert caught.value.status == 410


def test_apply_scale_and_evict(api: Any, core: Any, namespace: str) -> None:
    apps: Any = client.AppsV1Api(api)
    labels = {"app": "a"}
    container = {"name": "a", "image": "registry.local/a:1"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    made = apps.patch_namespaced_deployment(
        "a", namespace, body, field_manager="me", _content_type="application/apply-patch+yaml"
    )
    assert made.metadata.managed_fields[0].operation == "Apply"
    scaled = apps.patch_namespaced_deployment_scale("a", namespace, {"spec": {"replicas": 0}})
    assert scaled.spec.replicas is None  # Go leaves a zero out.
    assert apps.read_namespaced_deployment("a", namespace).spec.replicas == 0
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [container]}}
    core.create_namespaced_pod(namespace, pod)
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name="p"))
    core.create_namespaced_pod_eviction("p", namespace, eviction)
    assert core.list_namespaced_pod(namespace, field_selector="metadata.name=p,status.phase=Pending").items == [] or (
        core.read_namespaced_pod("p", namespace).metadata.deletion_timestamp
    )
