"""Deployments: ReplicaSets by revision, rolling updates and re-creation (pkg/controller/deployment)."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import owned, progress, revisions, shares
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.replicasets import REPLICA_SET
from sensei_tui.rehearsal.controllers.revisions import REVISION, Family, active, replicas_of, revision_of
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, key_of

DEPLOYMENT = kinds.named("Deployment")
_COMPONENT = "deployment-controller"


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
        if "deletionTimestamp" in deployment["metadata"]:
            return self._report(deployment, rolls=False)
        owned.adopt(self._world, REPLICA_SET, DEPLOYMENT, deployment)
        self._mark_pause(deployment)
        paused = bool(deployment["spec"].get("paused"))
        if paused or self._was_scaled(deployment):
            self._keep_revision(deployment)
            self._resize(deployment)
            if paused:
                self._clean(deployment)
            return self._report(deployment, rolls=False)
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            self._recreate(deployment)
        else:
            self._roll(deployment)
        return self._report(deployment, rolls=True)

    def _family(self, deployment: Object) -> Family:
        """As it is now."""
        live = self._world.find(DEPLOYMENT, *key_of(deployment)) or deployment
        return revisions.family(live, owned.owned(self._world, REPLICA_SET, live))

    def _mark_pause(self, deployment: Object) -> None:
        conditions = progress.paused(deployment, self._world.now())
        if conditions is not None:
            self._world.set_status(DEPLOYMENT, deployment, conditions=conditions)

    # revisions

    def _keep_revision(self, deployment: Object) -> bool:
        """Bring the current template's ReplicaSet and the revision up to date; False where there is no ReplicaSet."""
        family = self._family(deployment)
        new = family.new
        if new is None:
            return False
        number = 1 + max((revision_of(item) for item in family.old), default=0)
        ready_after = deployment["spec"].get("minReadySeconds") or 0
        marks = revisions.marks(family.deployment, new, number)
        if (new["metadata"].get("annotations"), new["spec"].get("minReadySeconds") or 0) != (marks, ready_after):
            self._world.change(REPLICA_SET, new, lambda obj: revisions.mark(obj, marks, ready_after))
        self._tell_revision(family.deployment, int(marks[REVISION]))
        return True

    def _tell_revision(self, deployment: Object, number: int) -> None:
        if revision_of(deployment) != number:
            self._world.change(DEPLOYMENT, deployment, lambda obj: revisions.set_revision(obj, number))

    def _create(self, deployment: Object) -> None:
        family = self._family(deployment)
        number = 1 + max((revision_of(item) for item in family.old), default=0)
        count = shares.of_new(family)
        made = revisions.replica_set(family.deployment, owned.reference(DEPLOYMENT, deployment), number, count)
        name = made["metadata"]["name"]
        try:
            self._world.create(REPLICA_SET, made)
        except ApiError as refusal:
            self._not_created(family.deployment, f'Failed to create new replica set "{name}": {refusal.message}')
            raise
        if count:
            self._tell(deployment, f"Scaled up replica set {name} from 0 to {count}")
        self._tell_revision(family.deployment, number)
        self._set_progress(family.deployment, "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')

    def _not_created(self, deployment: Object, why: str) -> None:
        self._set_progress(deployment, "False", "ReplicaSetCreateError", why)
        self._world.event(DEPLOYMENT, deployment, "ReplicaSetCreateError", why, _COMPONENT, warning=True)

    def _set_progress(self, deployment: Object, value: str, reason: str, message: str) -> None:
        live = self._world.find(DEPLOYMENT, *key_of(deployment)) or deployment
        before = (live.get("status") or {}).get("conditions") or []
        after = progress.put(before, self._world.now(), "Progressing", value, reason, message)
        self._world.set_status(DEPLOYMENT, live, conditions=after)

    def _tell(self, deployment: Object, message: str) -> None:
        self._world.event(DEPLOYMENT, deployment, "ScalingReplicaSet", message, _COMPONENT)

    # strategies

    def _roll(self, deployment: Object) -> None:
        if not self._keep_revision(deployment):
            self._create(deployment)
        family = self._family(deployment)
        if family.new is None or self._grow(family):
            return
        if not self._shrink(family) and progress.complete(family.deployment, family.deployment.get("status") or {}):
            self._clean(deployment)

    def _grow(self, family: Family) -> bool:
        assert family.new is not None
        have, wanted = replicas_of(family.new), family.wanted
        return have != wanted and self._scale(family, family.new, wanted if have > wanted else shares.of_new(family))

    def _shrink(self, family: Family) -> bool:
        """Old pods go as far as enough others are available; those that are not ready go first."""
        unhealthy = [self._scale(family, item, count) for item, count in shares.without_unhealthy(family)]
        family = self._family(family.deployment) if unhealthy else family
        return any([*unhealthy, *(self._scale(family, item, count) for item, count in shares.without_spare(family))])

    def _recreate(self, deployment: Object) -> None:
        self._keep_revision(deployment)
        family = self._family(deployment)
        scaled = [self._scale(family, item, 0) for item in active(family.old)]
        if any(scaled) or self._runs_old(family):
            return
        if family.new is None:
            self._create(deployment)
            family = self._family(deployment)
        if family.new is not None:
            self._scale(family, family.new, family.wanted)
        if progress.complete(family.deployment, family.deployment.get("status") or {}):
            self._clean(deployment)

    def _runs_old(self, family: Family) -> bool:
        pods = (pod for item in family.old for pod in owned.owned(self._world, POD, item))
        return any((pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed") for pod in pods)

    # scaling

    def _was_scaled(self, deployment: Object) -> bool:
        """Whether somebody changed the Deployment's replicas since its ReplicaSets were sized."""
        wanted = self._family(deployment).wanted
        sized = (revisions.desired(item) for item in active(owned.owned(self._world, REPLICA_SET, deployment)))
        return any(count not in (None, wanted) for count in sized)

    def _resize(self, deployment: Object) -> None:
        family = self._family(deployment)
        for item, count, always in shares.resized(family):
            self._scale(family, item, count, always=always)

    def _scale(self, family: Family, replica_set: Object, count: int, *, always: bool = False) -> bool:
        """Whether its size changed; `always` keeps its annotations up to date where it does not."""
        before, limit = replicas_of(replica_set), family.wanted + family.surge
        if before == count and not (always and revisions.sizes(replica_set) != (family.wanted, limit)):
            return False
        self._world.change(REPLICA_SET, replica_set, lambda obj: revisions.size(obj, count, family.wanted, limit))
        if before != count:
            word, name = "up" if count > before else "down", replica_set["metadata"]["name"]
            self._tell(family.deployment, f"Scaled {word} replica set {name} from {before} to {count}")
        return before != count

    def _clean(self, deployment: Object) -> None:
        old = [item for item in self._family(deployment).old if "deletionTimestamp" not in item["metadata"]]
        spare = max(0, len(old) - deployment["spec"].get("revisionHistoryLimit", 10))
        for item in sorted(old, key=revision_of)[:spare]:
            if revisions.idle(item):
                self._world.delete(REPLICA_SET, item)

    # status

    def _report(self, deployment: Object, *, rolls: bool) -> float | None:
        family = self._family(deployment)
        live, status = family.deployment, progress.counted(family)
        status["conditions"] = progress.conditions(self._world, family, status, rolls=rolls)
        self._world.set_status(DEPLOYMENT, live, **status)
        return progress.look_again(self._world, live, status["conditions"]) if rolls else None
