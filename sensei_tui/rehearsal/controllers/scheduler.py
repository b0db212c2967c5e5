"""The scheduler: a node for each pod, or the reason why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from sensei_tui.base import quantity
from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import placement
from sensei_tui.rehearsal.controllers.claims import CLAIM, CLASS, ENDED, SELECTED_NODE, bound, claims_of
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD, controller_of
from sensei_tui.rehearsal.controllers.placement import Place, Refusal
from sensei_tui.rehearsal.controllers.world import World, condition
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.record import requested

NODE = kinds.named("Node")
_COMPONENT = "default-scheduler"
_HOPELESS = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"
_BACK_OFF = 10.0


class Scheduler:
    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: set[Key] = set()

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is POD and event != "DELETED" and not obj["spec"].get("nodeName"):
            return [(obj["metadata"]["namespace"], obj["metadata"]["name"])]
        freed = kind is POD and (event == "DELETED" or (obj.get("status") or {}).get("phase") in ENDED)
        return [*self._waiting] if freed or kind in (NODE, CLAIM, CLASS) else ()

    def reconcile(self, namespace: str, name: str) -> float | None:
        pod = self._world.find(POD, namespace, name)
        self._waiting.discard((namespace, name))
        if pod is None or pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
            return None
        if pod["spec"].get("schedulerName", _COMPONENT) != _COMPONENT or pod["spec"].get("schedulingGates"):
            return None
        problem = self._scripted(pod) or self._volumes(pod)
        if problem:
            return self._refuse(pod, problem)
        places = self._places()
        refused = [placement.refusal(pod, place, places) for place in places]
        fitting = [place for place, why in zip(places, refused, strict=True) if why is None]
        if not fitting:
            return self._refuse(pod, _explained([why for why in refused if why]))
        chosen = min(fitting, key=lambda place: _score(pod, place, places))
        return self._place(pod, chosen)

    def _scripted(self, pod: Object) -> str:
        images = [item["image"] for item in pod["spec"]["containers"]]
        for fault in self._world.scenario.faults:
            if fault.kind == "pending" and any(fault.strikes(pod["metadata"]["name"], image) for image in images):
                return fault.message or _explained([Refusal(["Insufficient cpu"], final=False)] * self._count())
        return ""

    def _count(self) -> int:
        return sum(1 for _ in self._world.store.select(NODE))

    def _volumes(self, pod: Object) -> str:
        """Why its claims keep it from being placed; those that wait for a consumer do not."""
        namespace, nodes = pod["metadata"]["namespace"], self._count()
        for name in claims_of(pod):
            claim = self._world.find(CLAIM, namespace, name)
            if claim is None:
                return _at_once(nodes, f'persistentvolumeclaim "{name}" not found')
            storage = self._world.find(CLASS, "", claim["spec"].get("storageClassName") or "")
            waits = storage is not None and storage.get("volumeBindingMode") == "WaitForFirstConsumer"
            if not bound(claim) and not waits:
                return _at_once(nodes, "pod has unbound immediate PersistentVolumeClaims")
        return ""

    def _places(self) -> list[Place]:
        places = {node["metadata"]["name"]: Place(node) for node in self._world.store.select(NODE)}
        for pod in self._world.store.select(POD):
            place = places.get(pod["spec"].get("nodeName", ""))
            if place and (pod.get("status") or {}).get("phase") not in ENDED:
                place.pods.append(pod)
        return list(places.values())

    def _refuse(self, pod: Object, message: str) -> float | None:
        self._waiting.add((pod["metadata"]["namespace"], pod["metadata"]["name"]))
        self._world.report(POD, pod, "FailedScheduling", message, _COMPONENT, "Scheduling", warning=True)
        status = condition(
            pod.get("status") or {}, "PodScheduled", False, self._world.now(), reason="Unschedulable", message=message
        )
        marks = {"lastProbeTime": None, "observedGeneration": pod["metadata"].get("generation", 1)}
        status["conditions"] = [{**item, **marks} for item in status["conditions"]]
        if status["conditions"] != (pod.get("status") or {}).get("conditions"):
            self._world.set_status(POD, pod, conditions=status["conditions"])
        return 300.0  # As the scheduler flushes its unschedulable pods.

    def _place(self, pod: Object, place: Place) -> float | None:
        namespace, unbound = pod["metadata"]["namespace"], False
        for name in claims_of(pod):
            claim = self._world.store.peek(CLAIM, namespace, name)
            if not bound(claim):
                unbound = True
                self._world.change(CLAIM, claim, lambda new: _select(new, place.name))
        if unbound:
            self._waiting.add((namespace, pod["metadata"]["name"]))
            return _BACK_OFF
        now = self._world.now()
        self._world.change(POD, pod, lambda new: new["spec"].update(nodeName=place.name), "binding")
        status = condition(pod.get("status") or {}, "PodScheduled", True, now)
        self._world.set_status(POD, pod, conditions=status["conditions"])
        text = f"Successfully assigned {namespace}/{pod['metadata']['name']} to {place.name}"
        self._world.report(POD, pod, "Scheduled", text, _COMPONENT, "Binding")
        return None


def _select(claim: Object, node: str) -> None:
    claim["metadata"]["annotations"] = {**(claim["metadata"].get("annotations") or {}), SELECTED_NODE: node}


def _at_once(nodes: int, why: str) -> str:
    """Of a pod that is refused before any node is looked at."""
    return f"0/{nodes} nodes are available: {why}. not found"


def _explained(refused: list[Refusal]) -> str:
    """`0/5 nodes are available: 2 Insufficient cpu, ...`, as the scheduler sorts and joins it."""
    if not refused:
        return "no nodes available to schedule pods"
    head = f"0/{len(refused)} nodes are available"
    hopeless = Counter(_HOPELESS if one.final else _NO_VICTIMS for one in refused)
    return f"{head}: {_joined(Counter(text for one in refused for text in one.texts))} preemption: {head}: " + _joined(
        hopeless
    )


def _joined(counts: Counter[str]) -> str:
    return ", ".join(sorted(f"{count} {text}" for text, count in counts.items())) + "."


def _score(pod: Object, place: Place, places: list[Place]) -> tuple[float, int, str]:
    """Fewest pods of the same owner, most room, name: the same choice every time. Nodes with GPUs are kept free."""
    owner = (controller_of(pod) or {}).get("uid")
    same = sum(bool(owner) and (controller_of(other) or {}).get("uid") == owner for other in place.pods)
    used = max(_used(pod, place, name) for name in ("cpu", "memory"))
    rare = any("/" in name for name in place.node["status"]["allocatable"])
    return (10.0 * same + float(used) + 0.5 * rare, len(place.pods), place.name)


def _used(pod: Object, place: Place, resource: str) -> Decimal:
    total = quantity.parse(place.node["status"]["allocatable"].get(resource, "0"))
    return 1 - (place.free(resource) - requested(pod["spec"], resource)) / total if total else Decimal(1)
