"""ReplicaSets keep a number of pods."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World, condition, condition_is
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

REPLICA_SET = kinds.named("ReplicaSet")
_COMPONENT = "replicaset-controller"


class ReplicaSets:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is REPLICA_SET and event != "DELETED":
            return [(obj["metadata"]["namespace"], obj["metadata"]["name"])]
        return owned.owner_keys(REPLICA_SET, obj) if kind is POD else ()

    def reconcile(self, namespace: str, name: str) -> float | None:
        replica_set = self._world.find(REPLICA_SET, namespace, name)
        if replica_set is None:
            return None
        failure = ""
        if "deletionTimestamp" not in replica_set["metadata"]:
            owned.adopt(self._world, POD, REPLICA_SET, replica_set)
            failure = self._scale(replica_set)
        return self._report(replica_set, failure)

    def _scale(self, replica_set: Object) -> str:
        """Create or delete pods. Returns why one could not be created."""
        pods = [pod for pod in owned.owned(self._world, POD, replica_set) if owned.alive(pod)]
        missing = replica_set["spec"].get("replicas", 1) - len(pods)
        try:
            for _ in range(missing):
                self._create(replica_set)
        except ApiError as refusal:
            self._tell(replica_set, "FailedCreate", f"Error creating: {refusal.message}", warning=True)
            return refusal.message
        for pod in owned.spare(pods)[: max(0, -missing)]:
            self._world.delete(POD, pod)
            self._tell(replica_set, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        return ""

    def _create(self, replica_set: Object) -> None:
        pod = owned.pod_from(replica_set["spec"]["template"], REPLICA_SET, replica_set)
        pod["metadata"]["generateName"] = f"{replica_set['metadata']['name']}-"
        made = self._world.create(POD, pod)
        self._tell(replica_set, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    def _tell(self, replica_set: Object, reason: str, message: str, *, warning: bool = False) -> None:
        self._world.event(REPLICA_SET, replica_set, reason, message, _COMPONENT, warning=warning)

    def _report(self, replica_set: Object, failure: str) -> float | None:
        pods = owned.owned(self._world, POD, replica_set)
        alive = [pod for pod in pods if owned.alive(pod)]
        seconds = replica_set["spec"].get("minReadySeconds") or 0
        ready = sum(owned.ready(pod) for pod in alive)
        available = sum(owned.available(self._world, pod, seconds) for pod in alive)
        now = self._world.now()
        status: Object = {"conditions": []}
        if failure and condition_is(replica_set, "ReplicaFailure"):
            status = replica_set["status"]  # The first failure stays: the names of later pods are no news.
        elif failure:
            status = condition(status, "ReplicaFailure", True, now, reason="FailedCreate", message=failure)
        self._world.set_status(
            REPLICA_SET, replica_set, replicas=len(alive), fullyLabeledReplicas=len(alive) or None,
            readyReplicas=ready or None, availableReplicas=available or None,
            terminatingReplicas=len(pods) - len(alive), conditions=status["conditions"] or None,
            observedGeneration=replica_set["metadata"].get("generation", 1),
        )  # fmt: skip
        if failure:
            return 10.0
        return 1.0 if available < ready else None
