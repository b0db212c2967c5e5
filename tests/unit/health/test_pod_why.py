"""Why one pod does not serve: first the statuses and events of a real kubelet, then the cases it did not have."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.health.model import Why
from sensei_tui.health.podwhy import passing
from sensei_tui.health.why import pod_why
from tests.unit.health.real import T0, event, events, pod, pods


def real(name: str) -> Why:
    why = pod_why(pods()[name], events())
    assert why is not None
    return why


def test_a_real_crash_loop_is_named_with_its_exit_code() -> None:
    why = real("crash")
    assert (why.object, why.container, why.reason) == ("Pod/crash", "c", "CrashLoopBackOff")
    assert why.sentence == "crash loop: exit code 3, 3 restarts"
    assert why.since == "2026-11-23T23:57:24Z"
    assert "log" in why.remedy


def test_a_real_image_failure_names_the_image_and_the_registrys_answer() -> None:
    why = real("noimg")
    assert why.reason == "ErrImagePull"
    assert why.sentence == (
        "pulling image 127.0.0.1:5999/sensei/maba:1.0.0 failed: "
        "dial tcp 127.0.0.1:5999: connect: connection refused"
    )  # fmt: skip
    assert why.remedy.startswith("Start the registry")


def test_a_real_missing_secret_is_named() -> None:
    why = real("nosecret")
    assert why.reason == "CreateContainerConfigError"
    assert why.sentence == 'it cannot be started: secret "sensei-license" not found'
    assert "existingSecret" in why.remedy


def test_a_real_out_of_memory_names_the_limit() -> None:
    why = real("oom")
    assert (why.reason, why.sentence) == ("OOMKilled", "killed for lack of memory (limit 16Mi)")
    assert "memory" in why.remedy


def test_real_pods_that_serve_have_no_reason_though_warnings_were_told_of_them() -> None:
    well = [name for name in pods() if name.startswith("httpd-")]
    assert len(well) == 2
    assert [pod_why(pods()[name], events()) for name in well] == [None, None]
    assert any(item.type == "Warning" and item.involved_object.name == well[0] for item in events())


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


PULLS = [
    (
        'Back-off pulling image "r/c:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image '
        '"r/c:1": failed to resolve reference "r/c:1": r/c:1: not found',
        "r/c:1: not found", "Load the image",
    ),
    (
        'rpc error: code = Unknown desc = failed to pull and unpack image "r/c:1": failed to resolve reference "r/c:1": '
        "unexpected status from HEAD request to https://r/v2/c/manifests/1: 401 Unauthorized",
        "unexpected status from HEAD request to https://r/v2/c/manifests/1: 401 Unauthorized", "docker-registry Secret",
    ),
    (
        'failed to do request: Head "https://r/v2/c/manifests/1": tls: failed to verify certificate: x509: certificate '
        "signed by unknown authority",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority", "certificate authority",
    ),
    (
        'failed to do request: Head "https://r/v2/": http: server gave HTTP response to HTTPS client',
        "http: server gave HTTP response to HTTPS client", "plain HTTP",
    ),
    (
        'failed to do request: Head "https://r/v2/": dial tcp: lookup r on 10.96.0.10:53: no such host',
        "dial tcp: lookup r on 10.96.0.10:53: no such host", "resolvable",
    ),
    (
        'failed to do request: Head "https://r/v2/": dial tcp 10.0.0.9:443: i/o timeout',
        "dial tcp 10.0.0.9:443: i/o timeout", "reachable from the nodes",
    ),
    ("initializing source docker://r/c:1: pinging container registry r: Get \"https://r/v2/\": EOF", "EOF", "Start the registry"),
    ("write /var/lib/containerd: no space left on device", "write /var/lib/containerd: no space left on device", "Free space"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "core", "remedy"), PULLS)
def test_pull_failures_keep_the_core_of_the_message(message: str, core: str, remedy: str) -> None:
    why = pod_why(pod("kora-1", state=waiting("ImagePullBackOff", message), phase="Pending"), ())
    assert why is not None
    assert why.sentence == f"pulling image r/c:1 failed: {core}"
    assert remedy in why.remedy


def test_an_older_kubelets_back_off_is_explained_by_its_event() -> None:
    told = event("Pod", "kora-1", "Failed", 'Failed to pull image "r/c:1": r/c:1: not found')
    why = pod_why(
        pod("kora-1", state=waiting("ImagePullBackOff", 'Back-off pulling image "r/c:1"'), phase="Pending"), [told]
    )
    assert why is not None
    assert why.sentence == "pulling image r/c:1 failed: r/c:1: not found"


SCHEDULES = [
    ("0/5 nodes are available: 5 Insufficient nvidia.com/gpu. preemption: 0/5 nodes are available: 5 No preemption victims found for incoming pod.",
     "0/5 nodes are available: 5 Insufficient nvidia.com/gpu", "llm.gpu.count"),
    ("0/5 nodes are available: 5 Insufficient memory.", "0/5 nodes are available: 5 Insufficient memory", "Add nodes"),
    ("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }.",
     "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }", "taint"),
    ("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
     "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector", "Label a node"),
    ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
     "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims", "StorageClass"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "core", "remedy"), SCHEDULES)
def test_a_pod_that_fits_nowhere_tells_the_schedulers_words(message: str, core: str, remedy: str) -> None:
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]
    why = pod_why(pod("llm-1", phase="Pending", placed=False, status={"conditions": conditions}), ())
    assert why is not None
    assert (why.reason, why.sentence) == ("Unschedulable", f"no node can take it: {core}")
    assert remedy in why.remedy
    assert not passing(why)


def test_before_the_scheduler_has_looked_it_only_waits() -> None:
    why = pod_why(pod("llm-1", phase="Pending", placed=False, status={"conditions": []}), ())
    assert why is not None
    assert passing(why)


def ended(code: int, reason: str = "Error", **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": "2026-11-23T12:00:30Z", **more}}


def test_a_loop_between_two_starts_tells_the_last_end() -> None:
    looping = pod(
        "amani-1",
        state=waiting("CrashLoopBackOff", "back-off 40s"),
        lastState=ended(1, message="no redis\x1b[2J"),
        restartCount=4,
    )
    why = pod_why(looping, ())
    assert why is not None
    assert (why.reason, why.sentence) == ("CrashLoopBackOff", "crash loop: exit code 1, 4 restarts: no redis")


def test_memory_wins_over_the_loop_it_causes() -> None:
    spec = {"containers": [{"name": "c", "resources": {"limits": {"memory": "2Gi"}}}]}
    looping = pod(
        "amani-1", state=waiting("CrashLoopBackOff"), lastState=ended(137, "OOMKilled"), restartCount=2, spec=spec
    )
    why = pod_why(looping, ())
    assert why is not None
    assert (why.reason, why.sentence) == ("OOMKilled", "killed for lack of memory (limit 2Gi), 2 restarts")


def test_a_container_killed_by_its_probe_tells_the_probe() -> None:
    told = [
        event("Pod", "kora-1", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503"),
        event("Pod", "kora-1", "Killing", "Container c failed liveness probe, will be restarted"),
    ]
    looping = pod("kora-1", state=waiting("CrashLoopBackOff"), lastState=ended(137), restartCount=5)
    why = pod_why(looping, told)
    assert why is not None
    assert why.sentence == "restarted because its liveness probe failed: HTTP 503, 5 restarts"


@pytest.mark.parametrize(("times", "reason"), [(1, "Starting"), (2, "Starting"), (3, "Unready"), (40, "Unready")])
def test_a_readiness_probe_must_fail_three_times_to_count(times: int, reason: str) -> None:
    message = (
        'Readiness probe failed: Get "http://10.0.0.7:8080/readyz": dial tcp 10.0.0.7:8080: connect: connection refused'
    )
    why = pod_why(pod("kora-1"), [event("Pod", "kora-1", "Unhealthy", message, count=times)])
    assert why is not None
    assert why.reason == reason
    assert why.sentence.endswith("dial tcp 10.0.0.7:8080: connect: connection refused")
    assert passing(why) is (reason == "Starting")


def test_probe_failures_of_the_container_before_do_not_count() -> None:
    told = event(
        "Pod",
        "kora-1",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 503",
        at="2026-11-23T11:59:00Z",
        count=9,
    )
    why = pod_why(pod("kora-1"), [told])
    assert why is not None
    assert (why.reason, why.sentence) == ("Starting", "it runs and is not ready yet")


def test_a_startup_probe_that_has_not_passed_is_a_start() -> None:
    told = event("Pod", "kora-1", "Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 500", count=20)
    why = pod_why(pod("kora-1", started=False), [told])
    assert why is not None
    assert (why.reason, why.sentence) == ("Starting", "it starts, its startup probe has not passed yet: HTTP 500")


def test_what_comes_before_the_container_counts_only_while_it_is_news() -> None:
    creating = pod("kora-1", state=waiting("ContainerCreating"), phase="Pending")
    mount = event(
        "Pod", "kora-1", "FailedMount", 'MountVolume.SetUp failed for volume "x" : secret "sensei-license" not found'
    )
    why = pod_why(creating, [mount])
    assert why is not None
    assert (why.reason, "existingSecret" in why.remedy) == ("FailedMount", True)
    pulling = event("Pod", "kora-1", "Pulling", 'Pulling image "r/c:1"', at="2026-11-23T12:02:00Z")
    why = pod_why(creating, [mount, pulling])
    assert why is not None
    assert (why.reason, why.sentence, passing(why)) == ("Pulling", "pulling image r/c:1", True)


def test_an_init_container_is_named_before_the_one_that_waits_for_it() -> None:
    init = {"name": "migrate", "state": waiting("CrashLoopBackOff"), "lastState": ended(2), "restartCount": 1}
    conditions = [{"type": "Initialized", "status": "False"}, {"type": "Ready", "status": "False"}]
    status = {"initContainerStatuses": [init], "conditions": conditions}
    spec = {"initContainers": [{"name": "migrate"}]}
    why = pod_why(pod("kora-1", state=waiting("PodInitializing"), phase="Pending", status=status, spec=spec), ())
    assert why is not None
    assert (why.container, why.sentence) == ("migrate", "init container migrate: crash loop: exit code 2, 1 restart")


def test_an_eviction_tells_the_kubelets_words() -> None:
    status = {"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}
    why = pod_why(pod("kora-1", phase="Failed", status={**status, "containerStatuses": []}), ())
    assert why is not None
    assert why.sentence == "Evicted: The node was low on resource: ephemeral-storage."


def test_a_silent_node_is_to_blame_for_pods_whose_containers_are_well() -> None:
    conditions = [
        {"type": "PodScheduled", "status": "True"}, {"type": "Initialized", "status": "True"},
        {"type": "ContainersReady", "status": "True"}, {"type": "Ready", "status": "False", "lastTransitionTime": T0},
    ]  # fmt: skip
    why = pod_why(pod("kora-1", status={"conditions": conditions}, ready=True), ())
    assert why is not None
    assert (why.reason, why.sentence) == ("NodeNotReady", "its node node-1 does not answer")


def test_events_of_an_earlier_pod_of_the_same_name_do_not_count() -> None:
    message = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    about = {"kind": "Pod", "name": "redis-0", "uid": "uid-of-the-one-before"}
    why = pod_why(pod("redis-0"), [event("Pod", "redis-0", "Unhealthy", message, count=9, involvedObject=about)])
    assert why is not None
    assert why.reason == "Starting"


def test_a_pod_that_ended_well_needs_no_reason() -> None:
    assert pod_why(pod("job-1", state=ended(0, "Completed"), phase="Succeeded"), ()) is None
