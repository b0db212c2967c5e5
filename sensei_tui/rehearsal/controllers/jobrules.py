"""Rules of Jobs: numbered pods, failures that end the Job, the wait between failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.objects import Object

_INDEX = "batch.kubernetes.io/job-completion-index"
_FIRST_WAIT, _LONGEST_WAIT = 10.0, 600.0
"""Seconds, doubled with each failure."""


def _indexed(job: Object) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def _index(pod: Object) -> int:
    return int((pod["metadata"].get("annotations") or {}).get(_INDEX, -1))


def done_indexes(job: Object, pods: Iterable[Object]) -> list[int] | None:
    """Those of an Indexed job that have succeeded."""
    if not _indexed(job):
        return None
    return sorted({_index(pod) for pod in pods if (pod.get("status") or {}).get("phase") == "Succeeded"})


def written(indexes: list[int]) -> str:
    """`0,1,4-6`: three or more in a row as a range."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def missing_indexes(job: Object, pods: list[Object], most: int) -> Iterator[int | None]:
    """The numbers of the pods to create, None for each of a job without numbers."""
    if not _indexed(job):
        yield from [None] * most
        return
    taken = {_index(pod) for pod in pods if owned.alive(pod)} | {*(done_indexes(job, pods) or ())}
    free = [index for index in range(job["spec"].get("completions") or 0) if index not in taken]
    yield from free[:most]


def number(pod: Object, job: str, index: int) -> None:
    """Let a new pod know its number."""
    found, spec = pod["metadata"], pod["spec"]
    found["generateName"] = f"{job}-{index}-"
    for part in ("annotations", "labels"):
        found[part] = {**(found.get(part) or {}), _INDEX: str(index)}
    spec.setdefault("hostname", f"{job}-{index}")
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{_INDEX}']"}}
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        container["env"] = [*(container.get("env") or ()), {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]


def back_off(world: World, pods: Iterable[Object]) -> float:
    """Seconds until the next pod may start: longer with each failure since the last success."""
    ended = sorted((time, phase) for pod in pods for time, phase in _ends(pod))
    failures: list[str] = []
    for time, phase in ended:
        failures = [*failures, time] if phase == "Failed" else []
    if not failures:
        return 0.0
    longest: float = min(_FIRST_WAIT * 2 ** (len(failures) - 1), _LONGEST_WAIT)
    return max(0.0, longest - world.since(failures[-1]))


def _ends(pod: Object) -> Iterator[tuple[str, str]]:
    """When a pod ended, and how."""
    status = pod.get("status") or {}
    times = [item["state"].get("terminated", {}).get("finishedAt") for item in status.get("containerStatuses") or ()]
    if status.get("phase") in ("Succeeded", "Failed"):
        yield max(filter(None, times), default=pod["metadata"]["creationTimestamp"]), status["phase"]


def broken_rule(job: Object, pods: Iterable[Object]) -> str:
    """Why the pod failure policy ends the job; "" when it doesn't."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    failed = (pod for pod in pods if (pod.get("status") or {}).get("phase") == "Failed")
    found = (
        _said(pod, index, rule) for pod in failed for index, rule in enumerate(rules) if rule["action"] == "FailJob"
    )
    return next((text for text in found if text), "")


def _said(pod: Object, index: int, rule: Object) -> str:
    place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    codes: Object = rule.get("onExitCodes") or {}
    for item in _statuses(pod) if codes else ():
        code = item["state"].get("terminated", {}).get("exitCode", 0)
        named = codes.get("containerName") in (None, item["name"])
        if code and named and (code in codes["values"]) == (codes["operator"] == "In"):
            return (
                f"Container {item['name']} for pod {place} failed with exit code {code} matching FailJob rule at "
                + (f"index {index}")
            )
    wanted = [(one["type"], one["status"]) for one in rule.get("onPodConditions") or ()]
    for item in pod["status"].get("conditions") or ():
        if (item["type"], item["status"]) in wanted:
            return f"Pod {place} has condition {item['type']} matching FailJob rule at index {index}"
    return ""


def _statuses(pod: Object) -> Iterator[Object]:
    for part in ("containerStatuses", "initContainerStatuses"):
        yield from pod["status"].get(part) or ()
