"""Deployments, StatefulSets, DaemonSets, Jobs: their pods, their status, their way of changing."""

from __future__ import annotations

from collections.abc import Callable

from sensei_tui.rehearsal.objects import Object
from tests.rehearsal.controllers.world import Simulated, simulated, workload

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "registry.local/work:1"}]
"""


def image(name: str) -> Callable[[Object], None]:
    """A change of the template: another image for its container."""

    def change(obj: Object) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = name

    return change


def rolled_out(found: Simulated, replicas: int) -> bool:
    """Whether the Deployment's controller has seen its newest spec, and all its pods are of it and available."""
    deployment = found.get("Deployment", "web")
    status = deployment.get("status") or {}
    if status.get("observedGeneration") != deployment["metadata"]["generation"]:
        return False
    return status.get("updatedReplicas") == status.get("availableReplicas") == status.get("replicas") == replicas


async def test_a_deployment_becomes_available_and_says_so() -> None:
    async with simulated() as found:
        found.create(workload())
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 2)
        conditions = {item["type"]: item for item in found.status("Deployment", "web")["conditions"]}
        assert conditions["Available"]["reason"] == "MinimumReplicasAvailable"
        assert conditions["Progressing"]["reason"] == "NewReplicaSetAvailable"
        (replica_set,) = found.list("ReplicaSet")
        assert replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
        assert found.events("ScalingReplicaSet") == [
            f"Scaled up replica set {replica_set['metadata']['name']} from 0 to 2"
        ]


async def test_a_rolling_update_keeps_enough_pods_available() -> None:
    async with simulated() as found:
        found.create(workload(replicas=4))
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 4)
        lowest: list[int] = []
        found.store.subscribe(
            lambda kind, event, obj: (
                lowest.append((obj.get("status") or {}).get("availableReplicas", 0))
                if kind.kind == "Deployment"
                else None
            )
        )
        found.change("Deployment", "web", image("registry.local/web:2"))
        await found.until(lambda: rolled_out(found, 4))
        assert min(lowest) >= 3  # maxUnavailable 25 %
        sizes = {
            item["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: item["spec"]["replicas"]
            for item in found.list("ReplicaSet")
        }
        assert sizes == {"1": 0, "2": 4}


async def test_rolling_back_uses_the_old_replica_set_again() -> None:
    async with simulated() as found:
        found.create(workload(replicas=1))
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 1)
        (first,) = found.list("ReplicaSet")
        for number in ("2", "1"):
            found.change("Deployment", "web", image(f"registry.local/web:{number}"))
            await found.until(lambda: rolled_out(found, 1))
        again = found.get("ReplicaSet", first["metadata"]["name"])
        assert again["spec"]["replicas"] == 1
        assert again["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


async def test_a_deployment_that_does_not_progress_fails_after_its_deadline() -> None:
    async with simulated("faults: [{kind: image-pull}]") as found:
        found.create(workload(progressDeadlineSeconds=30))
        conditions = await found.until(
            lambda: [
                item
                for item in found.status("Deployment", "web").get("conditions") or ()
                if item["reason"] == "ProgressDeadlineExceeded"
            ]
        )
        assert conditions[0]["status"] == "False"


async def test_recreate_ends_the_old_pods_first() -> None:
    async with simulated() as found:
        found.create(workload(replicas=2, strategy={"type": "Recreate"}))
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 2)
        most: list[int] = []
        found.store.subscribe(
            lambda kind, event, obj: most.append(len(found.list("Pod"))) if kind.kind == "Pod" else None
        )
        found.change("Deployment", "web", image("registry.local/web:2"))
        await found.until(lambda: rolled_out(found, 2))
        assert max(most) == 2


async def test_a_stateful_set_starts_in_order_with_volumes_and_keeps_them() -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}},
    }
    async with simulated() as found:
        started: list[str] = []
        found.store.subscribe(
            lambda kind, event, obj: (
                started.append(obj["metadata"]["name"]) if (kind.kind, event) == ("Pod", "ADDED") else None
            )
        )
        found.create(workload("StatefulSet", "db", 3, serviceName="db", volumeClaimTemplates=[claim]))
        await found.until(lambda: found.status("StatefulSet", "db").get("readyReplicas") == 3)
        assert started == ["db-0", "db-1", "db-2"]
        assert [item["status"]["phase"] for item in found.list("PersistentVolumeClaim")] == ["Bound"] * 3
        assert len({pod["spec"]["nodeName"] for pod in found.list("Pod")}) == 3
        found.change("StatefulSet", "db", lambda obj: obj["spec"].update(replicas=1))
        await found.until(lambda: [pod["metadata"]["name"] for pod in found.list("Pod")] == ["db-0"])
        assert len(found.list("PersistentVolumeClaim")) == 3


async def test_a_stateful_set_replaces_its_last_pod_first() -> None:
    async with simulated() as found:
        found.create(workload("StatefulSet", "db", 2, serviceName="db"))
        await found.until(lambda: found.status("StatefulSet", "db").get("readyReplicas") == 2)
        gone: list[str] = []
        found.store.subscribe(
            lambda kind, event, obj: (
                gone.append(obj["metadata"]["name"]) if (kind.kind, event) == ("Pod", "DELETED") else None
            )
        )
        found.change("StatefulSet", "db", image("registry.local/db:2"))

        def updated() -> bool:
            status = found.status("StatefulSet", "db")
            return status.get("updatedReplicas") == 2 and status["currentRevision"] == status["updateRevision"]

        await found.until(lambda: len(gone) == 2 and updated())
        assert gone == ["db-1", "db-0"]


async def test_a_daemon_set_runs_on_every_node_it_may() -> None:
    nodes = "nodes: [{name: a}, {name: b}, {name: c, taints: [{key: own, effect: NoSchedule}]}]"
    async with simulated(nodes) as found:
        text = workload("DaemonSet", "agent")
        found.create(text.replace("  replicas: 2\n", ""))
        await found.until(lambda: found.status("DaemonSet", "agent").get("numberReady") == 2)
        assert {pod["spec"]["nodeName"] for pod in found.list("Pod")} == {"a", "b"}


async def test_a_job_completes() -> None:
    async with simulated() as found:
        found.create(JOB)
        await found.until(lambda: found.status("Job", "work").get("succeeded") == 1)
        assert [item["type"] for item in found.status("Job", "work")["conditions"]] == [
            "SuccessCriteriaMet", "Complete",
        ]  # fmt: skip
        (pod,) = found.list("Pod")
        assert pod["status"]["phase"] == "Succeeded"


async def test_a_job_gives_up_after_its_limit() -> None:
    async with simulated("faults: [{kind: crash-loop, pod: work}]") as found:
        found.create(JOB)
        await found.until(lambda: (found.status("Job", "work").get("conditions") or [{}])[-1].get("type") == "Failed")
        assert found.status("Job", "work")["conditions"][-1]["reason"] == "BackoffLimitExceeded"
        assert found.status("Job", "work")["failed"] == 2
