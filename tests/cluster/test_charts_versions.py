"""A later version of the charts over an earlier one, on a real API server: it refuses nothing of it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.helm.manifest import is_hook, key
from sensei_tui.rehearsal.kinds import by_kind
from tests.charts.helpers import Scenario, render, scenario
from tests.charts.versions import NEXT, charts, merged
from tests.cluster.mirror import path_of
from tests.cluster.real import Place
from tests.fixtures_cluster import Reply

Node = dict[str, Any]
CHANGES: Node = {
    "global": {"imageRegistry": "mirror.example.com:5000", "imagePullSecrets": ["ours"], "spread": "required",
               "nodeSelector": ["disk=fast"], "tolerations": [{"key": "x", "operator": "Exists"}], "caBundle": {"existingSecret": "ca"},
               "domain": "elsewhere.example.com"},
    "controlPlane": {"replicas": 3, "api": {"replicas": 5, "resources": {"cpu": "2"}}},
    "dataPlane": {"workers": {"replicas": 7}, "kora": {"replicas": 4}},
    "postgresql": {"resources": {"memory": "9Gi"}, "image": {"tag": "17.7-bookworm"}},
    "redis": {"resources": {"memory": "3Gi"}}, "storage": {"minio": {"resources": {"memory": "3Gi"}}},
    "vectorDb": {"replicas": 3, "resources": {"cpu": "2"}}, "backup": {"enabled": True, "schedule": "@daily", "to": "volume"},
    "ingress": {"enabled": True}, "networkPolicy": {"clients": ["web"], "databases": ["10.0.0.0/8"]},
}  # fmt: skip
"""What may change, all at once; the vector database of a small site gets two more pods."""


def apply(place: Place, item: Node) -> Reply:
    """As Helm does."""
    kind = by_kind(item["apiVersion"], item["kind"])
    assert kind is not None
    item = {**item, "metadata": {**item["metadata"], "namespace": place.namespace}}
    path = path_of(kind, place.namespace, item["metadata"]["name"])
    body = json.dumps(item).encode()
    return place.admin.request(
        "PATCH", f"{path}?fieldManager=helm&fieldValidation=Strict", body, media="application/apply-patch+yaml"
    )


def lasting(found: Scenario) -> list[Node]:
    """Everything but hooks, which are deleted before they are made anew."""
    return [item for item in found.all if not is_hook(item)]


@pytest.mark.parametrize(
    "name", ["guide", "airgapped", "single-node", "ha", "backup-volume", "gateway", "external-storage"]
)
def test_the_next_version_is_applied_over_this_one(name: str, place: Place, tmp_path: Path) -> None:
    now = scenario(name)
    for item in lasting(now):
        assert apply(place, item).status == 201, key(item)
    following = render(merged(now.values, CHANGES), charts(tmp_path, NEXT))
    assert {key(item) for item in lasting(now)} <= {key(item) for item in lasting(following)}
    for item in lasting(following):
        answer = apply(place, item)
        assert answer.status in (200, 201), f"{key(item)}: {answer.body}"
    kora = place.admin.request("GET", f"/apis/apps/v1/namespaces/{place.namespace}/deployments/sensei-kora").body
    assert kora["spec"]["template"]["spec"]["containers"][0]["image"] == f"mirror.example.com:5000/sensei/kora:{NEXT}"


def _claim(item: Node) -> Node:
    found: Node = item["spec"]["volumeClaimTemplates"][0]
    return found


FORBIDDEN = "field is immutable|updates to statefulset spec for fields other than .* are forbidden"
"""As Kubernetes 1.37 says it, and as 1.30 did."""
REFUSED: dict[str, tuple[str, Callable[[Node], object], str]] = {
    "claim's label": ("StatefulSet", lambda item: _claim(item)["metadata"]["labels"].update({"helm.sh/chart": "x-1"}), FORBIDDEN),
    "claim's size": ("StatefulSet", lambda item: _claim(item)["spec"]["resources"]["requests"].update(storage="1Gi"), FORBIDDEN),
    "service": ("StatefulSet", lambda item: item["spec"].update(serviceName="other"), FORBIDDEN),
    "order of pods": ("StatefulSet", lambda item: item["spec"].update(podManagementPolicy="OrderedReady"), FORBIDDEN),
    "selector": ("StatefulSet", lambda item: _version(item), FORBIDDEN),
    "selector of a component": ("Deployment", lambda item: _version(item), "field is immutable"),
    "address": ("Service", lambda item: item["spec"].update(clusterIP="None"), "may not change once set"),
}  # fmt: skip
"""A mistake that a later version could make, and the server's own words for it."""


def _version(item: Node) -> None:
    """The version in a selector: of the mistakes the likeliest."""
    item["spec"]["selector"]["matchLabels"]["app.kubernetes.io/version"] = NEXT
    item["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] = NEXT


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_may_not_change_is_refused(mistake: str, place: Place) -> None:
    kind, change, words = REFUSED[mistake]
    name = {"StatefulSet": "sensei-minio", "Deployment": "sensei-kora", "Service": "sensei-api"}[kind]
    item = scenario("guide").of(kind)[name]
    assert apply(place, item).status == 201
    wrong = copy.deepcopy(item)
    change(wrong)
    answer = apply(place, wrong)
    assert answer.status == 422, answer.body
    assert re.search(words, answer.body["message"]), answer.body["message"]
