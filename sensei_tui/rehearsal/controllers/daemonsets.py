"""DaemonSets: one pod on every node that it may run on."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import history, owned, placement
from sensei_tui.rehearsal.controllers.history import REVISION
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

DAEMON_SET = kinds.named("DaemonSet")
NODE = kinds.named("Node")
_COMPONENT = "daemonset-controller"
_GENERATION = "deprecated.daemonset.template.generation"
_TOLERATED = (
    ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"),
)  # fmt: skip


class DaemonSets:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is DAEMON_SET and event != "DELETED":
            return [(obj["metadata"]["namespace"], obj["metadata"]["name"])]
        if kind is NODE and event != "MODIFIED":
            every = self._world.store.select(DAEMON_SET)
            return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in every]
        return owned.owner_keys(DAEMON_SET, obj) if kind is POD else ()

    def reconcile(self, namespace: str, name: str) -> None:
        daemon_set = self._world.find(DAEMON_SET, namespace, name)
        if daemon_set is None:
            return
        revision = self._revision(daemon_set)
        nodes = self._nodes(daemon_set)
        if "deletionTimestamp" not in daemon_set["metadata"]:
            self._spread(daemon_set, nodes, revision)
        self._report(daemon_set, nodes, revision)

    def _revision(self, daemon_set: Object) -> str:
        marks = {_GENERATION: str(daemon_set["metadata"].get("generation", 1))}
        name = history.keep(self._world, DAEMON_SET, daemon_set, REVISION, marks)
        return name.removeprefix(f"{daemon_set['metadata']['name']}-")

    def _nodes(self, daemon_set: Object) -> list[str]:
        pod = _pod(daemon_set, "", "")
        nodes = self._world.store.select(NODE)
        return [node["metadata"]["name"] for node in nodes if placement.may_run(pod, node)]

    def _pods(self, daemon_set: Object) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = {}
        for pod in owned.owned(self._world, POD, daemon_set):
            found.setdefault(_target(pod), []).append(pod)
        return found

    def _spread(self, daemon_set: Object, nodes: list[str], revision: str) -> None:
        pods = self._pods(daemon_set)
        for node in nodes:
            if not pods.get(node):
                made = self._world.create(POD, _pod(daemon_set, node, revision))
                told = f"Created pod: {made['metadata']['name']}"
                self._world.event(DAEMON_SET, daemon_set, "SuccessfulCreate", told, _COMPONENT)
        everything = [pod for some in pods.values() for pod in some if "deletionTimestamp" not in pod["metadata"]]
        stale = [pod for pod in everything if pod["metadata"]["labels"].get(REVISION) != revision]
        for pod in [pod for pod in everything if _target(pod) not in nodes or not owned.alive(pod)] + stale[:1]:
            self._world.delete(POD, pod)

    def _report(self, daemon_set: Object, nodes: list[str], revision: str) -> None:
        pods = [pod for some in self._pods(daemon_set).values() for pod in some if owned.alive(pod)]
        ready = sum(owned.ready(pod) for pod in pods)
        updated = sum(pod["metadata"]["labels"].get(REVISION) == revision for pod in pods)
        self._world.set_status(
            DAEMON_SET, daemon_set, observedGeneration=daemon_set["metadata"].get("generation", 1),
            desiredNumberScheduled=len(nodes), currentNumberScheduled=len(pods), numberMisscheduled=0,
            numberReady=ready, numberAvailable=ready or None, updatedNumberScheduled=updated or None,
            numberUnavailable=max(0, len(nodes) - ready) or None,
        )  # fmt: skip


def _target(pod: Object) -> str:
    """The node that a pod's affinity names."""
    terms = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return str(terms["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])


def _pod(daemon_set: Object, node: str, revision: str) -> Object:
    pod = owned.pod_from(daemon_set["spec"]["template"], DAEMON_SET, daemon_set)
    pod["metadata"]["generateName"] = f"{daemon_set['metadata']['name']}-"
    pod["metadata"]["labels"] = {
        **(pod["metadata"].get("labels") or {}), REVISION: revision,
        "pod-template-generation": str(daemon_set["metadata"].get("generation", 1)),
    }  # fmt: skip
    spec = pod["spec"]
    spec["tolerations"] = [
        *(spec.get("tolerations") or ()),
        *({"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect} for key, effect in _TOLERATED),
    ]
    if node:
        field = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [field]}}
        spec["affinity"] = {**(spec.get("affinity") or {}), "nodeAffinity": required}
    return pod
