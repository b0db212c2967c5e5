"""Deployments: ReplicaSets by revision, rolling updates and re-creation, progress deadlines."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.replicasets import REPLICA_SET
from sensei_tui.rehearsal.controllers.world import World, condition
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone

DEPLOYMENT = kinds.named("Deployment")
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
_COMPONENT = "deployment-controller"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Deployments:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is DEPLOYMENT and event != "DELETED":
            return [(obj["metadata"]["namespace"], obj["metadata"]["name"])]
        if kind is REPLICA_SET:
            return owned.owner_keys(DEPLOYMENT, obj)
        if kind is POD and event == "DELETED":
            return self._through_replica_set(obj)
        return ()

    def _through_replica_set(self, pod: Object) -> list[Key]:
        for namespace, name in owned.owner_keys(REPLICA_SET, pod):
            if replica_set := self._world.find(REPLICA_SET, namespace, name):
                return list(owned.owner_keys(DEPLOYMENT, replica_set))
        return []

    def reconcile(self, namespace: str, name: str) -> float | None:
        deployment = self._world.find(DEPLOYMENT, namespace, name)
        if deployment is None:
            return None
        if "deletionTimestamp" not in deployment["metadata"]:
            owned.adopt(self._world, REPLICA_SET, DEPLOYMENT, deployment)
            new = self._new_replica_set(deployment)
            if not deployment["spec"].get("paused"):
                self._roll(deployment, new)
            self._clean(deployment, new)
        return self._report(deployment)

    def _sets(self, deployment: Object) -> list[Object]:
        return owned.owned(self._world, REPLICA_SET, deployment)

    def _new_replica_set(self, deployment: Object) -> Object:
        """The ReplicaSet of the current template, created if there is none; it has the newest revision."""
        sets = self._sets(deployment)
        template = deployment["spec"]["template"]
        current = next((item for item in sets if _template(item) == template), None)
        newest = max((_revision(item) for item in sets if item is not current), default=0)
        if current is None:
            current = self._create(deployment, newest + 1)
        elif _revision(current) <= newest:
            self._annotate(REPLICA_SET, current, newest + 1)
        self._annotate(DEPLOYMENT, deployment, max(newest + 1, _revision(current)))
        return current

    def _annotate(self, kind: Kind, obj: Object, revision: int) -> None:
        if _revision(obj) != revision:
            self._world.change(kind, obj, lambda new: _set_revision(new, revision))

    def _create(self, deployment: Object, revision: int) -> Object:
        spec = deployment["spec"]
        mark = owned.template_hash(spec["template"])
        template, selector = clone(spec["template"]), clone(spec["selector"])
        template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), HASH: mark}
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: mark}
        annotations = {**(deployment["metadata"].get("annotations") or {}), REVISION: str(revision)}
        annotations.pop(_LAST_APPLIED, None)
        return self._world.create(REPLICA_SET, {
            "metadata": {
                "name": f"{deployment['metadata']['name']}-{mark}", "namespace": deployment["metadata"]["namespace"],
                "labels": template["metadata"]["labels"], "annotations": annotations,
                "ownerReferences": [owned.reference(DEPLOYMENT, deployment)],
            },
            "spec": {
                "replicas": 0, "selector": selector, "template": template,
                "minReadySeconds": spec.get("minReadySeconds", 0),
            },
        })  # fmt: skip

    def _roll(self, deployment: Object, new: Object) -> None:
        wanted = deployment["spec"].get("replicas", 1)
        old = [item for item in self._sets(deployment) if item["metadata"]["uid"] != new["metadata"]["uid"]]
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            for item in old:
                self._scale(deployment, item, 0)
            if not any(self._pods_left(item) for item in old):
                self._scale(deployment, new, wanted)
            return
        surge, unavailable = _limits(deployment)
        total = sum(_replicas(item) for item in [new, *old])
        room = max(0, wanted + surge - total)
        target = wanted if not old or total == _replicas(new) else min(wanted, _replicas(new) + room)
        if wanted < _replicas(new):
            target = wanted
        self._scale(deployment, new, target)
        self._shrink(deployment, new, old, wanted - unavailable)

    def _pods_left(self, replica_set: Object) -> bool:
        return bool(owned.owned(self._world, POD, replica_set))

    def _shrink(self, deployment: Object, new: Object, old: list[Object], minimum: int) -> None:
        """Old pods go as far as enough others are available; those that are not ready go first."""
        fresh = self._world.find(REPLICA_SET, new["metadata"]["namespace"], new["metadata"]["name"]) or new
        for item in old:
            unready = _replicas(item) - _available(item)
            if unready > 0:
                self._scale(deployment, item, _replicas(item) - unready)
        spare = _available(fresh) + sum(min(_available(item), _replicas(item)) for item in old) - minimum
        for item in old:
            going = max(0, min(spare, _replicas(self._again(item))))
            self._scale(deployment, item, _replicas(self._again(item)) - going)
            spare -= going

    def _again(self, replica_set: Object) -> Object:
        found = replica_set["metadata"]
        return self._world.find(REPLICA_SET, found["namespace"], found["name"]) or replica_set

    def _scale(self, deployment: Object, replica_set: Object, count: int) -> None:
        before = _replicas(self._again(replica_set))
        if before == count:
            return
        self._world.change(REPLICA_SET, replica_set, lambda new: new["spec"].update(replicas=count))
        word, name = "up" if count > before else "down", replica_set["metadata"]["name"]
        text = f"Scaled {word} replica set {name} from {before} to {count}"
        self._world.event(DEPLOYMENT, deployment, "ScalingReplicaSet", text, _COMPONENT)

    def _clean(self, deployment: Object, new: Object) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        idle = [item for item in self._sets(deployment) if not _replicas(item) and not self._pods_left(item)]
        idle = [item for item in idle if item["metadata"]["uid"] != new["metadata"]["uid"]]
        for item in sorted(idle, key=_revision)[: max(0, len(idle) - limit)]:
            self._world.delete(REPLICA_SET, item)

    def _report(self, deployment: Object) -> float | None:
        sets = self._sets(deployment)
        template, wanted = deployment["spec"]["template"], deployment["spec"].get("replicas", 1)
        counts = {key: sum((item.get("status") or {}).get(key, 0) for item in sets) for key in _COUNTED}
        updated = next((_total(item) for item in sets if _template(item) == template), 0)
        live = self._world.find(DEPLOYMENT, *_key(deployment)) or deployment
        status = self._conditions(live, wanted, updated, counts)
        self._world.set_status(
            DEPLOYMENT, live, observedGeneration=live["metadata"].get("generation", 1),
            replicas=counts["replicas"] or None, updatedReplicas=updated or None,
            readyReplicas=counts["readyReplicas"] or None, availableReplicas=counts["availableReplicas"] or None,
            unavailableReplicas=max(0, max(wanted, counts["replicas"]) - counts["availableReplicas"]) or None,
            terminatingReplicas=counts["terminatingReplicas"], conditions=status["conditions"],
        )  # fmt: skip
        progressing = next(item for item in status["conditions"] if item["type"] == "Progressing")
        if progressing["reason"] == "NewReplicaSetAvailable" or progressing["status"] == "False":
            return None
        deadline = float(live["spec"].get("progressDeadlineSeconds", 600))
        return max(1.0, deadline - self._world.since(progressing["lastUpdateTime"]))

    def _conditions(self, deployment: Object, wanted: int, updated: int, counts: dict[str, int]) -> Object:
        now, status = self._world.now(), deployment.get("status") or {}
        enough = counts["availableReplicas"] >= wanted - _limits(deployment)[1]
        word = ("has", "Available") if enough else ("does not have", "Unavailable")
        status = condition(
            status, "Available", enough, now, reason=f"MinimumReplicas{word[1]}",
            message=f"Deployment {word[0]} minimum availability.",
        )  # fmt: skip
        done = updated == wanted == counts["replicas"] and counts["availableReplicas"] == wanted
        return self._progress(deployment, status, done=done, counted=[updated, *counts.values()])

    def _progress(self, deployment: Object, status: Object, *, done: bool, counted: list[int]) -> Object:
        """The Progressing condition; its lastUpdateTime is the last time that anything moved."""
        now, before = self._world.now(), _condition(status, "Progressing")
        generation = deployment["metadata"].get("generation", 1)
        observed = (deployment.get("status") or {}).get("observedGeneration")
        name = f"{deployment['metadata']['name']}-{owned.template_hash(deployment['spec']['template'])}"
        moved = observed != generation or counted != self._counted(deployment) or not before
        if done:
            reason, text, value = "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.', True
        elif not moved and self._late(deployment, before):
            reason, text, value = "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.', False
        else:
            reason, text, value = "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.', True
        status = condition(status, "Progressing", value, now, reason=reason, message=text)
        changed = moved or before.get("reason") != reason
        for item in status["conditions"]:
            item.setdefault("lastUpdateTime", item["lastTransitionTime"])
            if item["type"] == "Progressing":
                item["lastUpdateTime"] = now if changed else before.get("lastUpdateTime", now)
        return status

    @staticmethod
    def _counted(deployment: Object) -> list[int]:
        status = deployment.get("status") or {}
        return [status.get("updatedReplicas", 0), *(status.get(key, 0) for key in _COUNTED)]

    def _late(self, deployment: Object, before: Object) -> bool:
        if before.get("reason") == "ProgressDeadlineExceeded":
            return True
        if before.get("reason") == "NewReplicaSetAvailable":
            return False
        deadline = float(deployment["spec"].get("progressDeadlineSeconds", 600))
        return self._world.since(before["lastUpdateTime"]) >= deadline


_COUNTED = ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas")


def _key(obj: Object) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _condition(status: Object, type_: str) -> Object:
    return next((item for item in status.get("conditions") or () if item["type"] == type_), {})


def _template(replica_set: Object) -> Object:
    """The pod template as the Deployment has it."""
    template: Object = clone(replica_set["spec"]["template"])
    template.get("metadata", {}).get("labels", {}).pop(HASH, None)
    return template


def _revision(obj: Object) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def _set_revision(obj: Object, revision: int) -> None:
    obj["metadata"]["annotations"] = {**(obj["metadata"].get("annotations") or {}), REVISION: str(revision)}


def _replicas(replica_set: Object) -> int:
    return int(replica_set["spec"].get("replicas", 0))


def _total(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("replicas", 0))


def _available(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def _limits(deployment: Object) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) in pods; not both 0."""
    wanted = deployment["spec"].get("replicas", 1)
    rolling = deployment["spec"]["strategy"].get("rollingUpdate")
    if rolling is None:
        return 0, wanted
    surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    return surge, unavailable if surge or unavailable else 1


def _share(value: Any, whole: int, *, up: bool) -> int:
    """An int-or-percent of `whole`."""
    if isinstance(value, int):
        return value
    part = whole * int(value.rstrip("%")) / 100
    return math.ceil(part) if up else math.floor(part)
