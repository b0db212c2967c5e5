"""Every object of every scenario against a real API server: its published schemas, its strict dry run, its Pod Security admission."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sensei_tui.helm.manifest import key
from sensei_tui.rehearsal.kinds import by_kind
from tests.charts.helpers import EXTERNAL, SCENARIOS, Scenario, render, scenario
from tests.charts.test_policy import MUTATIONS
from tests.cluster.mirror import path_of
from tests.cluster.openapi import Schemas
from tests.cluster.real import Place, RealCluster
from tests.fixtures_cluster import Reply

Node = dict[str, Any]
ALL = (*SCENARIOS, "all external", "nothing else")
STRICT = "dryRun=All&fieldValidation=Strict&fieldManager=helm"


def rendered(name: str) -> Scenario:
    """One of ALL."""
    more: dict[str, Node] = {"all external": dict(EXTERNAL), "nothing else": {}}
    return render(more[name]) if name in more else scenario(name)


@pytest.fixture(scope="module")
def schemas(real: RealCluster) -> Schemas:
    found = Schemas(real.admin)
    real.plane.until(lambda: "apis/gateway.networking.k8s.io/v1" in found.paths())
    return found


@pytest.fixture(scope="module")
def restricted(real: RealCluster) -> Iterator[Place]:
    """A namespace that enforces the restricted standard, with the RuntimeClass that a scenario names."""
    runtime = {"metadata": {"name": "nvidia"}, "handler": "nvidia"}
    real.admin.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime)
    with real.place() as place:
        place.admin.kubectl("label", "namespace", place.namespace, "pod-security.kubernetes.io/enforce=restricted")
        yield place


def applied(place: Place, item: Node) -> Reply:
    """A server-side apply that changes nothing."""
    kind = by_kind(item["apiVersion"], item["kind"])
    assert kind is not None
    item = {**item, "metadata": {**item["metadata"], "namespace": place.namespace}}
    path = f"{path_of(kind, place.namespace, item['metadata']['name'])}?{STRICT}&force=true"
    return place.admin.request("PATCH", path, json.dumps(item).encode(), media="application/apply-patch+yaml")


def started(place: Place, template: Node, item: Node) -> Reply:
    """The pod that a workload would make, but for its node."""
    pod = copy.deepcopy(template["spec"])
    for claim in item["spec"].get("volumeClaimTemplates", ()):
        name = claim["metadata"]["name"]
        pod["volumes"].append({"name": name, "persistentVolumeClaim": {"claimName": f"{name}-pod"}})
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": "pod"}, "spec": pod}
    return place.admin.request("POST", f"/api/v1/namespaces/{place.namespace}/pods?{STRICT}", body)


def workloads(found: Scenario) -> Iterator[tuple[Node, Node]]:
    """Every object that makes pods, and their template."""
    templates = dict(found.pods())
    return ((item, templates[key(item)]) for item in found.all if key(item) in templates)


@pytest.mark.parametrize("name", ALL)
def test_published_schemas_allow_every_object(name: str, schemas: Schemas) -> None:
    found = {key(item): list(schemas.problems(item)) for item in rendered(name).all}
    assert found
    assert {item: problems for item, problems in found.items() if problems} == {}


@pytest.mark.parametrize("name", ALL)
def test_the_server_takes_every_object_without_a_warning(name: str, restricted: Place) -> None:
    for item in rendered(name).all:
        answer = applied(restricted, item)
        assert answer.status in (200, 201), f"{key(item)}: {answer.body}"
        # It warns of a workload whose pods the standard would refuse, and of what is deprecated.
        assert answer.headers.get_all("Warning") is None, key(item)


@pytest.mark.parametrize("name", ALL)
def test_the_restricted_standard_admits_every_pod(name: str, restricted: Place) -> None:
    for item, template in workloads(rendered(name)):
        answer = started(restricted, template, item)
        assert answer.status == 201, f"{key(item)}: {answer.body}"


def _box(item: Node) -> Node:
    found: Node = item["spec"]["template"]["spec"]["containers"][0]
    return found


WRONG: dict[str, Callable[[Node], object]] = {
    "spec.replica": lambda item: item["spec"].update(replica=2),
    "imagePullPolice": lambda item: _box(item).update(imagePullPolice="Always"),
    "maxSkews": lambda item: item["spec"]["template"]["spec"]["topologySpreadConstraints"][0].update(maxSkews=1),
    "labels": lambda item: item["metadata"].update(labels={"a": 1}),
    "replicas": lambda item: item["spec"].update(replicas="two"),
    "sleep": lambda item: _box(item)["lifecycle"]["preStop"].update(sleep={"seconds": "5 s"}),
}  # fmt: skip
"""A word of the complaint, and a mistake that earns it."""


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_object_is_refused_by_schema_and_server(word: str, schemas: Schemas, restricted: Place) -> None:
    item = copy.deepcopy(scenario("guide").of("Deployment")["sensei-api"])
    WRONG[word](item)
    last = word.rpartition(".")[2]
    assert any(last in problem for problem in schemas.problems(item))
    answer = applied(restricted, item)
    assert answer.status in (400, 422, 500), answer.body
    assert last in str(answer.body)


def test_a_wrong_route_is_refused_too(schemas: Schemas, restricted: Place) -> None:
    """A custom resource: by the schema of the Gateway API's own definition."""
    item = copy.deepcopy(scenario("gateway").of("HTTPRoute")["sensei-dashboard"])
    item["spec"]["rules"][0]["backends"] = []
    assert [problem for problem in schemas.problems(item) if "backends" in problem]
    assert "backends" in str(applied(restricted, item).body)
    item = copy.deepcopy(scenario("gateway").of("HTTPRoute")["sensei-dashboard"])
    item["spec"]["rules"][0]["backendRefs"][0]["port"] = 80000
    assert list(schemas.problems(item))
    assert applied(restricted, item).status == 422


@pytest.mark.parametrize("words", MUTATIONS)
def test_the_standard_refuses_what_our_own_check_refuses(words: str, restricted: Place) -> None:
    for name in ("sensei-api", "sensei-backup", "sensei-postgresql"):
        item, template = next(pair for pair in workloads(scenario("guide")) if pair[0]["metadata"]["name"] == name)
        template = copy.deepcopy(template)
        MUTATIONS[words](template["spec"])
        answer = started(restricted, template, item)
        assert answer.status == 403, answer.body
        assert words in answer.body["message"], answer.body["message"]
