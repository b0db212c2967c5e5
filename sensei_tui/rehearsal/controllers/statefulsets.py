"""StatefulSets: numbered pods with volumes of their own, in order or in parallel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import history, owned
from sensei_tui.rehearsal.controllers.history import REVISION
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone

STATEFUL_SET = kinds.named("StatefulSet")
CLAIM = kinds.named("PersistentVolumeClaim")
_COMPONENT = "statefulset-controller"


class StatefulSets:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is STATEFUL_SET and event != "DELETED":
            return [(obj["metadata"]["namespace"], obj["metadata"]["name"])]
        return owned.owner_keys(STATEFUL_SET, obj) if kind is POD else ()

    def reconcile(self, namespace: str, name: str) -> float | None:
        stateful_set = self._world.find(STATEFUL_SET, namespace, name)
        if stateful_set is None:
            return None
        revision = history.keep(self._world, STATEFUL_SET, stateful_set, "controller.kubernetes.io/hash")
        if "deletionTimestamp" not in stateful_set["metadata"]:
            owned.adopt(self._world, POD, STATEFUL_SET, stateful_set, rf"{re.escape(name)}-\d+")
            self._step(stateful_set, revision)
        return self._report(stateful_set, revision)

    def _pods(self, stateful_set: Object) -> dict[int, Object]:
        name = stateful_set["metadata"]["name"]
        pods = owned.owned(self._world, POD, stateful_set)
        return {int(pod["metadata"]["name"].removeprefix(f"{name}-")): pod for pod in pods}

    def _step(self, stateful_set: Object, revision: str) -> None:
        """Create, replace and delete as far as the order allows now."""
        spec = stateful_set["spec"]
        ordered = spec.get("podManagementPolicy") != "Parallel"
        pods, wanted = self._pods(stateful_set), spec.get("replicas", 1)
        for number in range(wanted):
            pod = pods.get(number)
            if pod is None:
                self._create(stateful_set, number, revision)
            elif not owned.alive(pod) and "deletionTimestamp" not in pod["metadata"]:
                self._world.delete(POD, pod)  # It ended; its name is needed for the next one.
            if ordered and not (pod and owned.alive(pod) and owned.ready(pod)):
                return
        for number in sorted((one for one in pods if one >= wanted), reverse=True):
            self._remove(stateful_set, pods[number])
            if ordered:
                return
        self._update(stateful_set, pods, revision)

    def _update(self, stateful_set: Object, pods: dict[int, Object], revision: str) -> None:
        """Replace pods of an older template, the highest number first, one at a time."""
        strategy = stateful_set["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for number in sorted(pods, reverse=True):
            pod = pods[number]
            if number < partition:
                return
            if pod["metadata"]["labels"].get(REVISION) != revision and owned.alive(pod):
                self._remove(stateful_set, pod)
                return
            if not (owned.alive(pod) and owned.ready(pod)):
                return

    def _remove(self, stateful_set: Object, pod: Object) -> None:
        if "deletionTimestamp" not in pod["metadata"]:
            self._world.delete(POD, pod)
            self._tell(stateful_set, "SuccessfulDelete", f"Delete Pod {pod['metadata']['name']} in StatefulSet "
                       f"{stateful_set['metadata']['name']} successful")  # fmt: skip

    def _tell(self, stateful_set: Object, reason: str, message: str, *, warning: bool = False) -> None:
        self._world.event(STATEFUL_SET, stateful_set, reason, message, _COMPONENT, warning=warning)

    def _create(self, stateful_set: Object, number: int, revision: str) -> None:
        name = f"{stateful_set['metadata']['name']}-{number}"
        try:
            for claim in _claims(stateful_set, name):
                if not self._world.store.exists(CLAIM, claim["metadata"]["namespace"], claim["metadata"]["name"]):
                    self._claim(stateful_set, name, claim)
            self._world.create(POD, _pod(stateful_set, name, number, revision))
        except ApiError as refusal:
            told = f"Create Pod {name} in StatefulSet {stateful_set['metadata']['name']} failed error: "
            self._tell(stateful_set, "FailedCreate", told + refusal.message, warning=True)
            raise
        told = f"Create Pod {name} in StatefulSet {stateful_set['metadata']['name']} successful"
        self._tell(stateful_set, "SuccessfulCreate", told)

    def _claim(self, stateful_set: Object, pod: str, claim: Object) -> None:
        self._world.create(CLAIM, claim)
        told = f"Create Claim {claim['metadata']['name']} Pod {pod} in StatefulSet "
        self._tell(stateful_set, "SuccessfulCreate", f"{told}{stateful_set['metadata']['name']} success")

    def _report(self, stateful_set: Object, revision: str) -> float | None:
        spec, pods = stateful_set["spec"], [*self._pods(stateful_set).values()]
        alive = [pod for pod in pods if owned.alive(pod)]
        ready = [pod for pod in alive if owned.ready(pod)]
        available = [pod for pod in ready if owned.available(self._world, pod, spec.get("minReadySeconds") or 0)]
        updated = [pod for pod in alive if pod["metadata"]["labels"].get(REVISION) == revision]
        before = (stateful_set.get("status") or {}).get("currentRevision") or revision
        done = len(updated) == len(alive) == len(ready) == spec.get("replicas", 1)
        current = revision if done else before
        holding = [pod for pod in alive if pod["metadata"]["labels"].get(REVISION) == current]
        self._world.set_status(
            STATEFUL_SET, stateful_set, observedGeneration=stateful_set["metadata"].get("generation", 1),
            replicas=len(alive), readyReplicas=len(ready) or None, availableReplicas=len(available),
            currentReplicas=len(holding) or None, updatedReplicas=len(updated) or None,
            currentRevision=current, updateRevision=revision, collisionCount=0,
        )  # fmt: skip
        return 1.0 if len(available) < len(ready) else None


def _claims(stateful_set: Object, pod: str) -> Iterator[Object]:
    for template in stateful_set["spec"].get("volumeClaimTemplates") or ():
        labels = stateful_set["spec"]["selector"].get("matchLabels") or {}
        given = template.get("metadata") or {}
        yield {
            "metadata": {
                "name": f"{given['name']}-{pod}", "namespace": stateful_set["metadata"]["namespace"],
                "labels": {**(given.get("labels") or {}), **labels}, "annotations": given.get("annotations") or {},
            },
            "spec": clone(template["spec"]),
        }  # fmt: skip


def _pod(stateful_set: Object, name: str, number: int, revision: str) -> Object:
    pod = owned.pod_from(stateful_set["spec"]["template"], STATEFUL_SET, stateful_set)
    found, spec = pod["metadata"], pod["spec"]
    found["name"], found["generateName"] = name, f"{stateful_set['metadata']['name']}-"
    found["labels"] = {
        **(found.get("labels") or {}), REVISION: revision, "apps.kubernetes.io/pod-index": str(number),
        "statefulset.kubernetes.io/pod-name": name,
    }  # fmt: skip
    spec["hostname"], spec["subdomain"] = name, stateful_set["spec"].get("serviceName", "")
    templates = [item["metadata"]["name"] for item in stateful_set["spec"].get("volumeClaimTemplates") or ()]
    kept = [volume for volume in spec.get("volumes") or () if volume["name"] not in templates]
    claims = [{"name": one, "persistentVolumeClaim": {"claimName": f"{one}-{name}"}} for one in templates]
    spec["volumes"] = [*claims, *kept]
    return pod
