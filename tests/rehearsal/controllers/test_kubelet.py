"""Simulated kubelets report as the real ones of the fixtures do."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.rehearsal.objects import Object
from tests.rehearsal.controllers.world import Simulated, simulated, workload


def container(found: Simulated, name: str = "web") -> Object:
    """The status of the first pod's container."""
    pods = [pod for pod in found.list("Pod") if pod["metadata"]["name"].startswith(name)]
    statuses = pods[0]["status"].get("containerStatuses") if pods else None
    return statuses[0] if statuses else {"state": {}, "lastState": {}, "restartCount": 0}


def waiting(found: Simulated, name: str = "web") -> str:
    return str((container(found, name)["state"].get("waiting") or {}).get("reason", ""))


async def test_a_healthy_pod() -> None:
    async with simulated() as found:
        found.create(workload(replicas=1))
        await found.until(lambda: container(found).get("ready"))
        (pod,) = found.list("Pod")
        assert [item["type"] for item in pod["status"]["conditions"]] == [
            "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
        ]  # fmt: skip
        assert {item["status"] for item in pod["status"]["conditions"]} == {"True"}
        assert pod["status"]["phase"] == "Running"
        assert pod["status"]["podIP"].startswith("10.244.")
        for reason in ("Scheduled", "Pulling", "Pulled", "Created", "Started"):
            assert len(found.events(reason)) == 1


async def test_an_image_that_can_not_be_pulled() -> None:
    async with simulated("faults: [{kind: image-pull, pod: web, message: 'no such host'}]") as found:
        found.create(workload(replicas=1))
        await found.until(lambda: waiting(found) == "ErrImagePull")
        await found.until(lambda: waiting(found) == "ImagePullBackOff")
        assert found.list("Pod")[0]["status"]["phase"] == "Pending"
        assert "no such host" in container(found)["state"]["waiting"]["message"]
        assert 'Back-off pulling image "registry.local/web:1"' in found.events("BackOff")
        assert any("Failed to pull image" in text for text in found.events("Failed"))


async def test_a_pod_is_pending_until_each_container_has_been_started() -> None:
    beside = [{"name": "beside", "image": "registry.local/beside:1"}]
    async with simulated("faults: [{kind: image-pull, image: '*/beside:1'}]") as found:
        found.create(
            workload(replicas=1, pod={"containers": [{"name": "main", "image": "registry.local/web:1"}, *beside]})
        )
        await found.until(lambda: "running" in container(found)["state"])
        assert found.list("Pod")[0]["status"]["phase"] == "Pending"


async def test_a_pod_named_by_a_fault_has_it_where_the_image_lies_already() -> None:
    same = {"image": "registry.local/same:1"}
    async with simulated("nodes: [{name: only}]\nfaults: [{kind: image-pull, pod: second}]") as found:
        found.create(workload(name="first", replicas=1, container=same))
        await found.until(lambda: "running" in container(found, "first")["state"])
        found.create(workload(name="second", replicas=1, container=same))
        await found.until(lambda: waiting(found, "second") == "ImagePullBackOff")


async def test_an_image_that_comes_at_last() -> None:
    async with simulated("faults: [{kind: image-pull, times: 2}]") as found:
        found.create(workload(replicas=1))
        await found.until(lambda: waiting(found) == "ImagePullBackOff")
        await found.until(lambda: container(found).get("ready"))


@pytest.mark.parametrize(("kind", "reason", "code"), [("crash-loop", "Error", 3), ("oom", "OOMKilled", 137)])
async def test_a_container_that_ends_again_and_again(kind: str, reason: str, code: int) -> None:
    async with simulated(f"faults: [{{kind: {kind}, exitCode: 3, log: [cannot start]}}]") as found:
        found.create(workload(replicas=1))
        await found.until(lambda: waiting(found) == "CrashLoopBackOff" and container(found)["restartCount"] >= 1)
        last = container(found)["lastState"]["terminated"]
        assert (last["reason"], last["exitCode"]) == (reason, code)
        (pod,) = found.list("Pod")
        assert pod["status"]["phase"] == "Running"  # Phase alone does not tell: so says a real kubelet too.
        log = found.controllers.kubelet.container("test", pod["metadata"]["name"]).log
        assert log.lines[-1][1] == "cannot start"
        assert any("Back-off restarting failed container main" in text for text in found.events("BackOff"))


async def test_a_secret_that_is_missing() -> None:
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "key"}}}]
    async with simulated() as found:
        found.create(workload(replicas=1, container={"env": env}))
        await found.until(lambda: waiting(found) == "CreateContainerConfigError")
        assert container(found)["state"]["waiting"]["message"] == 'secret "absent" not found'
        found.create("{apiVersion: v1, kind: Secret, metadata: {name: absent}, stringData: {key: value}}")
        await found.until(lambda: container(found).get("ready"))


async def test_a_volume_that_is_missing() -> None:
    volumes = [{"name": "config", "configMap": {"name": "absent"}}]
    async with simulated() as found:
        found.create(workload(replicas=1, pod={"volumes": volumes}))
        await found.until(lambda: found.events("FailedMount"))
        assert found.events("FailedMount") == [
            'MountVolume.SetUp failed for volume "config" : configmap "absent" not found'
        ]


async def test_init_containers_run_one_after_another_before_the_others() -> None:
    first = [{"name": name, "image": f"registry.local/{name}:1"} for name in ("one", "two")]
    async with simulated() as found:
        found.create(workload(replicas=1, pod={"initContainers": first}))
        await found.until(lambda: container(found).get("ready"))
        (pod,) = found.list("Pod")
        ended = [item["state"]["terminated"]["finishedAt"] for item in pod["status"]["initContainerStatuses"]]
        assert ended == sorted(ended)


async def test_an_init_container_that_fails_keeps_the_others_waiting() -> None:
    first = [{"name": "one", "image": "registry.local/one:1"}]
    async with simulated("faults: [{kind: crash-loop, image: '*/one:1'}]") as found:
        found.create(workload(replicas=1, pod={"initContainers": first}))

        def looping() -> Any:
            statuses = found.list("Pod")[0]["status"].get("initContainerStatuses") if found.list("Pod") else None
            return statuses and (statuses[0]["state"].get("waiting") or {}).get("reason") == "CrashLoopBackOff"

        await found.until(looping)
        (pod,) = found.list("Pod")
        condition = next(item for item in pod["status"]["conditions"] if item["type"] == "Initialized")
        assert condition["message"] == "containers with incomplete status: [one]"
        assert pod["status"]["phase"] == "Pending"


async def test_a_pod_that_never_gets_ready() -> None:
    probe = {"readinessProbe": {"httpGet": {"port": 80}}}
    async with simulated("faults: [{kind: unready}]") as found:
        found.create(workload(replicas=1, container=probe))
        await found.until(lambda: found.events("Unhealthy"))
        assert found.events("Unhealthy") == ["Readiness probe failed: HTTP probe failed with statuscode: 503"]
        assert "running" in container(found)["state"]
        assert not container(found)["ready"]
