"""Pods that fail: what their status, their events and their owners say."""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal.scenario import Fault
from tests.differential.behaviour import conditions, container, deployment, is_ready, job, part, plain, pod, status
from tests.differential.suite import case, condition, differential, events, kubectl, objects, until

PULL, CRASH, OOM = Fault("image-pull"), Fault("crash-loop", exit_code=3), Fault("oom")
POD, WEB, JOB = "pods/one", "deployments/web", "jobs/once"


def waits(reason: str) -> Any:
    return until(POD, lambda body: body["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason)


def restarted(times: int) -> Any:
    def ready(body: Any) -> bool:
        found = body["status"]["containerStatuses"][0]
        return bool(found["restartCount"] == times and found["state"]["waiting"]["reason"] == "CrashLoopBackOff")

    return until(POD, ready)


def reading(**source: Any) -> str:
    return pod(containers=[container(env=[{"name": "A", "valueFrom": source}])])


def holding(**source: Any) -> str:
    return pod(volumes=[{"name": "v", **source}])


PROBED = {"containers": [container(readinessProbe={"tcpSocket": {"port": 80}})]}
LATE = condition("Progressing", "False")

CASES = [
    case("an image that can't be pulled", objects(pod()), waits("ImagePullBackOff"), status(POD), events("one"),
         kubectl("logs", "one"), faults=[PULL]),
    case("a container that crashes", objects(pod()), restarted(1), status(POD), events("one"), faults=[CRASH]),
    case("a container that crashes is asked for its log", objects(pod()), restarted(1), kubectl("logs", "one"),
         kubectl("logs", "one", "-p"), kubectl("logs", "one", "-c", "none"), faults=[CRASH]),
    case("a container out of memory", objects(pod()), restarted(1), status(POD), events("one"), faults=[OOM]),
    case("a pod that runs once and fails", objects(pod(restartPolicy="Never")),
         until(POD, lambda body: body["status"]["phase"] == "Failed"), status(POD), events("one"),
         kubectl("get", "pod", "one"), faults=[CRASH]),
    case("a pod that runs once", objects(pod(restartPolicy="Never")),
         until(POD, lambda body: body["status"]["phase"] == "Succeeded"), status(POD), events("one"),
         kubectl("get", "pod", "one"), kubectl("exec", "one", "--", "true")),
    case("an init container that fails", objects(pod(initContainers=[container(name="first", image="x/bad:1")])),
         until(POD, lambda body: body["status"]["initContainerStatuses"][0]["restartCount"] == 1),
         conditions(POD), faults=[Fault("crash-loop", image="x/bad:1")]),
    case("a deployment that never gets ready", objects(deployment(progressDeadlineSeconds=2)), until(WEB, LATE),
         plain(WEB), events("web"), faults=[PULL]),
    case("a deployment that crashes", objects(deployment(2, inside=PROBED,
         progressDeadlineSeconds=2)), until(WEB, LATE), conditions(WEB), faults=[CRASH]),
    case("a deployment that is not ready", objects(deployment(1, inside=PROBED, progressDeadlineSeconds=2)),
         until(WEB, LATE), plain(WEB), part("replicasets", lambda body: body["items"][0]["status"]), faults=[Fault("unready")]),
    case("a rolling update that fails", objects(deployment(2, progressDeadlineSeconds=2)),
         until(WEB, lambda body: body["status"].get("availableReplicas") == 2),
         kubectl("set", "image", "deployment/web", "main=registry.local/bad:1"), until(WEB, LATE), plain(WEB),
         events("web"), plain("replicasets"), kubectl("rollout", "status", "deployment/web", "--timeout=9s"),
         kubectl("rollout", "undo", "deployment/web"),
         until(WEB, lambda body: body["status"].get("updatedReplicas") == 2 == body["status"]["replicas"]),
         conditions(WEB), faults=[Fault("image-pull", image="*bad*")]),
    case("a slow start", objects(pod()), until(POD, is_ready), conditions(POD),
         faults=[Fault("slow-start", seconds=5)]),
    case("a job that fails at once", objects(job(backoffLimit=0)), until(JOB, condition("Failed")), plain(JOB),
         events("once"), faults=[CRASH]),
    case("a job that fails in place", objects(job(backoffLimit=0, restart="OnFailure")),
         until(JOB, condition("Failed")), plain(JOB), events("once"), faults=[CRASH]),
    case("a job whose time is over", objects(job(activeDeadlineSeconds=1)), until(JOB, condition("Failed")), plain(JOB),
         events("once"), faults=[PULL]),
    case("a job whose pods fail by rule", objects(job(podFailurePolicy={"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3]}}]})),
         until(JOB, condition("Failed")), conditions(JOB), events("once"), faults=[CRASH]),
    case("a Secret that is missing", objects(reading(secretKeyRef={"name": "s", "key": "k"})),
         waits("CreateContainerConfigError"), status(POD), events("one"), kubectl("logs", "one")),
    case("a ConfigMap without the key", objects(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}", reading(configMapKeyRef={"name": "c", "key": "k"})),
         waits("CreateContainerConfigError"), status(POD), events("one")),
    case("a volume of a missing Secret", objects(holding(secret={"secretName": "s"})),
         until("events", lambda body: any(one["reason"] == "FailedMount" for one in body["items"])),
         until(POD, lambda body: body["status"]["containerStatuses"]), status(POD),
         events("one"), kubectl("logs", "one")),
]  # fmt: skip

test_failures = differential(CASES)
