"""`global.spread: required` and a real scheduler: more pods than nodes, an update, and a node that takes no pods."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sensei_tui.site.resolve import CREDENTIALS, GENERATED
from tests.charts.helpers import scenario
from tests.cluster.real import Place
from tests.cluster.test_charts_versions import apply

Node = dict[str, Any]
CLOSED = "node-1"
"""One of five nodes."""


@contextmanager
def closed(place: Place) -> Iterator[None]:
    """A node is cordoned, as before it is drained; its taint is how the scheduler knows."""
    place.admin.kubectl("cordon", CLOSED)
    try:
        place.until(
            lambda: "unschedulable" in place.admin.kubectl("get", "node", CLOSED, "-o", "jsonpath={.spec.taints}")
        )
        yield
    finally:
        place.admin.kubectl("uncordon", CLOSED)


def deployment(name: str) -> Node:
    return copy.deepcopy(scenario("ha").of("Deployment")[name])


def furnish(place: Place) -> None:
    """What the pods name: they must become ready for an update to go on."""
    secrets = [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict.fromkeys(keys, "x")}
               for name, keys in ((CREDENTIALS, GENERATED), ("sensei-license", ["license-key"]), ("sensei-llm", ["api-key"]))]  # fmt: skip
    for item in (*secrets, scenario("ha").of("ConfigMap")["sensei-config"]):
        assert apply(place, item).status == 201


def spread(place: Place, item: Node, count: int) -> list[int]:
    """How many of a revision are on each node, once so many have one."""
    image = item["spec"]["template"]["spec"]["containers"][0]["image"]

    def nodes() -> list[str]:
        found = place.admin.request("GET", f"/api/v1/namespaces/{place.namespace}/pods").body["items"]
        mine = (pod["spec"] for pod in found if pod["spec"]["containers"][0]["image"] == image)
        return [spec["nodeName"] for spec in mine if "nodeName" in spec]

    place.until(lambda: len(nodes()) == count)
    return sorted(Counter(nodes()).values())


def update(place: Place, item: Node) -> None:
    item["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/next:1"
    assert apply(place, item).status == 200


def test_more_pods_than_nodes_and_one_node_closed(place: Place) -> None:
    item = deployment("sensei-workers")
    furnish(place)
    with closed(place):
        assert apply(place, item).status == 201
        assert spread(place, item, 8) == [2, 2, 2, 2]
        update(place, item)
        assert spread(place, item, 8) == [2, 2, 2, 2]


def test_an_update_does_not_wait_for_the_pods_it_replaces(place: Place) -> None:
    """With a pod of the revision before on every node that is open, the new ones find their places all the same."""
    item = deployment("sensei-api")
    item["spec"]["replicas"] = 4
    furnish(place)
    with closed(place):
        assert apply(place, item).status == 201
        assert spread(place, item, 4) == [1, 1, 1, 1]
        update(place, item)
        assert spread(place, item, 4) == [1, 1, 1, 1]


def test_without_the_rule_about_taints_pods_would_wait_for_ever(place: Place) -> None:
    item = deployment("sensei-workers")
    del item["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["nodeTaintsPolicy"]
    with closed(place):
        assert apply(place, item).status == 201
        words = "didn't match pod topology spread constraints"
        place.until(lambda: words in place.admin.kubectl("get", "events", "-o", "jsonpath={.items[*].message}"))
        assert spread(place, item, 4) == [1, 1, 1, 1]
