"""The scheduler, volumes, services, disruption budgets, deletion."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from sensei_tui.rehearsal import kinds
from tests.rehearsal.controllers.world import NAMESPACE, simulated, workload


def pod(name: str = "p", **spec: Any) -> str:
    container = {"name": "main", "image": "registry.local/p:1", **spec.pop("container", {})}
    body = {"containers": [container], **spec}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": body})


def requests(**amounts: str) -> dict[str, Any]:
    return {"resources": {"requests": amounts}}


@pytest.mark.parametrize(
    ("nodes", "spec", "words"),
    [
        ("[{name: a, cpu: '2'}, {name: b, cpu: '1'}]", {"container": requests(cpu="4")}, "2 Insufficient cpu"),
        ("[{name: a}]", {"container": {"resources": {"limits": {"nvidia.com/gpu": "1"}}}},
         "1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for "
         "scheduling."),
        ("[{name: a, taints: [{key: k, value: v, effect: NoSchedule}]}]", {},
         "1 node(s) had untolerated taint(s). preemption: 0/1 nodes are available: 1 Preemption is not helpful "
         "for scheduling."),
        ("[{name: a}]", {"nodeSelector": {"disk": "fast"}}, "1 node(s) didn't match Pod's node affinity/selector"),
        ("[{name: a, unschedulable: true}]", {}, "1 node(s) were unschedulable"),
    ],
)  # fmt: skip
async def test_why_no_node_will_do(nodes: str, spec: dict[str, Any], words: str) -> None:
    async with simulated(f"nodes: {nodes}") as found:
        found.create(pod(**spec))
        (message, *_) = await found.until(lambda: found.events("FailedScheduling"))
        assert words in message
        condition = found.status("Pod", "p")["conditions"][0]
        assert (condition["type"], condition["reason"]) == ("PodScheduled", "Unschedulable")


async def test_a_scripted_pod_stays_pending() -> None:
    faults = "faults: [{kind: pending, pod: web, message: no luck}, {kind: pending, image: '*/p:1'}]"
    async with simulated(faults) as found:
        found.create(pod())
        found.create(workload(replicas=1))
        await found.until(lambda: len(found.events("FailedScheduling")) == 2)
        assert sorted(found.events("FailedScheduling"))[1] == "no luck"
        assert sorted(found.events("FailedScheduling"))[0].startswith("0/5 nodes are available: 5 Insufficient cpu.")
        assert {item["status"]["phase"] for item in found.list("Pod")} == {"Pending"}


async def test_a_pod_is_placed_as_soon_as_there_is_room() -> None:
    async with simulated("nodes: [{name: a, cpu: '2'}]") as found:
        found.create(pod("first", container=requests(cpu="2")))
        await found.until(lambda: found.status("Pod", "first").get("phase") == "Running")
        found.create(pod("second", container=requests(cpu="2")))
        await found.until(lambda: found.events("FailedScheduling"))
        found.delete("Pod", "first")
        await found.until(lambda: found.status("Pod", "second").get("phase") == "Running")


async def test_gpus_and_tolerations() -> None:
    nodes = "[{name: a}, {name: g, gpus: 2, taints: [{key: gpu, effect: NoSchedule}]}]"
    async with simulated(f"nodes: {nodes}") as found:
        tolerations = [{"key": "gpu", "operator": "Exists"}]
        container = {"resources": {"limits": {"nvidia.com/gpu": "2"}}}
        found.create(pod(tolerations=tolerations, container=container))
        await found.until(lambda: found.get("Pod", "p")["spec"].get("nodeName") == "g")


async def test_anti_affinity_spreads_and_then_refuses() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    async with simulated("nodes: [{name: a}, {name: b}]") as found:
        found.create(workload(replicas=3, pod={"affinity": affinity}))
        await found.until(lambda: found.events("FailedScheduling"))
        placed = sorted(item["spec"].get("nodeName", "") for item in found.list("Pod"))
        assert placed == ["", "a", "b"]
        assert "2 node(s) didn't match pod anti-affinity rules" in found.events("FailedScheduling")[0]


async def test_a_claim_without_a_class_keeps_its_pod_waiting() -> None:
    claim = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: absent, resources: {requests: {storage: 1Gi}}}
"""
    async with simulated() as found:
        found.create(claim)
        found.create(pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]))
        await found.until(lambda: found.events("FailedScheduling"))
        assert "pod has unbound immediate PersistentVolumeClaims" in found.events("FailedScheduling")[0]
        assert found.events("ProvisioningFailed") == ['storageclass.storage.k8s.io "absent" not found']


async def test_storage_runs_out() -> None:
    claim = {"metadata": {"name": "data"},
             "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}}}  # fmt: skip
    async with simulated("storageClasses: [{name: small, default: true, capacity: 10Gi}]") as found:
        found.create(workload("StatefulSet", "db", 2, serviceName="db", volumeClaimTemplates=[claim]))
        assert "not enough free space" in (await found.until(lambda: found.events("ProvisioningFailed")))[0]
        assert found.status("PersistentVolumeClaim", "data-db-0")["phase"] == "Bound"
        assert found.status("PersistentVolumeClaim", "data-db-1")["phase"] == "Pending"


async def test_endpoints_follow_readiness() -> None:
    service = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
"""
    container = {"ports": [{"name": "http", "containerPort": 8080}], "readinessProbe": {"httpGet": {"port": 8080}}}
    async with simulated("faults: [{kind: slow-start, seconds: 60}]") as found:
        found.create(service)
        found.create(workload(container=container))

        def ready() -> list[bool]:
            slices = found.list("EndpointSlice")
            return [item["conditions"]["ready"] for one in slices for item in one.get("endpoints") or ()]

        await found.until(lambda: ready() == [False, False])
        await found.until(lambda: ready() == [True, True])
        (slice_,) = found.list("EndpointSlice")
        assert slice_["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
        assert len(found.get("Endpoints", "web")["subsets"][0]["addresses"]) == 2
        assert any("connection refused" in text for text in found.events("Unhealthy"))
        found.delete("Service", "web")
        await found.until(lambda: not found.list("EndpointSlice") and not found.list("Endpoints"))


async def test_a_budget_counts_what_may_go() -> None:
    budget = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}
"""
    async with simulated() as found:
        found.create(budget)
        found.create(workload(replicas=3))
        await found.until(lambda: found.status("PodDisruptionBudget", "web").get("currentHealthy") == 3)
        assert found.status("PodDisruptionBudget", "web")["disruptionsAllowed"] == 1


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_dependents_go_with_their_owner(propagation: str) -> None:
    async with simulated() as found:
        found.create(workload())
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 2)
        found.delete("Deployment", "web", propagation=propagation)
        await found.until(lambda: not found.list("ReplicaSet") and not found.list("Pod"))
        assert not found.list("Deployment")


async def test_orphans_stay() -> None:
    async with simulated() as found:
        found.create(workload())
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 2)
        found.delete("Deployment", "web", propagation="Orphan")
        await found.until(lambda: not found.list("Deployment"))
        (replica_set,) = found.list("ReplicaSet")
        assert not replica_set["metadata"].get("ownerReferences")
        assert len(found.list("Pod")) == 2


async def test_a_namespace_goes_when_it_is_empty() -> None:
    async with simulated() as found:
        found.create(workload())
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 2)
        namespaces = kinds.named("Namespace")
        found.store.delete(namespaces, "", NAMESPACE)
        assert found.store.get(namespaces, "", NAMESPACE)["status"]["phase"] == "Terminating"
        await found.until(lambda: not found.store.exists(namespaces, "", NAMESPACE))
        assert not found.list("Pod")
