"""The health board: every component of the drawing judged, from one snapshot and the operator's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sensei_tui.base.text import plural
from sensei_tui.cluster.snapshot import Pod, Service, Snapshot, Workload
from sensei_tui.health import pods as words
from sensei_tui.health.components import COMPONENTS, Component, component_of, is_external, is_ours, is_wanted
from sensei_tui.health.index import Index, name_of
from sensei_tui.health.model import (
    ComponentHealth,
    Health,
    NodeHealth,
    NotReady,
    PodHealth,
    ServiceHealth,
    Why,
    Word,
)
from sensei_tui.health.nodes import judge_nodes
from sensei_tui.health.podwhy import passing
from sensei_tui.health.why import carries, desired, given_up, pod_why, unready

_ASIDE = ("nodes", "events", "replicasets", "persistentvolumeclaims")
"""Kinds without which a component can still be judged (an operator of one namespace may not list nodes)."""
_NAMED = 3
"""Components named in the headline."""


def assess(snapshot: Snapshot, values: Mapping[str, Any] | None = None) -> Health:
    """Judge a snapshot. What is not known is `?`: nothing of an incomplete or stale picture is called ok.

    `values` are the merged values; they tell which component is external and whether a local LLM is wanted.
    """
    index, blind = Index(snapshot), _blind(snapshot)
    late = {item.object: item for item in unready(index)}
    services = tuple(_service(index, item, late.values()) for item in index.services)
    pods = {pod.metadata.name: _pod(index, pod) for pod in index.pods}
    board = _Board(index, values, late, pods, {item.name: item for item in services})
    ours = _ours(index)
    health = Health(
        word=Word.OK, headline="", components=board.components(), pods=tuple(pods.values()), services=services,
        nodes=judge_nodes(snapshot.nodes.values(), snapshot.pods.values()),
        not_ready=tuple(item for item in late.values() if item.object in ours),
    )  # fmt: skip
    return _unknown(health, blind) if blind else _verdict(health, snapshot.trouble)


def _blind(snapshot: Snapshot) -> str:
    """Why the picture cannot be trusted; empty if it can."""
    trouble = snapshot.trouble
    if not snapshot.complete:
        return trouble or "it has not shown everything yet"
    aside = trouble.partition(":")[0] in _ASIDE and not trouble.endswith("more)")
    return "" if aside else trouble


def _ours(index: Index) -> frozenset[str]:
    """Names of what the charts made: other things in the namespace do not spoil the verdict."""
    kinds: dict[str, Iterable[Any]] = {
        "Pod": index.pods, "Service": index.services, "PersistentVolumeClaim": index.claims,
    }  # fmt: skip
    pairs = [(f"{kind}/{item.metadata.name}", item) for kind, items in kinds.items() for item in items]
    pairs += list(index.workloads.items())
    return frozenset(name for name, item in pairs if is_ours(item.metadata.labels))


class _Board:
    def __init__(
        self, index: Index, values: Mapping[str, Any] | None, late: dict[str, NotReady], pods: dict[str, PodHealth],
        services: dict[str, ServiceHealth],
    ) -> None:  # fmt: skip
        self._index, self._values, self._late = index, values, late
        self._pods, self._services = pods, services
        self._there = {
            component_of(item.metadata.labels): item
            for item in index.workloads.values() if item.kind != "Job"
        }  # fmt: skip
        self._releases = {item.release for item in COMPONENTS if item.name in self._there}

    def components(self) -> tuple[ComponentHealth, ...]:
        """In the order of the drawing; a local LLM only where it is deployed or wanted."""
        return tuple(self._component(item) for item in COMPONENTS if self._shown(item))

    def _shown(self, component: Component) -> bool:
        optional = component.name == "llm"
        return not optional or component.name in self._there or is_wanted(component, self._values)

    def _component(self, component: Component) -> ComponentHealth:
        item = self._there.get(component.name)
        base = ComponentHealth(
            name=component.name, title=component.title, group=component.group, word=Word.SKIP, ready=0, desired=0,
            pods=self._pods_of(component.name), services=self._services_of(component.name),
        )  # fmt: skip
        if item is None:
            return self._absent(component, base)
        late, wanted = self._late.get(name_of(item)), desired(item)
        ready = min(late.ready, wanted) if late else wanted
        if not wanted and not late:
            return msgspec.structs.replace(base, word=Word.WARN, workload=name_of(item), why=(_stopped(item),))
        word = _workload_word(late, given_up(item) is not None)
        return msgspec.structs.replace(
            base, word=word, ready=ready, desired=wanted, workload=name_of(item), why=late.why if late else (),
        )  # fmt: skip

    def _absent(self, component: Component, base: ComponentHealth) -> ComponentHealth:
        if is_external(component, self._values):
            return msgspec.structs.replace(base, external=True)
        if component.release not in self._releases:
            return base
        known = self._values is not None or not component.external
        sentence = "not deployed, though the rest of its release is"
        why = Why(object=component.workload, reason="NotDeployed", sentence=sentence, remedy="Run: sensei upgrade")
        return msgspec.structs.replace(base, word=Word.FAIL if known else Word.UNKNOWN, desired=1, why=(why,))

    def _pods_of(self, component: str) -> tuple[PodHealth, ...]:
        own = (pod.metadata for pod in self._index.pods if component_of(pod.metadata.labels) == component)
        return tuple(self._pods[metadata.name] for metadata in own)

    def _services_of(self, component: str) -> tuple[ServiceHealth, ...]:
        own = (item.metadata for item in self._index.services if component_of(item.metadata.labels) == component)
        return tuple(self._services[metadata.name] for metadata in own)


def _stopped(item: Workload) -> Why:
    """The charts want at least one pod of everything: somebody, or a restore that did not end, took them away."""
    remedy = "Resume a restore that did not end (sensei runs list), or bring it back: sensei upgrade --take-over"
    return Why(object=name_of(item), reason="Stopped", sentence="stopped: no pods are wanted", remedy=remedy)


def _workload_word(late: NotReady | None, abandoned: bool) -> Word:
    if late is None:
        return Word.OK
    if abandoned or any(not passing(why) for why in late.why):
        return Word.WARN if late.ready else Word.FAIL
    return Word.WAIT


def _pod(index: Index, pod: Pod) -> PodHealth:
    why = pod_why(pod, index.events_of("Pod", pod.metadata))
    word = Word.OK if why is None else Word.WAIT if passing(why) else Word.FAIL
    return PodHealth(
        name=pod.metadata.name, word=word, ready=words.ready(pod), status=words.status(pod),
        restarts=words.restarts(pod), node=pod.spec.node_name, created=pod.metadata.creation_timestamp or "", why=why,
    )  # fmt: skip


def _service(index: Index, item: Service, late: Iterable[NotReady]) -> ServiceHealth:
    ready, total = index.endpoints(item)
    ports = ",".join(f"{port.port}/{port.protocol}" for port in item.spec.ports)
    return ServiceHealth(
        name=item.metadata.name, type=item.spec.type, ports=ports, ready=ready, total=total,
        word=_service_word(index, item, ready, total),
    )  # fmt: skip


def _service_word(index: Index, item: Service, ready: int, total: int) -> Word:
    """Nobody promised endpoints for a service that is not ours, selects nothing, or is scaled to nothing."""
    if ready and ready == total:
        return Word.OK
    wanted = item.spec.selector
    behind = [pod for pod in index.pods if carries(pod.metadata, wanted)]
    scaled = [other for other in index.workloads.values() if carries(other.metadata, wanted)]
    if not wanted or not is_ours(item.metadata.labels) or (scaled and not any(map(desired, scaled))):
        return Word.SKIP
    whys = [why for pod in behind if (why := pod_why(pod, index.events_of("Pod", pod.metadata)))]
    if (behind and all(map(passing, whys))) or (not behind and scaled):
        return Word.WAIT
    return Word.WARN if ready else Word.FAIL


# The verdict.


def _unknown(health: Health, reason: str) -> Health:
    """The same picture without a verdict."""
    replace, components = msgspec.structs.replace, health.components
    pods = {pod.name: replace(pod, word=Word.UNKNOWN) for pod in health.pods}
    services = {item.name: replace(item, word=Word.UNKNOWN) for item in health.services}
    return replace(
        health, word=Word.UNKNOWN, headline=f"not known, the cluster does not show its state: {reason}",
        pods=tuple(pods.values()), services=tuple(services.values()),
        nodes=tuple(replace(node, word=Word.UNKNOWN) for node in health.nodes),
        components=tuple(replace(
            item, word=Word.UNKNOWN, pods=tuple(pods[pod.name] for pod in item.pods),
            services=tuple(services[other.name] for other in item.services),
        ) for item in components),
    )  # fmt: skip


def _verdict(health: Health, trouble: str) -> Health:
    word, headline = _judged(health)
    if trouble:
        headline += f" ({trouble})"
    return msgspec.structs.replace(health, word=word, headline=headline)


def _judged(health: Health) -> tuple[Word, str]:
    deployed = [item for item in health.components if item.workload]
    if not deployed:
        return Word.SKIP, "nothing deployed"
    bad = [item for item in health.components if item.word in (Word.FAIL, Word.WARN)]
    absent = [item for item in health.components if not item.workload and not item.external and item not in bad]
    other = _other(health)
    if bad or other:
        told = [*(f"{item.title} {_count(item)}" for item in bad), *other]
        word = Word.FAIL if any(item.word is Word.FAIL for item in bad) else Word.WARN
        return word, f"DEGRADED: {_some(told)}"
    if unknown := [item.title for item in health.components if item.word is Word.UNKNOWN]:
        return Word.UNKNOWN, f"not known: {_some(unknown)}"
    if absent:
        return Word.WARN, f"INCOMPLETE: {plural(len(absent), 'component')} not deployed: " + _some(
            [item.title for item in absent]
        )
    return _well(health, deployed)


def _well(health: Health, deployed: list[ComponentHealth]) -> tuple[Word, str]:
    waiting = [f"{item.title} {_count(item)}" for item in deployed if item.word is Word.WAIT]
    waiting = waiting or [f"Service/{item.name}" for item in health.services if item.word is Word.WAIT]
    waiting = waiting or [item.object for item in health.not_ready]
    if waiting:
        return Word.WAIT, f"starting: {_some(waiting)}"
    external = sum(item.external for item in health.components)
    beside = f", {external} external (not checked here)" if external else ""
    nodes = [node for node in health.nodes if node.word is not Word.OK]
    told = f"; {_some([f'{node.name} {_bad(node)}' for node in nodes])}" if nodes else ""
    headline = f"all {plural(len(deployed), 'component')} ready{beside}{told}"
    return (Word.WARN if nodes else Word.OK), headline


def _bad(node: NodeHealth) -> str:
    return node.conditions.partition(", taint ")[0]


def _other(health: Health) -> list[str]:
    """What is not well although no component says so: a failed job, a lost claim, a service without endpoints."""
    own = {item.workload for item in health.components}
    stuck = [item for item in health.not_ready if item.object not in own and not all(map(passing, item.why))]
    found = [f"{item.object} {item.ready}/{item.desired}" for item in stuck]
    blamed = {item.object for item in stuck}
    well = [item for item in health.components if item.word is Word.OK]
    cut_off = [item for part in well for item in part.services if item.word in (Word.FAIL, Word.WARN)]
    return found + [f"Service/{item.name} {item.ready}/{item.total}" for item in cut_off
                    if f"Service/{item.name}" not in blamed]  # fmt: skip


def _count(item: ComponentHealth) -> str:
    return f"{item.ready}/{item.desired}" if item.workload else "not deployed"


def _some(told: list[str]) -> str:
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return ", ".join(told[:_NAMED]) + more
