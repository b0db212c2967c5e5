"""What the controllers make of workloads, once things have settled."""

from __future__ import annotations

from typing import Any

from tests.differential.behaviour import (
    all_ready,
    available,
    conditions,
    daemon_set,
    deployment,
    empty,
    gone,
    has,
    job,
    part,
    plain,
    pod,
    stateful_set,
    status,
)
from tests.differential.suite import (
    Step,
    case,
    condition,
    delete,
    differential,
    events,
    get,
    given,
    objects,
    only,
    patch,
    until,
)

WEB, SETS, DB, JOB = "deployments/web", "replicasets", "statefulsets/db", "jobs/once"
TWO = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.local/web:2"}]}}}}
ROLLED = given(patch(WEB, TWO))


def _scaled(count: int, place: str = WEB) -> tuple[Step, ...]:
    return (given(patch(place, {"spec": {"replicas": count}})),)


def started(count: int = 1, **spec: Any) -> tuple[Step, ...]:
    """A Deployment that runs."""
    return (objects(deployment(count, **spec)), until(WEB, available(count)))


DEPLOYMENTS = [
    case("a deployment that runs", *started(2), plain(WEB), events("web")),
    case("its replica set", *started(2), plain(SETS), events("web-[^-]*")),
    case("who owns its fields", *started(1), only(get(WEB), lambda answer: [
        [one["manager"], one["operation"], one.get("subresource", "")]
        for one in answer["body"]["metadata"]["managedFields"]]), differs={r"\.only": "Field owners of controllers"}),
    case("its pod", *started(1), part("pods", lambda body: body["items"][0])),
    case("a deployment without pods", *started(0), plain(WEB), plain(SETS), events("web")),
    case("a deployment scaled up and down", *started(1), *_scaled(3), until(WEB, available(3)), *_scaled(0),
         until(WEB, available(0)), plain(WEB), plain(SETS), events("web")),
    case("a rolling update", *started(1), ROLLED, until(WEB, available(1)), plain(WEB), plain(SETS), events("web")),
    case("a rolling update with a surge of one and none unavailable",
         *started(3, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}), ROLLED,
         until(WEB, available(3)), plain(WEB), plain(SETS), events("web")),
    case("a rolling update without a surge",
         *started(2, strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}), ROLLED,
         until(WEB, available(2)), plain(WEB), plain(SETS), events("web")),
    case("a recreation", *started(2, strategy={"type": "Recreate"}), ROLLED, until(WEB, available(2)), plain(WEB),
         plain(SETS), events("web")),
    case("a paused deployment does not roll", *started(1), given(patch(WEB, {"spec": {"paused": True, **TWO["spec"]}})),
         until(WEB, condition("Progressing", "Unknown")),
         until(WEB, lambda body: body["status"]["observedGeneration"] == 2), plain(WEB), plain(SETS), events("web")),
    case("a resumed deployment rolls", *started(1), given(patch(WEB, {"spec": {"paused": True}})),
         until(WEB, condition("Progressing", "Unknown")), ROLLED, given(patch(WEB, {"spec": {"paused": None}})),
         until(WEB, available(1)), plain(WEB), plain(SETS), events("web")),
    case("a template of before gets its replica set back", *started(1), ROLLED, until(WEB, available(1)),
         given(patch(WEB, {"spec": {"template": {"spec": {"containers": [
             {"name": "main", "image": "registry.local/web:1"}]}}}})),
         until(WEB, available(1)), plain(WEB), plain(SETS), events("web")),
    case("old replica sets go beyond the limit of history", *started(1, revisionHistoryLimit=0), ROLLED,
         until(WEB, available(1)), until(SETS, has(1)), plain(SETS)),
    case("annotations are carried to the replica set", *started(1),
         given(patch(WEB, {"metadata": {"annotations": {"kubernetes.io/change-cause": "why", "x": "y"}}})),
         until(SETS, lambda body: "x" in body["items"][0]["metadata"]["annotations"]), plain(SETS)),
    case("a change of minReadySeconds reaches the replica set", *started(1),
         given(patch(WEB, {"spec": {"minReadySeconds": 1}})),
         until(SETS, lambda body: body["items"][0]["spec"].get("minReadySeconds") == 1),
         part(SETS, lambda body: [body["items"][0]["metadata"]["annotations"], body["items"][0]["spec"]])),
]  # fmt: skip

STATEFUL = [
    case("a stateful set that runs", objects(stateful_set(2)), until(DB, all_ready(2)), plain(DB), events("db.*"),
         plain("controllerrevisions")),
    case("its pods", objects(stateful_set(2)), until(DB, all_ready(2)), plain("pods/db-0"), plain("pods/db-1")),
    case("a stateful set that starts at once", objects(stateful_set(3, podManagementPolicy="Parallel")),
         until(DB, all_ready(3)), plain(DB), events("db")),
    case("a stateful set scaled down keeps its claims", objects(stateful_set(2, volumeClaimTemplates=[
        {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                                                "resources": {"requests": {"storage": "1Gi"}}}}])),
         until(DB, all_ready(2)), *_scaled(1, DB), until(DB, all_ready(1)), until("pods", has(1)), plain(DB),
         plain("persistentvolumeclaims"), part("pods/db-0", lambda body: body["spec"]["volumes"]), events("db")),
    case("a stateful set that is updated", objects(stateful_set(2)), until(DB, all_ready(2)), given(patch(DB, TWO)),
         until(DB, lambda body: body["status"]["observedGeneration"] == 2), until(DB, all_ready(2)), plain(DB),
         events("db")),
    case("a stateful set that is updated on deletion", objects(stateful_set(1, updateStrategy={"type": "OnDelete"})),
         until(DB, all_ready(1)), given(patch(DB, TWO)),
         until(DB, lambda body: body["status"]["observedGeneration"] == 2), plain(DB)),
    case("a partition holds an update back",
         objects(stateful_set(2, updateStrategy={"rollingUpdate": {"partition": 1}})), until(DB, all_ready(2)),
         given(patch(DB, TWO)), until("pods/db-1", lambda body: body["spec"]["containers"][0]["image"].endswith("2")),
         until(DB, lambda body: body["status"].get("readyReplicas") == 2 and body["status"]["updatedReplicas"] == 1),
         plain(DB)),
]  # fmt: skip

DAEMONS = [
    case("a daemon set that runs", objects(daemon_set()),
         until("daemonsets/agent", lambda body: body["status"].get("numberAvailable") == 5), plain("daemonsets/agent"),
         events("agent"), plain("controllerrevisions")),
    case("its pod", objects(daemon_set({"nodeSelector": {"nvidia.com/gpu.present": "true"}})),
         until("daemonsets/agent", lambda body: body["status"].get("numberAvailable") == 1), plain("daemonsets/agent"),
         part("pods", lambda body: body["items"][0])),
]  # fmt: skip

JOBS = [
    case("a job that succeeds", objects(job()), until(JOB, condition("Complete")), plain(JOB), events("once.*"),
         part("pods", lambda body: body["items"][0])),
    case("a job of several pods", objects(job(completions=3, parallelism=2)), until(JOB, condition("Complete")),
         status(JOB), events("once")),
    case("a job is deleted when its time is over", objects(job(ttlSecondsAfterFinished=0)), until(JOB, gone),
         until("pods", empty)),
    case("an indexed job", objects(job(completions=2, completionMode="Indexed")), until(JOB, condition("Complete")),
         status(JOB), plain(JOB)),
    case("a suspended job", objects(job(suspend=True)), until(JOB, condition("Suspended")), plain(JOB), events("once")),
]  # fmt: skip

GARBAGE = [
    case("a deletion in the background", *started(1),
         delete(WEB), until(SETS, empty), until("pods", empty)),
    case("a deletion in the foreground", *started(1),
         given(delete(WEB, {"propagationPolicy": "Foreground"})), until(WEB, gone), plain(SETS), plain("pods")),
    case("a deletion that leaves orphans", *started(1), given(delete(WEB, {"propagationPolicy": "Orphan"})),
         until(WEB, gone), until(SETS, lambda body: "ownerReferences" not in body["items"][0]["metadata"]),
         plain(SETS)),
    case("orphans are adopted", *started(1), given(delete(WEB, {"propagationPolicy": "Orphan"})), until(WEB, gone),
         objects(deployment(1)), until(WEB, available(1)), plain(WEB), plain(SETS), events("web")),
    case("a pod that matches is adopted", objects(pod("stray", labels={"app": "web", "pod-template-hash": "x"})),
         objects(deployment(1)), until(WEB, available(1)), conditions(WEB),
         part("pods/stray", lambda body: body["metadata"].get("ownerReferences"))),
    case("pods of a stateful set that went are adopted", objects(stateful_set(2)), until(DB, all_ready(2)),
         given(delete(DB, {"propagationPolicy": "Orphan"})), until(DB, gone), objects(stateful_set(2)), until(DB, all_ready(2)),
         part("pods/db-0", lambda body: body["metadata"]["ownerReferences"][0]["kind"])),
    case("a pod of another name is no stateful set's", objects(pod("stray", labels={"app": "db"})), objects(stateful_set(1)),
         until(DB, all_ready(1)), part("pods/stray", lambda body: body["metadata"].get("ownerReferences"))),
    case("an object whose owner never was goes", objects(
        '{apiVersion: v1, kind: ConfigMap, metadata: {name: lost, ownerReferences: [{apiVersion: v1, kind: ConfigMap, '
        'name: none, uid: 5b9b8a4e-8d34-4c6e-9a0b-5e1f0a3f9a11}]}}'),
         until("configmaps/lost", gone), events("lost")),
]  # fmt: skip

test_deployments = differential(DEPLOYMENTS)
test_stateful_sets = differential(STATEFUL)
test_daemon_sets = differential(DAEMONS)
test_jobs = differential(JOBS)
test_garbage = differential(GARBAGE)
