"""A snapshot arranged for questions: whose pods are these, what was said about this object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol, TypeVar

from sensei_tui.cluster.snapshot import (
    EndpointSlice,
    Event,
    ObjectMeta,
    OwnerReference,
    PersistentVolumeClaim,
    Pod,
    Service,
    Snapshot,
    Workload,
)

_HASH = "pod-template-hash"


class HasMetadata(Protocol):
    """Any object of the API."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=HasMetadata)


class Index:
    """The objects of the snapshot's own namespace (pods may be known of all namespaces)."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._namespace = snapshot.namespace
        self.pods: list[Pod] = self._here(snapshot.pods.values())
        self.services: list[Service] = self._here(snapshot.services.values())
        self.claims: list[PersistentVolumeClaim] = self._here(snapshot.claims.values())
        found: list[Workload] = self._here(snapshot.workloads.values())
        self._sets = {item.metadata.name: item for item in found if item.kind == "ReplicaSet"}
        self.workloads = {name_of(item): item for item in found if not _is_part(item)}
        self._pods = self._by_owner()
        self._events = self._by_object(snapshot.events.values())
        self._slices: dict[str, list[EndpointSlice]] = defaultdict(list)
        for part in self._here(snapshot.endpoint_slices.values()):
            self._slices[part.service].append(part)

    def _here(self, items: Iterable[T]) -> list[T]:
        wanted = ("", self._namespace)
        here = [item for item in items if not self._namespace or item.metadata.namespace in wanted]
        return sorted(here, key=lambda item: item.metadata.name)

    def _by_owner(self) -> dict[str, list[Pod]]:
        owned: dict[str, list[Pod]] = defaultdict(list)
        for pod in self.pods:
            owned[self._owner(pod)].append(pod)
        return owned

    def _owner(self, pod: Pod) -> str:
        """`Deployment/sensei-kora`; empty for a pod that nobody controls."""
        owner = controller(pod.metadata)
        if owner is None or owner.kind != "ReplicaSet":
            return f"{owner.kind}/{owner.name}" if owner else ""
        above = controller(self._sets[owner.name].metadata) if owner.name in self._sets else None
        if above:
            return f"{above.kind}/{above.name}"
        # The ReplicaSet of a Deployment is named after it and the hash of its template.
        suffix = f"-{pod.metadata.labels.get(_HASH)}"
        known = owner.name not in self._sets and owner.name.endswith(suffix)
        return f"Deployment/{owner.name.removesuffix(suffix)}" if known else f"ReplicaSet/{owner.name}"

    @staticmethod
    def _by_object(events: Iterable[Event]) -> dict[tuple[str, str], list[Event]]:
        told: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in sorted(events, key=_moment):
            told[event.involved_object.kind, event.involved_object.name].append(event)
        return told

    def pods_of(self, workload: Workload) -> list[Pod]:
        """A workload's pods; those of a namesake before it (a Job made anew) are left out."""
        uid = workload.metadata.uid
        found = self._pods.get(name_of(workload), [])
        return [pod for pod in found if not _of_namesake(controller(pod.metadata), workload.kind, uid)]

    @property
    def bare_pods(self) -> list[Pod]:
        """Pods that no controller made."""
        return self._pods.get("", [])

    def sets_of(self, workload: Workload) -> list[str]:
        """Names of a Deployment's ReplicaSets."""
        owned = ((name, controller(item.metadata)) for name, item in self._sets.items())
        return [name for name, owner in owned if owner and f"{owner.kind}/{owner.name}" == name_of(workload)]

    def events_of(self, kind: str, metadata: ObjectMeta) -> list[Event]:
        """What was said about an object, oldest first."""
        found = self._events.get((kind, metadata.name), [])
        return [event for event in found if is_about(event, metadata)]

    def events_named(self, kind: str, name: str) -> list[Event]:
        """What was said about an object of this name, oldest first."""
        return self._events.get((kind, name), [])

    def endpoints(self, service: Service) -> tuple[int, int]:
        """Ready endpoints and all of them. One pod counts once; a pod that is going does not count."""
        going = {pod.metadata.name for pod in self.pods if pod.metadata.deletion_timestamp}
        ready: dict[str, bool] = {}
        for part in self._slices.get(service.metadata.name, []):
            for endpoint in part.endpoints or ():
                name = endpoint.target_ref.name if endpoint.target_ref else ",".join(endpoint.addresses)
                # "ready: null" means ready (EndpointConditions of discovery.k8s.io/v1).
                is_ready = endpoint.conditions.ready is not False
                ready[name] = is_ready or ready.get(name, False)
        counted = [is_ready for name, is_ready in ready.items() if name not in going]
        return sum(counted), len(counted)


def name_of(workload: Workload) -> str:
    """`Deployment/sensei-kora`."""
    return f"{workload.kind}/{workload.metadata.name}"


def controller(metadata: ObjectMeta) -> OwnerReference | None:
    """The object that made this one and looks after it."""
    return next((owner for owner in metadata.owner_references if owner.controller), None)


def is_about(event: Event, metadata: ObjectMeta) -> bool:
    """Whether an event is about this very object, not an earlier one of the same name."""
    told = event.involved_object
    return told.name == metadata.name and (not told.uid or not metadata.uid or told.uid == metadata.uid)


def _is_part(item: Workload) -> bool:
    return item.kind == "ReplicaSet" and controller(item.metadata) is not None


def _of_namesake(owner: OwnerReference | None, kind: str, uid: str) -> bool:
    return bool(owner and owner.kind == kind and owner.uid and uid and owner.uid != uid)


def _moment(event: Event) -> str:
    # Without its Z a time sorts before the same second with a fraction.
    return event.when.rstrip("Z")
