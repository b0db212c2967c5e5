"""The status of a Deployment: counts, and whether it is available, progressing, late, paused."""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal.controllers.revisions import Family, replicas_of
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.objects import Object

Conditions = list[Object]
_LATE, _DONE, _PAUSED = "ProgressDeadlineExceeded", "NewReplicaSetAvailable", "DeploymentPaused"
_NO_DEADLINE = 2147483647


def counted(family: Family) -> Object:
    """Everything but the conditions; None for what is left out."""
    sums = {key: sum(_status(item, key) for item in family.all) for key in _SUMMED}
    ready = sums["availableReplicas"]
    return {
        "observedGeneration": family.deployment["metadata"].get("generation", 1),
        "replicas": sums["replicas"] or None, "updatedReplicas": _status(family.new or {}, "replicas") or None,
        "readyReplicas": sums["readyReplicas"] or None, "availableReplicas": ready or None,
        "unavailableReplicas": max(0, sum(map(replicas_of, family.all)) - ready) or None,
        "terminatingReplicas": sums["terminatingReplicas"],
    }  # fmt: skip


_SUMMED = ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas")


def _status(obj: Object, key: str) -> int:
    return int((obj.get("status") or {}).get(key) or 0)


def put(conditions: Conditions, now: str, type_: str, value: str, reason: str, message: str) -> Conditions:
    """With this condition at the end; nothing changes where one has the same status and reason."""
    before = find(conditions, type_)
    if (before.get("status"), before.get("reason")) == (value, reason):
        return conditions
    since = before["lastTransitionTime"] if before.get("status") == value else now
    return [*without(conditions, type_), {
        "type": type_, "status": value, "lastUpdateTime": now, "lastTransitionTime": since, "reason": reason,
        "message": message,
    }]  # fmt: skip


def find(conditions: Conditions, type_: str) -> Object:
    return next((item for item in conditions if item["type"] == type_), {})


def without(conditions: Conditions, type_: str) -> Conditions:
    return [item for item in conditions if item["type"] != type_]


def paused(deployment: Object, now: str) -> Conditions | None:
    """The conditions where the Deployment has just been paused or resumed."""
    conditions: Conditions = (deployment.get("status") or {}).get("conditions") or []
    reason, wanted = find(conditions, "Progressing").get("reason"), bool(deployment["spec"].get("paused"))
    if deadline(deployment) is None or reason == _LATE or wanted == (reason == _PAUSED):
        return None
    word = "paused" if wanted else "resumed"
    return put(conditions, now, "Progressing", "Unknown", f"Deployment{word.title()}", f"Deployment is {word}")


def deadline(deployment: Object) -> float | None:
    """progressDeadlineSeconds, None where it is the number that means there is none."""
    seconds = deployment["spec"].get("progressDeadlineSeconds", 600)
    return None if seconds == _NO_DEADLINE else float(seconds)


def complete(deployment: Object, status: Object) -> bool:
    """Every pod is of the current template and available, none other is there."""
    wanted, seen = deployment["spec"].get("replicas", 1), status.get("observedGeneration", 0)
    counts = [status.get(key) or 0 for key in ("updatedReplicas", "replicas", "availableReplicas")]
    return counts == [wanted] * 3 and seen >= deployment["metadata"].get("generation", 1)


def conditions(world: World, family: Family, status: Object, *, rolls: bool) -> Conditions:
    """`status` is the new one; `rolls`: whether progress is judged now."""
    found: Conditions = (family.deployment.get("status") or {}).get("conditions") or []
    enough = (status["availableReplicas"] or 0) >= family.wanted - family.unavailable
    words = ("True", "MinimumReplicasAvailable", "has") if enough else ("False", "MinimumReplicasUnavailable",
                                                                       "does not have")  # fmt: skip
    found = put(found, world.now(), "Available", *words[:2], f"Deployment {words[2]} minimum availability.")
    return _failure(_progress(world, family, status, found), family, world.now()) if rolls else found


def _progress(world: World, family: Family, status: Object, found: Conditions) -> Conditions:
    before = find(found, "Progressing")
    if deadline(family.deployment) is None:
        return without(found, "Progressing")
    if before.get("reason") == _DONE and (status["replicas"] or 0) == (status["updatedReplicas"] or 0):
        return found
    now, name = world.now(), f'ReplicaSet "{family.new["metadata"]["name"]}"' if family.new else (
        f'Deployment "{family.deployment["metadata"]["name"]}"'
    )  # fmt: skip
    if complete(family.deployment, status):
        return put(found, now, "Progressing", "True", _DONE, f"{name} has successfully progressed.")
    if _moved(family.deployment.get("status") or {}, status):
        # The same reason again moves the time of the last progress on.
        since = before["lastTransitionTime"] if before.get("status") == "True" else now
        new = put([], now, "Progressing", "True", "ReplicaSetUpdated", f"{name} is progressing.")
        return [*without(found, "Progressing"), {**new[0], "lastTransitionTime": since}]
    if _late(world, family.deployment, before):
        return put(found, now, "Progressing", "False", _LATE, f"{name} has timed out progressing.")
    return found


def _moved(before: Object, after: Object) -> bool:
    def count(status: Object, key: str) -> int:
        return int(status.get(key) or 0)

    def old(status: Object) -> int:
        return count(status, "replicas") - count(status, "updatedReplicas")

    grown = (
        count(after, key) > count(before, key) for key in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return any(grown) or old(after) < old(before)


def _late(world: World, deployment: Object, before: Object) -> bool:
    if not before or before["reason"] in (_DONE, _LATE):
        return bool(before) and before["reason"] == _LATE
    return world.since(before["lastUpdateTime"]) >= (deadline(deployment) or 0)


def _failure(found: Conditions, family: Family, now: str) -> Conditions:
    """A ReplicaSet that can't create pods says so in the Deployment."""
    sets = [family.new, *family.old] if family.new else family.old
    failures = (find((item.get("status") or {}).get("conditions") or [], "ReplicaFailure") for item in sets)
    failure: Any = next((item for item in failures if item), None)
    if failure is None:
        return without(found, "ReplicaFailure")
    return put(found, now, "ReplicaFailure", failure["status"], failure.get("reason", ""), failure.get("message", ""))


def look_again(world: World, deployment: Object, conditions: Conditions) -> float | None:
    """Seconds until the progress must be judged again."""
    before, seconds = find(conditions, "Progressing"), deadline(deployment)
    if not before or seconds is None or before["reason"] in (_DONE, _LATE):
        return None
    return max(1.0, seconds - world.since(before["lastUpdateTime"]))
