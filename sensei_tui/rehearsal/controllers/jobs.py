"""Jobs: pods that run to their end, counted."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World, condition, condition_is
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

JOB = kinds.named("Job")
_COMPONENT = "job-controller"
_BACK_OFF = "Job has reached the specified backoff limit"


class Jobs:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is JOB and event != "DELETED":
            return [(obj["metadata"]["namespace"], obj["metadata"]["name"])]
        return owned.owner_keys(JOB, obj) if kind is POD else ()

    def reconcile(self, namespace: str, name: str) -> float | None:
        job = self._world.find(JOB, namespace, name)
        if job is None or "deletionTimestamp" in job["metadata"]:
            return None
        if condition_is(job, "Complete") or condition_is(job, "Failed"):
            return self._expire(job)
        if job["spec"].get("suspend"):
            return None
        return self._run(job)

    def _expire(self, job: Object) -> float | None:
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return None
        left = float(seconds - self._world.since(_ended_at(job)))
        if left > 0:
            return left
        self._world.delete(JOB, job)
        return None

    def _run(self, job: Object) -> float | None:
        spec, pods = job["spec"], owned.owned(self._world, POD, job)
        by_phase = [(pod.get("status") or {}).get("phase") for pod in pods]
        succeeded, failed = by_phase.count("Succeeded"), by_phase.count("Failed")
        # Restarts in place count as failures too (restartPolicy OnFailure).
        retries = failed + sum(_restarts(pod) for pod in pods)
        active = [pod for pod in pods if owned.alive(pod)]
        wanted = spec["completions"] if spec.get("completions") is not None else spec.get("parallelism", 1)
        started = (job.get("status") or {}).get("startTime") or self._world.now()
        counts: Object = {
            "active": len(active), "succeeded": succeeded, "failed": failed, "startTime": started,
            "ready": sum(owned.ready(pod) for pod in active),
        }  # fmt: skip
        if succeeded >= wanted:
            return self._finish(job, counts, "")
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None and self._world.since(started) >= deadline:
            return self._fail(job, active, counts, "DeadlineExceeded", "Job was active longer than specified deadline")
        if retries > spec.get("backoffLimit", 6):
            return self._fail(
                job, active, counts, "BackoffLimitExceeded", "Job has reached the specified backoff limit"
            )
        for _ in range(min(spec.get("parallelism", 1), wanted - succeeded) - len(active)):
            self._create(job)
            counts["active"] += 1
        self._set(job, counts, (job.get("status") or {}).get("conditions") or [])
        return None if deadline is None else float(deadline - self._world.since(started)) + 0.1

    def _create(self, job: Object) -> None:
        pod = owned.pod_from(job["spec"]["template"], JOB, job)
        pod["metadata"]["generateName"] = f"{job['metadata']['name']}-"
        made = self._world.create(POD, pod)
        told = f"Created pod: {made['metadata']['name']}"
        self._world.event(JOB, job, "SuccessfulCreate", told, _COMPONENT)

    def _fail(self, job: Object, active: list[Object], counts: Object, reason: str, message: str) -> float | None:
        for pod in active:
            self._world.delete(POD, pod)
        self._world.event(JOB, job, reason, message, _COMPONENT, warning=True)
        # Pods that are ended with the job count as failed.
        return self._finish(job, {**counts, "active": 0, "failed": counts["failed"] + len(active)}, reason, message)

    def _finish(self, job: Object, counts: Object, reason: str, message: str = "") -> float | None:
        now = self._world.now()
        status: Object = {"conditions": []}
        words = ("FailureTarget", "Failed") if reason else ("SuccessCriteriaMet", "Complete")
        for word in words:
            status = condition(
                status, word, True, now, reason=reason or "CompletionsReached",
                message=message or "Reached expected number of succeeded pods",
            )  # fmt: skip
        for item in status["conditions"]:
            item["lastProbeTime"] = now
        if not reason:
            counts = {**counts, "completionTime": now}
            self._world.event(JOB, job, "Completed", "Job completed", _COMPONENT)
        self._set(job, counts, status["conditions"])
        return 0.0 if job["spec"].get("ttlSecondsAfterFinished") is not None else None

    def _set(self, job: Object, counts: Object, conditions: list[Object]) -> None:
        shown = {key: counts.get(key) or None for key in ("active", "succeeded", "failed")}
        self._world.set_status(
            JOB, job, **shown, ready=counts["ready"], startTime=counts["startTime"],
            completionTime=counts.get("completionTime"), conditions=conditions or None,
            terminating=0, uncountedTerminatedPods={},
        )  # fmt: skip


def _restarts(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(item.get("restartCount", 0) for item in statuses)


def _ended_at(job: Object) -> str:
    conditions = job["status"]["conditions"]
    return str(next(item for item in conditions if item["type"] in ("Complete", "Failed"))["lastTransitionTime"])
