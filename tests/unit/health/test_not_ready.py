"""Which objects are not ready: each cause once, causes before what they cause."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.cluster.snapshot import Pod, Snapshot
from sensei_tui.health.model import NotReady
from sensei_tui.health.why import not_ready
from tests.unit.health.real import (
    claim,
    event,
    labels,
    pod,
    real_snapshot,
    service,
    slice_of,
    snapshot,
    workload,
)

CRASH: dict[str, Any] = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3,
         "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-23T12:00:30Z"}}}  # fmt: skip


def only(seen: Snapshot) -> NotReady:
    found = not_ready(seen)
    assert len(found) == 1, found
    return found[0]


def test_real_lone_pods_are_listed_with_their_reasons() -> None:
    found = {item.object: item.why[0].reason for item in not_ready(real_snapshot())}
    assert found == {
        "Pod/crash": "CrashLoopBackOff", "Pod/noimg": "ErrImagePull", "Pod/nosecret": "CreateContainerConfigError",
        "Pod/oom": "OOMKilled",
    }  # fmt: skip


def test_the_real_pods_of_a_replica_set_belong_to_its_deployment() -> None:
    """Also without the ReplicaSet in the picture: its name and the hash say whose they are."""
    seen = real_snapshot("httpd-84897fc6fc-44tx9", "httpd-84897fc6fc-9sjqg")
    httpd = workload("httpd", ready=2, replicas=2)
    with_it = Snapshot(
        namespace="real", complete=True, pods=seen.pods, events=seen.events,
        workloads={"a": type(httpd)(kind="Deployment", metadata=httpd.metadata, spec=httpd.spec, status=httpd.status)},
    )  # fmt: skip
    assert not_ready(with_it) == ()
    assert not_ready(seen) == ()


def deployment_pods(*pods: Pod, ready: int = 0, **status: Any) -> Snapshot:
    return snapshot(
        workload("sensei-kora", "kora", ready=ready, replicas=2, **status),
        workload("sensei-kora-7c9d", "kora", kind="ReplicaSet", owner="Deployment/sensei-kora"), *pods,
    )  # fmt: skip


def test_a_deployment_tells_its_pods_reason_once_with_their_number() -> None:
    pods = [pod(f"sensei-kora-7c9d-{number}", "kora", "ReplicaSet/sensei-kora-7c9d", **CRASH) for number in (1, 2)]
    item = only(deployment_pods(*pods))
    assert (item.object, item.ready, item.desired) == ("Deployment/sensei-kora", 0, 2)
    (why,) = item.why
    assert (why.object, why.container) == ("Pod/sensei-kora-7c9d-1", "c")
    assert why.sentence == "crash loop: exit code 1, 3 restarts (2 pods)"


def test_what_is_stuck_is_told_and_what_only_starts_is_not() -> None:
    stuck = pod("sensei-kora-7c9d-2", "kora", "ReplicaSet/sensei-kora-7c9d", **CRASH)
    starting = pod("sensei-kora-7c9d-1", "kora", "ReplicaSet/sensei-kora-7c9d")
    item = only(deployment_pods(starting, stuck))
    assert [why.reason for why in item.why] == ["CrashLoopBackOff"]
    item = only(deployment_pods(starting))
    assert [why.sentence for why in item.why] == ["it runs and is not ready yet"]


def test_a_deadline_is_told_only_where_the_pods_say_nothing_better() -> None:
    late: list[dict[str, Any]] = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    stuck = pod("sensei-kora-7c9d-2", "kora", "ReplicaSet/sensei-kora-7c9d", **CRASH)
    assert [why.reason for why in only(deployment_pods(stuck, conditions=late)).why] == ["CrashLoopBackOff"]
    assert [why.reason for why in only(deployment_pods(conditions=late)).why] == ["ProgressDeadlineExceeded"]


QUOTA = 'pods "sensei-kora-7c9d-x" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=8, limited: cpu=8'


def test_pods_that_the_api_refuses_are_explained_by_condition_or_event() -> None:
    refused = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA}]
    (why,) = only(deployment_pods(conditions=refused, replicas_=0)).why
    assert (why.reason, why.sentence) == ("FailedCreate", f"its pods are refused: {QUOTA}")
    assert "ResourceQuota" in why.remedy
    seen = snapshot(
        workload("sensei-kora", "kora", ready=0),
        workload("sensei-kora-7c9d", "kora", kind="ReplicaSet", owner="Deployment/sensei-kora"),
        event("ReplicaSet", "sensei-kora-7c9d", "FailedCreate", 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'),
    )  # fmt: skip
    (why,) = only(seen).why
    assert "Pod Security" in why.remedy


def unscheduled(name: str, component: str, owner: str) -> Pod:
    message = "0/5 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]
    return pod(name, component, owner, phase="Pending", placed=False, status={"conditions": conditions})


def test_a_pod_that_waits_for_a_volume_is_explained_by_the_claim_which_is_not_listed_again() -> None:
    failed = event(
        "PersistentVolumeClaim",
        "data-sensei-redis-0",
        "ProvisioningFailed",
        'storageclass.storage.k8s.io "fast" not found',
    )
    seen = snapshot(
        workload("sensei-redis", "redis", kind="StatefulSet", ready=0), claim("data-sensei-redis-0", component="redis"),
        unscheduled("sensei-redis-0", "redis", "StatefulSet/sensei-redis"), failed,
    )  # fmt: skip
    item = only(seen)
    assert item.object == "StatefulSet/sensei-redis"
    (why,) = item.why
    assert why.object == "PersistentVolumeClaim/data-sensei-redis-0"
    assert why.sentence == 'not bound: storageclass.storage.k8s.io "fast" not found'
    assert "global.storageClass" in why.remedy


def test_a_lone_claim_that_cannot_be_bound_is_listed_and_one_that_waits_is_not() -> None:
    message = "no persistent volumes available for this claim and no storage class is set"
    failed = event("PersistentVolumeClaim", "models", "FailedBinding", message)
    assert only(snapshot(claim("models"), failed)).object == "PersistentVolumeClaim/models"
    later = event("PersistentVolumeClaim", "models", "WaitForFirstConsumer", "waiting", at="2026-11-23T12:09:00Z")
    assert not_ready(snapshot(claim("models"), failed, later)) == ()
    assert not_ready(snapshot(claim("models", "Bound"), failed)) == ()
    assert only(snapshot(claim("models", "Lost"))).why[0].reason == "ClaimLost"


def test_a_failed_job_tells_its_pods_end_and_its_own() -> None:
    conditions = [
        {
            "type": "Failed",
            "status": "True",
            "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit",
        }
    ]
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-11-23T12:00:30Z"}}
    seen = snapshot(
        workload("sensei-migrations", "migrations", kind="Job", conditions=conditions, failed=3, succeeded=0),
        pod(
            "sensei-migrations-abc",
            "migrations",
            "Job/sensei-migrations",
            state=ended,
            phase="Failed",
            spec={"restartPolicy": "Never"},
        ),
    )
    item = only(seen)
    assert (item.object, item.ready, item.desired) == ("Job/sensei-migrations", 0, 1)
    assert [why.sentence for why in item.why] == [
        "it ended: exit code 1", "the job failed: Job has reached the specified backoff limit",
    ]  # fmt: skip


def test_a_job_that_is_done_or_made_anew_forgets_its_failed_pods() -> None:
    done = [{"type": "Complete", "status": "True"}]
    assert not_ready(snapshot(workload("m", kind="Job", conditions=done, succeeded=1))) == ()
    old = pod(
        "m-1", "", "Job/m", state={"terminated": {"exitCode": 1}}, phase="Failed", spec={"restartPolicy": "Never"}
    )
    anew = workload("m", kind="Job", succeeded=0)
    renamed = snapshot(old, type(anew)(kind="Job", metadata=type(anew.metadata)(name="m", namespace="sensei", uid="another"), spec=anew.spec, status=anew.status))  # fmt: skip
    assert [why.reason for why in only(renamed).why] == ["NoPods"]


ROLLOUTS: list[tuple[str, dict[str, Any], str]] = [
    ("Deployment", {"observedGeneration": 0}, "its controller has not seen the change yet"),
    ("Deployment", {"updatedReplicas": 1}, "1 of 2 pods are of the new version"),
    ("Deployment", {"replicas": 3}, "1 old pod still to go"),
    ("Deployment", {"availableReplicas": 1, "readyReplicas": 1}, "1 of 2 pods ready"),
    ("StatefulSet", {"readyReplicas": 0}, "0 of 2 pods ready"),
    ("StatefulSet", {"updatedReplicas": 1}, "1 of 2 pods are of the new version"),
]


@pytest.mark.parametrize(("kind", "status", "sentence"), ROLLOUTS)
def test_a_rollout_is_judged_as_kubectl_does(kind: str, status: dict[str, Any], sentence: str) -> None:
    item = workload("x", kind=kind, ready=2, replicas=2)
    assert not_ready(snapshot(item)) == ()
    numbers = {"readyReplicas": 2, "availableReplicas": 2, **status}
    behind = workload("x", "x", kind=kind, replicas=2, ready=2, **{k: v for k, v in numbers.items() if k != "replicas"})
    if "replicas" in status:
        counts = type(behind.status)(
            replicas=3, updated_replicas=2, ready_replicas=2, available_replicas=2, observed_generation=1
        )
        behind = type(behind)(kind=kind, metadata=behind.metadata, spec=behind.spec, status=counts)
    running = pod("x-1", "x", "StatefulSet/x" if kind == "StatefulSet" else "ReplicaSet/x-1", ready=True)
    named = type(running)(metadata=type(running.metadata)(**{**_fields(running.metadata), "labels": {**labels("x"), "pod-template-hash": "1"}}), spec=running.spec, status=running.status)  # fmt: skip
    assert only(snapshot(behind, named)).why[0].sentence == sentence


def _fields(item: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__struct_fields__}


def test_nothing_wanted_is_nothing_missing() -> None:
    assert not_ready(snapshot(workload("x", "x", ready=0, replicas=0), service("x", "x"))) == ()


def test_a_service_is_listed_only_where_no_workload_explains_it() -> None:
    assert only(snapshot(service("lost", "kora", selects="nobody"))).why[0].reason == "NoMatchingPods"
    late = snapshot(workload("sensei-kora", "kora", ready=0), service("sensei-kora", "kora"))
    assert only(late).object == "Deployment/sensei-kora"
    running = pod("k-1", "kora", "Deployment/sensei-kora", ready=True)
    soon = snapshot(workload("sensei-kora", "kora"), running, service("sensei-kora", "kora"))
    assert only(soon).why[0].reason == "NoEndpoints"
    assert not_ready(snapshot(workload("sensei-kora", "kora"), running, service("sensei-kora", "kora"), slice_of("sensei-kora", k_1=True))) == ()  # fmt: skip
    by_hand = service("by-hand", selector={})
    assert not_ready(snapshot(by_hand)) == ()


def test_causes_come_first_and_stores_before_what_needs_them() -> None:
    crash = pod("sensei-api-1", "api", "Deployment/sensei-api", **CRASH)
    redis = pod("sensei-redis-0", "redis", "StatefulSet/sensei-redis", **CRASH)
    seen = snapshot(
        workload("a-starts", "dashboard", ready=0), workload("sensei-api", "api", ready=0),
        workload("sensei-redis", "redis", kind="StatefulSet", ready=0), crash, redis,
    )  # fmt: skip
    assert [item.object for item in not_ready(seen)] == [
        "StatefulSet/sensei-redis", "Deployment/sensei-api", "Deployment/a-starts",
    ]  # fmt: skip


def test_other_namespaces_are_not_ours() -> None:
    seen = real_snapshot()
    elsewhere = Snapshot(namespace="sensei", complete=True, pods=seen.pods, events=seen.events)
    assert not_ready(elsewhere) == ()
