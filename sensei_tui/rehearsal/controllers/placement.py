"""Which nodes a pod may run on, and why not: the scheduler's filters, in its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sensei_tui.base import quantity
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.record import requested
from sensei_tui.rehearsal.selectors import label_matcher, selector_text

AFFINITY = "node(s) didn't match Pod's node affinity/selector"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_SPREAD = "node(s) didn't match pod topology spread constraints"
_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass
class Place:
    """A node with the pods that are on it."""

    node: Object
    pods: list[Object] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.node["metadata"]["name"])

    @property
    def labels(self) -> dict[str, str]:
        return self.node["metadata"].get("labels") or {}

    def free(self, resource: str) -> Decimal:
        """Allocatable less what the pods request."""
        total = quantity.parse(self.node["status"]["allocatable"].get(resource, "0"))
        return total - sum((requested(pod["spec"], resource) for pod in self.pods), Decimal(0))


def may_run(pod: Object, node: Object) -> bool:
    """Taints, selectors and affinity only (what a DaemonSet asks)."""
    return not any(_fixed(pod, Place(node)))


@dataclass(frozen=True)
class Refusal:
    """Why a pod can't run on a node. `final`: not even if other pods left it."""

    texts: list[str]
    final: bool


def refusal(pod: Object, place: Place, places: list[Place]) -> Refusal | None:
    """None where the pod can run. The first filter that refuses speaks, as in the scheduler."""
    if fixed := list(_fixed(pod, place)):
        return Refusal(fixed, final=True)
    if short := dict(_resources(pod, place)):
        return Refusal([*short], final=any(short.values()))
    return next(_others(pod, place, places), None)


def _fixed(pod: Object, place: Place) -> Iterator[str]:
    spec = pod["spec"]
    tolerations = spec.get("tolerations") or ()
    if place.node["spec"].get("unschedulable") and not _tolerated(_UNSCHEDULABLE, tolerations):
        yield "node(s) were unschedulable"
        return
    for taint in place.node["spec"].get("taints") or ():
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not _tolerated(taint, tolerations):
            yield "node(s) had untolerated taint(s)"
            return
    if not _node_matches(spec, place):
        yield AFFINITY


def _tolerated(taint: Object, tolerations: Any) -> bool:
    return any(
        item.get("effect") in (None, "", taint.get("effect"))
        and item.get("key") in (None, "", taint["key"])
        and (item.get("operator") == "Exists" or item.get("value", "") == taint.get("value", ""))
        for item in tolerations
    )


def _node_matches(spec: Object, place: Place) -> bool:
    if any(place.labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED)
    return required is None or any(_term(term, place) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Object, place: Place) -> bool:
    expressions, members = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not members:
        return False
    return all(_holds(item, place.labels) for item in expressions) and all(
        _holds(item, {"metadata.name": place.name}) for item in members
    )


def _holds(item: Object, labels: dict[str, str]) -> bool:
    key, values = item["key"], item.get("values") or []
    tests: dict[str, Callable[[], bool]] = {
        "In": lambda: labels.get(key) in values, "NotIn": lambda: labels.get(key) not in values,
        "Exists": lambda: key in labels, "DoesNotExist": lambda: key not in labels,
        "Gt": lambda: key in labels and int(labels[key]) > int(values[0]),
        "Lt": lambda: key in labels and int(labels[key]) < int(values[0]),
    }  # fmt: skip
    return tests[item["operator"]]()


def _resources(pod: Object, place: Place) -> Iterator[tuple[str, bool]]:
    """What is short, and whether the empty node would not have it either."""
    allocatable = place.node["status"]["allocatable"]
    if len(place.pods) >= int(allocatable.get("pods", "110")):
        yield "Too many pods", False
    containers = [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]
    names = {name for item in containers for name in ((item.get("resources") or {}).get("requests") or {})}
    for name in sorted(names):
        wanted = requested(pod["spec"], name)
        if wanted and wanted > place.free(name):
            yield f"Insufficient {name}", wanted > quantity.parse(allocatable.get(name, "0"))


def _others(pod: Object, place: Place, places: list[Place]) -> Iterator[Refusal]:
    """In the order of the scheduler's filters: spread, then affinity, then anti-affinity."""
    for constraint in pod["spec"].get("topologySpreadConstraints") or ():
        if constraint.get("whenUnsatisfiable") == "DoNotSchedule":
            if constraint["topologyKey"] not in place.labels:
                yield Refusal([f"{_SPREAD} (missing required label)"], final=True)
            elif _skewed(pod, constraint, place, places):
                yield Refusal([_SPREAD], final=False)
    affinity = pod["spec"].get("affinity") or {}
    for term in (affinity.get("podAffinity") or {}).get(_REQUIRED) or ():
        alone = not any(_near(pod, term, one, places) for one in places) and _chosen(term, pod, pod)
        if not (alone and term["topologyKey"] in place.labels) and not _near(pod, term, place, places):
            yield Refusal(["node(s) didn't match pod affinity rules"], final=True)
    for term in (affinity.get("podAntiAffinity") or {}).get(_REQUIRED) or ():
        if _near(pod, term, place, places):
            yield Refusal(["node(s) didn't match pod anti-affinity rules"], final=False)
    if _unwanted(pod, place, places):
        yield Refusal(["node(s) didn't satisfy existing pods anti-affinity rules"], final=False)


def _unwanted(pod: Object, place: Place, places: list[Place]) -> bool:
    """Whether a pod that runs already refuses this one in its neighbourhood."""
    for one in places:
        for other in one.pods:
            for term in ((other["spec"].get("affinity") or {}).get("podAntiAffinity") or {}).get(_REQUIRED) or ():
                domain = one.labels.get(term["topologyKey"])
                if domain and place.labels.get(term["topologyKey"]) == domain and _chosen(term, other, pod):
                    return True
    return False


def _chosen(term: Object, pod: Object, other: Object) -> bool:
    namespaces = term.get("namespaces") or [pod["metadata"]["namespace"]]
    matches = label_matcher(selector_text(term.get("labelSelector") or {}))
    return other["metadata"]["namespace"] in namespaces and matches(other)


def _near(pod: Object, term: Object, place: Place, places: list[Place]) -> bool:
    """Whether a pod that the term selects runs in the same topology domain."""
    key = term["topologyKey"]
    domain = place.labels.get(key)
    if domain is None:
        return False
    return any(_chosen(term, pod, other) for one in places if one.labels.get(key) == domain for other in one.pods)


def _skewed(pod: Object, constraint: Object, place: Place, places: list[Place]) -> bool:
    key = constraint["topologyKey"]
    counts: dict[str, int] = {}
    for one in places:
        domain = one.labels.get(key)
        if domain is not None and _counts(pod, constraint, one):
            counts[domain] = counts.get(domain, 0) + sum(_is_mate(pod, constraint, other) for other in one.pods)
    mine = place.labels.get(key)
    return mine is None or mine not in counts or counts[mine] + 1 - min(counts.values()) > constraint.get("maxSkew", 1)


def _counts(pod: Object, constraint: Object, place: Place) -> bool:
    """Whether a node is one of those that pods are spread over. A taint counts only where that is said."""
    honoured = constraint.get("nodeTaintsPolicy") == "Honor"
    return may_run(pod, place.node) if honoured else _node_matches(pod["spec"], place)


def _is_mate(pod: Object, constraint: Object, other: Object) -> bool:
    mine, labels = (item["metadata"].get("labels") or {} for item in (pod, other))
    keys = [key for key in constraint.get("matchLabelKeys") or () if key in mine]
    return _chosen(constraint, pod, other) and all(labels.get(key) == mine[key] for key in keys)
