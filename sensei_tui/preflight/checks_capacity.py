"""Checks of size: the guide's table, what is free, and whether every pod finds a node. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sensei_tui.base.quantity import millicores, whole
from sensei_tui.base.text import bytes_iec, bytes_si, plural
from sensei_tui.cluster.snapshot import Node, Pod
from sensei_tui.health.nodes import GPU, pod_requests
from sensei_tui.health.pods import is_over
from sensei_tui.preflight import thresholds as limit
from sensei_tui.preflight import volumes
from sensei_tui.preflight.checks_cluster import class_of, usable, wanted_classes
from sensei_tui.preflight.facts import Facts, PodNeed, known
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.thresholds import Floor
from sensei_tui.preflight.verdict import Area, Verdict, at_least, skipped

CAPACITY = Area("Capacity")
INSTANCE = "app.kubernetes.io/instance"
RESOURCES = ("cpu", "memory", GPU)
ORDER = (Status.PASS, Status.WARN, Status.FAIL)


def _usable(facts: Facts) -> list[Node]:
    return [node for node in known(facts.cluster.nodes) if usable(node)]


def _left_out(facts: Facts) -> tuple[str, ...]:
    """Why nodes do not count."""
    rows = []
    for node in known(facts.cluster.nodes):
        if not usable(node):
            taints = [f"{item.key}:{item.effect}" for item in node.spec.taints]
            rows.append(f"{node.metadata.name} does not count: {', '.join(taints) or 'not ready'}")
    return tuple(rows)


def amount(node: Node, resource: str, of: str = "capacity") -> int:
    """Millicores, bytes or a count; 0 where the node does not have the resource."""
    quantities: Mapping[str, str] = getattr(node.status, of)
    text = quantities.get(resource, "0")
    return millicores(text) if resource == "cpu" else whole(text)


@CAPACITY.check("cap.nodes", "Nodes", limit.GUIDE)
def nodes(facts: Facts) -> Verdict:
    """Ready nodes that ordinary pods may use."""
    count, remedy = len(_usable(facts)), "Add nodes, or uncordon those below."
    return _table(count, limit.NODES, f"{plural(count, 'node')} ready", "{:.0f}", remedy, _left_out(facts))


@CAPACITY.check("cap.cpu", "CPU (total)", limit.GUIDE)
def cpu(facts: Facts) -> Verdict:
    """Cores of the usable nodes together."""
    cores = sum(amount(node, "cpu") for node in _usable(facts)) / 1000
    return _table(cores, limit.CORES, f"{cores:g} cores", "{:.0f}", "Add cores, or nodes.", _left_out(facts))


@CAPACITY.check("cap.memory", "Memory (total)", limit.GUIDE)
def memory(facts: Facts) -> Verdict:
    """Memory of the usable nodes together, in decimal GB."""
    total = sum(amount(node, "memory") for node in _usable(facts))
    floor = Floor(*(value * (1 - limit.MEMORY_TOLERANCE) for value in limit.MEMORY))
    verdict = at_least(total, floor)
    return _sized(verdict, total, limit.MEMORY, "Add memory, or nodes.", _left_out(facts))


@CAPACITY.check("cap.storage", "Storage (total)", limit.GUIDE)
def storage(facts: Facts) -> Verdict:
    """What the volumes' StorageClasses have left, where their drivers say so; else the nodes' own disks.

    Held to the guide's table and to what the charts' new volumes ask for.
    """
    needs, classes = known(facts.needs), known(facts.cluster.storage_classes)
    used = [found for name in sorted(wanted_classes(needs)) if (found := class_of(name, classes))]
    published = [item for item in used if item.capacity is not None]
    if published:
        total = sum(item.capacity or 0 for item in published)
        detail = tuple(f"{item.name}: {bytes_si(item.capacity or 0)} (CSIStorageCapacity)" for item in published)
    else:
        total = sum(amount(node, "ephemeral-storage") for node in _usable(facts))
        detail = ("The driver publishes no CSIStorageCapacity: counted are the nodes' own disks (kubelet).",)
    remedy = "Add SSD or NVMe disks to the nodes that carry the StorageClass, or ask for smaller volumes."
    kind = ("The API does not tell the kind of disk: disk.nvme and disk.fsync look at it, on a node.",)
    new = volumes.asked(facts)
    worst, rows = volumes.short(new, published, total)
    status = max(worst, at_least(total, limit.STORAGE), key=ORDER.index)
    verdict = _sized(status, total, limit.STORAGE, remedy, detail + new.detail + kind)
    return replace(verdict, summary="; ".join((verdict.summary, *rows)))


def _table(count: float, floor: Floor, text: str, form: str, remedy: str, detail: tuple[str, ...]) -> Verdict:
    bounds = f"minimum {form.format(floor.minimum)}, recommended {form.format(floor.recommended)}"
    return Verdict(at_least(count, floor), f"{text} ({bounds})", text, bounds, remedy, detail)


def _sized(status: Status, total: float, floor: Floor, remedy: str, detail: tuple[str, ...]) -> Verdict:
    bounds = f"minimum {bytes_si(floor.minimum)}, recommended {bytes_si(floor.recommended)}"
    return Verdict(status, f"{bytes_si(total)} ({bounds})", bytes_si(total), bounds, remedy, detail)


# What is free.


@dataclass
class Room:
    """What a node still has to give."""

    node: Node
    free: dict[str, int]
    pods: int
    placed: list[str] = field(default_factory=list)

    def takes(self, need: PodNeed) -> bool:
        """Whether the scheduler could put the pod here."""
        labels = self.node.metadata.labels
        if any(labels.get(key) != value for key, value in need.node_selector.items()):
            return False
        taints = [item for item in self.node.spec.taints if item.effect in ("NoSchedule", "NoExecute")]
        if not all(need.tolerates(taint) for taint in taints) or self.pods < 1:
            return False
        return all(self.free[resource] >= need.amounts[resource] for resource in RESOURCES)

    def place(self, need: PodNeed) -> None:
        """Put it here."""
        for resource in RESOURCES:
            self.free[resource] -= need.amounts[resource]
        self.pods -= 1
        self.placed.append(need.owner)


def rooms(facts: Facts) -> list[Room]:
    """Every node that is up, less what the pods of others request. Raises NotKnown."""
    up = [node for node in known(facts.cluster.nodes) if _is_up(node)]
    found = {
        node.metadata.name: Room(
            node, {resource: amount(node, resource, "allocatable") for resource in RESOURCES},
            amount(node, "pods", "allocatable"),
        )
        for node in up
    }  # fmt: skip
    for pod in known(facts.cluster.pods):
        room = found.get(pod.spec.node_name)
        if room and not is_over(pod) and not _ours(pod, facts):
            for resource, used in pod_requests(pod).items():
                room.free[resource] -= used
            room.pods -= 1
    return list(found.values())


def _is_up(node: Node) -> bool:
    ready = any(item.type == "Ready" and item.status == "True" for item in node.status.conditions)
    return ready and not node.spec.unschedulable


def _ours(pod: Pod, facts: Facts) -> bool:
    """Pods of a release that is there already are replaced, not added."""
    return pod.metadata.namespace == facts.namespace and pod.metadata.labels.get(INSTANCE) in facts.releases


@CAPACITY.check("cap.free", "Free capacity", "Node.status.allocatable less the requests of all running pods")
def free(facts: Facts) -> Verdict:
    """The charts' requests against what is free on all usable nodes together."""
    needs = known(facts.needs)
    places = rooms(facts)
    have = {
        resource: sum(max(0, room.free[resource]) for room in places if usable(room.node) or resource == GPU)
        for resource in RESOURCES
    }
    want = {resource: sum(pod.amounts[resource] for pod in needs.pods) for resource in RESOURCES}
    short = [resource for resource in RESOURCES if want[resource] > have[resource]]
    tight = [resource for resource in RESOURCES if want[resource] > have[resource] * (1 - limit.HEADROOM)]
    status = Status.FAIL if short else Status.WARN if tight and set(tight) != {GPU} else Status.PASS
    rows = tuple(f"{resource}: needs {_shown(resource, want[resource])}, free {_shown(resource, have[resource])}"
                 for resource in RESOURCES if want[resource] or resource != GPU)  # fmt: skip
    remedy = "Add nodes, lower replicas, or move other workloads away."
    return Verdict(status, "; ".join(rows), "; ".join(rows), f"{limit.HEADROOM:.0%} to spare", remedy, _largest(facts))


def _shown(resource: str, value: int) -> str:
    if resource == "cpu":
        return f"{value / 1000:g} cores"
    return bytes_iec(value) if resource == "memory" else plural(value, "GPU")


def _largest(facts: Facts) -> tuple[str, ...]:
    """Who requests most of the cluster's CPU beside us."""
    others = [pod for pod in known(facts.cluster.pods) if not is_over(pod) and not _ours(pod, facts)]
    most = sorted(others, key=lambda pod: -pod_requests(pod)["cpu"])[:3]
    return tuple(
        f"{pod.metadata.namespace}/{pod.metadata.name} requests {_shown('cpu', pod_requests(pod)['cpu'])}"
        for pod in most if pod_requests(pod)["cpu"]
    )  # fmt: skip


@CAPACITY.check("cap.fit", "Every pod finds a node", "first-fit, largest first: requests, taints, node selectors, GPUs")
def fit(facts: Facts) -> Verdict:
    """Place every pod of the charts, as a scheduler would."""
    needs, places = known(facts.needs), rooms(facts)
    homeless = place_all(list(needs.pods), places)
    if not homeless:
        fullest = max((room for room in places if room.placed), key=_share, default=None)
        where = f"; fullest {fullest.node.metadata.name} at {_share(fullest):.0%} of its CPU" if fullest else ""
        return Verdict(Status.PASS, f"all {plural(len(needs.pods), 'pod')} placed{where}", f"{len(needs.pods)} placed")
    names = sorted({need.owner for need in homeless})
    detail = tuple(f"{need.owner}: needs {_wants(need)}" for need in {need.owner: need for need in homeless}.values())
    summary = f"{plural(len(homeless), 'pod')} of {len(needs.pods)} without a node: {', '.join(names)}"
    remedy = "Add a node large enough for the pods below, or lower replicas."
    return Verdict(Status.FAIL, summary, summary, "all placed", remedy, detail)


def place_all(needs: list[PodNeed], places: list[Room]) -> list[PodNeed]:
    """Largest first, each on the node with most CPU left. Returns those that found none."""
    homeless = []
    for need in sorted(needs, key=lambda item: (-item.amounts[GPU], -item.amounts["memory"], -item.amounts["cpu"])):
        open_to = [room for room in places if room.takes(need)]
        if open_to:
            max(open_to, key=lambda room: room.free["cpu"]).place(need)
        else:
            homeless.append(need)
    return homeless


def _share(room: Room) -> float:
    total = amount(room.node, "cpu", "allocatable")
    return 1 - room.free["cpu"] / total if total else 0.0


def _wants(need: PodNeed) -> str:
    parts = [_shown(resource, need.amounts[resource]) for resource in RESOURCES if need.amounts[resource]]
    return ", ".join([*parts, *(f"{key}={value}" for key, value in need.node_selector.items())])


@CAPACITY.check("cap.pods", "Pods per node", "Node.status.allocatable.pods less the pods there")
def pods(facts: Facts) -> Verdict:
    """Room for so many pods."""
    needed = len(known(facts.needs).pods)
    if not needed:
        return skipped("no pod is needed")
    room = sum(max(0, item.pods) for item in rooms(facts) if usable(item.node))
    status = Status.FAIL if room < needed else Status.WARN if room < needed * 1.1 else Status.PASS
    remedy = "Raise maxPods of the kubelets (and the pod network's range), or add nodes."
    return Verdict(status, f"room for {room} pods, {needed} needed", f"{room} pods", f"{needed} and 10 % more", remedy)
