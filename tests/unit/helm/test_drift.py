"""Fields that others own: found, and taken from them without a change of any value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sensei_tui.cluster.client import Cluster, connect
from sensei_tui.cluster.target import Target
from sensei_tui.helm.drift import FIELD_MANAGER, conflicts, release
from tests.fixtures_cluster import running_cluster

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front, example.com/team: a}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example.com/web:1
          ports: [{containerPort: 80}]
          env: [{name: MODE, value: quiet}]
"""
OTHERS = {"replicas: 1": "replicas: 5", "web:1": "web:9", "quiet": "loud", "team: a": "team: b"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path) as running, connect(Target(str(running.host.kubeconfig), "", "default")) as found:
        yield found


def changed(text: str) -> str:
    for before, after in OTHERS.items():
        text = text.replace(before, after)
    return text


def fields(cluster: Cluster, manager: str) -> list[Any]:
    entries = cluster.object("Deployment", "web")["metadata"]["managedFields"]
    return [entry["fieldsV1"] for entry in entries if entry["manager"] == manager]


def test_fields_taken_from_their_managers_keep_their_values(cluster: Cluster) -> None:
    obj = yaml.safe_load(MANIFEST)
    obj["metadata"]["namespace"] = "default"
    cluster.apply(obj, field_manager=FIELD_MANAGER)
    theirs = yaml.safe_load(changed(MANIFEST))
    theirs["metadata"] |= {"namespace": "default", "annotations": {"note": "mine"}}
    cluster.apply(theirs, field_manager="somebody", force=True)
    found = conflicts(cluster, MANIFEST)
    assert {item.field for item in found} == {
        ".spec.replicas", '.spec.template.spec.containers[name="web"].image', ".metadata.labels.example.com/team",
        '.spec.template.spec.containers[name="web"].env[name="MODE"].value',
    }  # fmt: skip
    before = cluster.object("Deployment", "web")
    release(cluster, found)
    after = cluster.object("Deployment", "web")
    assert after["spec"] == before["spec"]
    assert conflicts(cluster, MANIFEST) == ()
    assert fields(cluster, "somebody")[0]["f:metadata"]["f:annotations"] == {"f:note": {}}
    cluster.apply(obj, field_manager=FIELD_MANAGER)
    assert cluster.object("Deployment", "web")["spec"]["replicas"] == 1
    assert cluster.object("Deployment", "web")["metadata"]["annotations"]["note"] == "mine"


def test_a_manager_without_fields_is_gone(cluster: Cluster) -> None:
    obj = yaml.safe_load(MANIFEST)
    obj["metadata"]["namespace"] = "default"
    cluster.apply(obj, field_manager=FIELD_MANAGER)
    one = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}}
    cluster.apply({**one, "spec": {"replicas": 5}}, field_manager="scaler", force=True)
    release(cluster, conflicts(cluster, MANIFEST))
    assert fields(cluster, "scaler") == []
