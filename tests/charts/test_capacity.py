"""What scenarios ask of a cluster, an update included, against the sizes that the guide names."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from sensei_tui.base.quantity import parse
from tests.charts import helpers
from tests.charts.helpers import Scenario

Node = dict[str, Any]
Amount = Counter[str]


class Size(NamedTuple):
    """A cluster of the guide: nodes, cores, bytes of memory and of storage."""

    nodes: int
    cpu: Decimal
    memory: Decimal
    storage: Decimal


MINIMUM = Size(3, parse(32), parse("128G"), parse("500G"))
RECOMMENDED = Size(5, parse(64), parse("256G"), parse("1T"))


def pod_amount(pod: Node) -> dict[str, Decimal]:
    """What the scheduler counts of one pod: the sum of its containers, or its biggest init container."""
    found = {}
    for name in ("cpu", "memory"):
        boxes = [parse(box["resources"]["requests"][name]) for box in pod["containers"]]
        found[name] = max(
            [
                sum(boxes, Decimal(0)),
                *(parse(box["resources"]["requests"][name]) for box in pod.get("initContainers", ())),
            ]
        )
    return found


def steady(found: Scenario) -> dict[str, Decimal]:
    """All that lasts."""
    total = {"cpu": Decimal(0), "memory": Decimal(0), "storage": Decimal(0)}
    for item, pod in found.lasting():
        for name, amount in pod_amount(pod).items():
            total[name] += item["spec"]["replicas"] * amount
        for claim in item["spec"].get("volumeClaimTemplates", ()):
            total["storage"] += item["spec"]["replicas"] * parse(claim["spec"]["resources"]["requests"]["storage"])
    claims = found.of("PersistentVolumeClaim").values()
    total["storage"] += sum((parse(item["spec"]["resources"]["requests"]["storage"]) for item in claims), Decimal(0))
    return total


def surge(found: Scenario) -> dict[str, Decimal]:
    """What an update of every component at once takes more."""
    total = {"cpu": Decimal(0), "memory": Decimal(0)}
    for item, pod in found.lasting():
        more = item["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
        for name, amount in pod_amount(pod).items():
            total[name] += more * amount
    return total


def biggest_job(found: Scenario) -> dict[str, Decimal]:
    """Of hooks and CronJobs: a backup by schedule may run while an update does."""
    amounts = [pod_amount(pod) for item, pod in found.workloads() if item["kind"] in ("Job", "CronJob")]
    return {name: max(amount[name] for amount in amounts) for name in ("cpu", "memory")}


def peak(found: Scenario) -> dict[str, Decimal]:
    """The most of each, at any time."""
    lasting, more, job = steady(found), surge(found), biggest_job(found)
    return {name: amount + more.get(name, 0) + job.get(name, 0) for name, amount in lasting.items()}


def shares(found: Scenario, size: Size) -> dict[str, float]:
    """The peak in parts of a size."""
    return {name: float(amount / getattr(size, name)) for name, amount in peak(found).items()}


def test_guides_default_fits_the_minimum_with_a_fifth_left(guide_default: Scenario) -> None:
    found = shares(guide_default, MINIMUM)
    assert found["cpu"] <= 0.8, found
    assert found["memory"] <= 0.8, found
    assert found["storage"] <= 0.9, "an update takes no more of it; what is left is for the nodes' images"
    assert min(found.values()) > 0.5, "it uses what there is"


def test_high_availability_uses_the_recommended_size_well() -> None:
    found = shares(helpers.scenario("ha"), RECOMMENDED)
    assert min(found.values()) >= 0.5, found
    assert max(found.values()) <= 0.8, found


def test_more_would_be_found(guide_default: Scenario) -> None:
    more = helpers.render({**guide_default.values, "dataPlane": {"workers": {"replicas": 6}}})
    assert max(shares(more, MINIMUM).values()) > 0.8


def test_a_surge_counts(guide_default: Scenario) -> None:
    surging = [item["metadata"]["name"] for item, _ in guide_default.lasting()
               if item["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge")]  # fmt: skip
    assert surging == ["sensei-dashboard", "sensei-api", "sensei-orchestration", "sensei-pattern-library", "sensei-maba",
                       "sensei-kora", "sensei-amani"]  # fmt: skip
    assert surge(guide_default)["cpu"] > 2


def test_high_availability_is_what_it_says() -> None:
    found = helpers.scenario("ha")
    replicas = {
        item["metadata"]["name"].removeprefix("sensei-"): item["spec"]["replicas"] for item, _ in found.lasting()
    }
    assert replicas == {
        "dashboard": 3, "api": 3, "orchestration": 3, "pattern-library": 3, "maba": 3, "kora": 3, "amani": 3, "workers": 8,
        "agents": 4, "postgresql": 1, "redis": 1, "minio": 4, "weaviate": 3,
    }  # fmt: skip


def test_where_spreading_is_required_no_node_gets_more_than_its_share_and_an_update_can_go_on() -> None:
    """DoNotSchedule with a skew of 1 lets a pod onto any node that has the fewest, so more pods than nodes is well; what
    would stop it is a node that can't take pods but counts (its taint is honoured), or pods of the revision before
    that count as well (they don't: pod-template-hash)."""
    for item, pod in helpers.scenario("ha").lasting():
        (rule,) = pod["topologySpreadConstraints"]
        assert (rule["whenUnsatisfiable"], rule["maxSkew"], rule["nodeTaintsPolicy"]) == ("DoNotSchedule", 1, "Honor")
        assert rule["labelSelector"]["matchLabels"] == item["spec"]["selector"]["matchLabels"]
        assert rule.get("matchLabelKeys", []) == (["pod-template-hash"] if item["kind"] == "Deployment" else [])
        if item["kind"] == "StatefulSet":
            assert item["spec"]["replicas"] <= RECOMMENDED.nodes, "a store's pods are each on a node of their own"


@pytest.mark.parametrize(("name", "cores", "memory"), [("single-node", 8, "32G"), ("minimal", 4, "16G")])
def test_small_ones_are_single_and_small(name: str, cores: int, memory: str) -> None:
    found = helpers.scenario(name)
    assert {item["spec"]["replicas"] for item, _ in found.lasting()} == {1}
    assert found.of("PodDisruptionBudget") == {}
    taken = peak(found)
    assert taken["cpu"] <= cores * parse("0.8")
    assert taken["memory"] <= parse(memory) * parse("0.8")


@pytest.mark.parametrize("name", ["single-node", "minimal"])
def test_a_small_one_has_one_volume_for_each_store(name: str) -> None:
    found = helpers.scenario(name)
    assert [len(item["spec"]["volumeClaimTemplates"]) for item in found.of("StatefulSet").values()] == [1, 1, 1, 1]
    minio = found.of("StatefulSet")["sensei-minio"]["spec"]["template"]["spec"]["containers"][0]
    assert minio["args"][-1] == "/data-0"
    assert peak(found)["storage"] <= parse("200G") * parse("0.9")
