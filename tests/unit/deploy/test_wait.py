"""What counts as ready, hopeless and how far: pure functions over snapshots."""

from __future__ import annotations

from sensei_tui.cluster.snapshot import (
    Condition,
    ObjectMeta,
    Snapshot,
    Workload,
    WorkloadSpec,
    WorkloadStatus,
)
from sensei_tui.deploy.wait import hopeless, replicas, unready, workloads
from sensei_tui.health.model import NotReady, Why
from sensei_tui.runs.view import sentence


def deployment(name: str, ready: int, desired: int, *conditions: Condition, kind: str = "Deployment") -> Workload:
    return Workload(
        kind=kind,
        metadata=ObjectMeta(name=name, namespace="sensei", generation=1),
        spec=WorkloadSpec(replicas=desired),
        status=WorkloadStatus(
            observed_generation=1, replicas=desired, ready_replicas=ready, updated_replicas=desired,
            available_replicas=ready, conditions=conditions,
        ),
    )  # fmt: skip


def picture(*items: Workload) -> Snapshot:
    found = {f"{item.kind}/sensei/{item.metadata.name}": item for item in items}
    return Snapshot(namespace="sensei", complete=True, workloads=found)


GIVEN_UP = Condition(type="Progressing", status="False", reason="ProgressDeadlineExceeded")


def test_only_the_named_objects_count_and_missing_ones_do() -> None:
    seen = picture(deployment("kora", 1, 2), deployment("amani", 2, 2), deployment("other", 0, 1))
    found = unready(seen, {"Deployment/kora", "Deployment/amani", "StatefulSet/redis"})
    assert {(item.object, item.ready, item.desired) for item in found} == {
        ("StatefulSet/redis", 0, 1),
        ("Deployment/kora", 1, 2),
    }


def test_a_picture_from_before_the_change_says_nothing() -> None:
    seen = picture(deployment("kora", 2, 2))
    assert unready(seen, {"Deployment/kora"}, {"Deployment/kora": 1}) == ()
    (found,) = unready(seen, {"Deployment/kora"}, {"Deployment/kora": 2})
    assert found.object == "Deployment/kora"


def test_progress_counts_replicas() -> None:
    seen = picture(deployment("kora", 1, 2), deployment("amani", 2, 2))
    names = {"Deployment/kora", "Deployment/amani", "StatefulSet/redis"}
    assert replicas(workloads(seen), names, unready(seen, names)) == (3, 5)
    assert replicas(workloads(seen), {"Deployment/amani"}, ()) == (2, 2)


def test_hopeless_only_if_every_one_was_given_up() -> None:
    names = {"Deployment/kora", "Deployment/amani"}
    one = picture(deployment("kora", 0, 2, GIVEN_UP), deployment("amani", 1, 2))
    assert not hopeless(workloads(one), unready(one, names))
    both = picture(deployment("kora", 0, 2, GIVEN_UP), deployment("amani", 0, 2, GIVEN_UP))
    assert hopeless(workloads(both), unready(both, names))
    missing = picture(deployment("kora", 0, 2, GIVEN_UP))
    assert not hopeless(workloads(missing), unready(missing, names))


def test_sentence_names_object_cause_and_log() -> None:
    why = Why(object="Pod/kora-1", reason="CrashLoopBackOff", sentence="kora-1: crash loop", last_log="FATAL no redis")
    item = NotReady(object="Deployment/kora", ready=1, desired=2, why=(why,))
    assert sentence(item) == "Deployment/kora 1/2: kora-1: crash loop (last log: FATAL no redis)"
    assert sentence(NotReady(object="Job/x", ready=0, desired=1)) == "Job/x 0/1: starting"
