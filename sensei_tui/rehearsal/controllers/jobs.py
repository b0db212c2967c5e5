"""Jobs: pods that run to their end, counted."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import jobrules, owned
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World, condition, condition_is
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

JOB = kinds.named("Job")
_COMPONENT = "job-controller"
_BACK_OFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_LATE = ("DeadlineExceeded", "Job was active longer than specified deadline")


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
            self._suspend(job)
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

    def _suspend(self, job: Object) -> None:
        for pod in owned.owned(self._world, POD, job):
            if owned.alive(pod):
                self._world.delete(POD, pod)
        if not condition_is(job, "Suspended"):
            self._world.event(JOB, job, "Suspended", "Job suspended", _COMPONENT)
        self._set(job, self._counts(job), self._marked(job, value=True))

    def _marked(self, job: Object, *, value: bool) -> list[Object]:
        """The conditions of a job that is suspended, or was."""
        word, now = ("Suspended" if value else "Resumed"), self._world.now()
        status = condition(
            job.get("status") or {}, "Suspended", value, now, reason=f"Job{word}", message=f"Job {word.lower()}"
        )
        return [item if "lastProbeTime" in item else {**item, "lastProbeTime": now} for item in status["conditions"]]

    def _counts(self, job: Object) -> Object:
        pods = owned.owned(self._world, POD, job)
        by_phase = [(pod.get("status") or {}).get("phase") for pod in pods]
        active = [pod for pod in pods if owned.alive(pod)]
        done = jobrules.done_indexes(job, pods)
        return {
            "active": len(active), "failed": by_phase.count("Failed"), "ready": sum(owned.ready(pod) for pod in active),
            "succeeded": by_phase.count("Succeeded") if done is None else len(done),
            **({"completedIndexes": jobrules.written(done)} if done else {}),
        }  # fmt: skip

    def _run(self, job: Object) -> float | None:
        spec, pods = job["spec"], owned.owned(self._world, POD, job)
        counts, active = self._counts(job), [pod for pod in pods if owned.alive(pod)]
        if condition_is(job, "Suspended"):
            self._world.event(JOB, job, "Resumed", "Job resumed", _COMPONENT)
        begun = (job.get("status") or {}).get("startTime")
        counts["startTime"] = started = begun or self._world.now()
        if broken := jobrules.broken_rule(job, pods):
            return self._fail(job, active, counts, "PodFailurePolicy", broken)
        if counts["succeeded"] >= _wanted(spec):
            return self._finish(job, counts, "")
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None and begun and self._world.since(begun) >= deadline:
            return self._fail(job, active, counts, *_LATE)
        # Restarts in place count as failures too (restartPolicy OnFailure).
        if counts["failed"] + sum(_restarts(pod) for pod in pods) > spec.get("backoffLimit", 6):
            return self._fail(job, active, counts, *_BACK_OFF)
        wait = self._start(job, pods, counts)
        again = None if deadline is None else float(deadline - self._world.since(started)) + 0.1
        return min((seconds for seconds in (wait, again) if seconds is not None), default=None)

    def _start(self, job: Object, pods: list[Object], counts: Object) -> float | None:
        """Create what is missing, or say how long that has to wait after a failure."""
        missing = min(job["spec"].get("parallelism", 1), _wanted(job["spec"]) - counts["succeeded"]) - counts["active"]
        wait = jobrules.back_off(self._world, pods) if missing > 0 else 0.0
        for index in jobrules.missing_indexes(job, pods, 0 if wait > 0 else max(0, missing)):
            self._create(job, index)
            counts["active"] += 1
        resumed = condition_is(job, "Suspended")
        before = (job.get("status") or {}).get("conditions") or []
        self._set(job, counts, self._marked(job, value=False) if resumed else before)
        return wait or None

    def _create(self, job: Object, index: int | None) -> None:
        pod = owned.pod_from(job["spec"]["template"], JOB, job)
        pod["metadata"]["generateName"] = f"{job['metadata']['name']}-"
        if index is not None:
            jobrules.number(pod, job["metadata"]["name"], index)
        made = self._world.create(POD, pod)
        told = f"Created pod: {made['metadata']['name']}"
        self._world.event(JOB, job, "SuccessfulCreate", told, _COMPONENT)

    def _fail(self, job: Object, active: list[Object], counts: Object, reason: str, message: str) -> float | None:
        for pod in active:
            self._world.delete(POD, pod)
            self._world.event(JOB, job, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", _COMPONENT)
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
        kept = [item for item in (job.get("status") or {}).get("conditions") or () if item["type"] == "Suspended"]
        self._set(job, counts, [*kept, *status["conditions"]])
        return 0.0 if job["spec"].get("ttlSecondsAfterFinished") is not None else None

    def _set(self, job: Object, counts: Object, conditions: list[Object]) -> None:
        shown = {key: counts.get(key) or None for key in ("active", "succeeded", "failed", "completedIndexes")}
        self._world.set_status(
            JOB, job, **shown, ready=counts["ready"], startTime=counts.get("startTime"),
            completionTime=counts.get("completionTime"), conditions=conditions or None,
            terminating=0, uncountedTerminatedPods={},
        )  # fmt: skip


def _wanted(spec: Object) -> int:
    """How many pods must succeed."""
    return int(spec["completions"] if spec.get("completions") is not None else spec.get("parallelism", 1))


def _restarts(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(item.get("restartCount", 0) for item in statuses)


def _ended_at(job: Object) -> str:
    conditions = job["status"]["conditions"]
    return str(next(item for item in conditions if item["type"] in ("Complete", "Failed"))["lastTransitionTime"])
