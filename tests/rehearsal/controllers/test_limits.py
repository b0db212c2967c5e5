"""Quotas, limit ranges and Pod Security hold pods back. (In the real words: tests/differential.)"""

from __future__ import annotations

import pytest

from sensei_tui.rehearsal import kinds, podsecurity
from sensei_tui.rehearsal.errors import ApiError
from tests.rehearsal.controllers.world import NAMESPACE, simulated, workload

QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: q}
spec: {hard: {pods: "1", requests.cpu: 500m}}
"""
RANGE = """
apiVersion: v1
kind: LimitRange
metadata: {name: r}
spec: {limits: [{type: Container, defaultRequest: {cpu: 100m}, default: {cpu: 200m}, max: {cpu: "1"}}]}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: numbered}
spec:
  completions: 4
  parallelism: 4
  completionMode: Indexed
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: "registry.local/x:1"}]}}
"""


async def test_a_quota_refuses_what_goes_beyond_and_says_so() -> None:
    async with simulated() as found:
        found.create(QUOTA + "---\n" + RANGE)
        await found.until(lambda: found.status("ResourceQuota", "q").get("hard"))
        found.create(workload(replicas=2))
        await found.until(lambda: found.status("Deployment", "web").get("availableReplicas") == 1)
        assert found.status("ResourceQuota", "q")["used"] == {"pods": "1", "requests.cpu": "100m"}
        (said, *_) = await found.until(lambda: found.events("FailedCreate"))
        assert "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" in said
        conditions = await found.until(lambda: [
            one for one in found.status("Deployment", "web")["conditions"] if one["type"] == "ReplicaFailure"])  # fmt: skip
        assert conditions[0]["reason"] == "FailedCreate"


async def test_a_limit_range_completes_and_refuses() -> None:
    async with simulated() as found:
        found.create(RANGE)
        found.create(workload(replicas=1))
        (pod,) = await found.until(lambda: found.list("Pod"))
        assert pod["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}
        text = "LimitRanger plugin set: cpu request for container main; cpu limit for container main"
        assert pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == text
        large = {"name": "main", "image": "x", "resources": {"limits": {"cpu": "2"}}}
        with pytest.raises(ApiError, match="maximum cpu usage per Container is 1, but limit is 2"):
            found.world.create(kinds.named("Pod"), {
                "metadata": {"name": "large", "namespace": NAMESPACE}, "spec": {"containers": [large]},
            })  # fmt: skip


async def test_an_indexed_job_numbers_its_pods() -> None:
    async with simulated() as found:
        found.create(JOB)
        await found.until(lambda: found.status("Job", "numbered").get("completionTime"))
        assert found.status("Job", "numbered")["completedIndexes"] == "0-3"
        assert sorted(pod["spec"]["hostname"] for pod in found.list("Pod")) == [f"numbered-{n}" for n in range(4)]


def test_the_levels_of_pod_security() -> None:
    plain = {"containers": [{"name": "main"}]}
    assert podsecurity.complaints(plain, "privileged") == ""
    assert podsecurity.complaints(plain, "baseline") == ""
    assert podsecurity.complaints({**plain, "hostPID": True}, "baseline") == "host namespaces (hostPID=true)"
    said = podsecurity.complaints(plain, "restricted")
    assert said.startswith('allowPrivilegeEscalation != false (container "main" must set securityContext.')
    assert "runAsNonRoot != true" in said
