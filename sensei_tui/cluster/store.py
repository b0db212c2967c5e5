"""The cluster as a picture that keeps itself up to date: one list and watch for each kind, in threads."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from sensei_tui.base.errors import SenseiError
from sensei_tui.cluster.client import Cluster, hang_up
from sensei_tui.cluster.errors import ClusterError
from sensei_tui.cluster.resources import collection
from sensei_tui.cluster.snapshot import (
    EndpointSlice,
    Event,
    Node,
    ObjectMeta,
    PersistentVolumeClaim,
    Pod,
    Service,
    Snapshot,
    Workload,
)

QUIET = 0.2
"""Seconds between two pictures at least: changes in between are one picture."""
WATCH_SECONDS = (240, 300)
"""A watch is ended by the server after a random time in this range, as client-go asks."""
READ_TIMEOUT = 330.0
"""Seconds without a byte after which a watch is dead: longer than the server's own end of it."""
LONGEST_WAIT = 30.0
"""Seconds between attempts at most."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind: its place in the snapshot, its type, and how it is keyed."""

    kind: str
    field: str
    type: type[Any]

    def key(self, metadata: ObjectMeta) -> str:
        """See Snapshot."""
        if self.kind == "Node":
            return metadata.name
        plain = f"{metadata.namespace}/{metadata.name}"
        return f"{self.kind}/{plain}" if self.field == "workloads" else plain


ALL = (
    Watched("Node", "nodes", Node), Watched("Pod", "pods", Pod), Watched("Deployment", "workloads", Workload),
    Watched("ReplicaSet", "workloads", Workload), Watched("StatefulSet", "workloads", Workload),
    Watched("Job", "workloads", Workload), Watched("Service", "services", Service),
    Watched("EndpointSlice", "endpoint_slices", EndpointSlice), Watched("PersistentVolumeClaim", "claims", PersistentVolumeClaim),
    Watched("Event", "events", Event),
)  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


@dataclass
class _Part:
    """What one loop knows."""

    watched: Watched
    objects: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    listed: bool = False
    trouble: str = ""
    response: Any = None


class ClusterStore:
    """Keeps a Snapshot of one namespace (and of the nodes). `on_change` is called from a thread of ours."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        on_change: Callable[[Snapshot], None],
        *,
        kinds: tuple[Watched, ...] = ALL,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._on_change = on_change
        self._parts = [_Part(kind) for kind in kinds]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._dirty = threading.Event()
        self._complete = threading.Event()
        self._threads: list[threading.Thread] = []
        self.snapshot = Snapshot(namespace=namespace)

    def start(self) -> None:
        """Begin to list and watch."""
        work: list[Callable[[], None]] = [lambda part=part: self._keep(part) for part in self._parts]  # type: ignore[misc]
        self._threads = [threading.Thread(target=item, name="watch", daemon=True) for item in (*work, self._publish)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End every watch; returns when no more pictures come."""
        self._stop.set()
        self._dirty.set()
        with self._lock:
            for part in self._parts:
                if part.response is not None:
                    hang_up(part.response)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(2)

    def wait_complete(self, timeout: float) -> bool:
        """Wait until every kind was listed once (or is known to be forbidden)."""
        return self._complete.wait(timeout)

    # One kind.

    def _keep(self, part: _Part) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                if not part.version:
                    self._list(part)
                self._watch(part)
                failures = 0
            except SenseiError as error:
                failures += 1
                self._note(part, error)
            except (msgspec.DecodeError, OSError) as error:
                failures += 1
                self._note(part, ClusterError("The watch broke.", why=str(error)))
            if failures:
                wait = min(LONGEST_WAIT, 0.5 * 2 ** min(failures, 6))
                self._stop.wait(wait * random.uniform(0.5, 1))

    def _list(self, part: _Part) -> None:
        objects: dict[str, Any] = {}
        version = ""
        for page in self._cluster.pages(self._path(part), part.watched.type):
            objects |= {part.watched.key(item.metadata): self._kinded(part, item) for item in page.items}
            version = page.metadata.resourceVersion
        with self._lock:
            part.objects, part.version, part.listed, part.trouble = objects, version, True, ""
        self._dirty.set()

    def _watch(self, part: _Part) -> None:
        params = {"watch": "true", "resourceVersion": part.version, "allowWatchBookmarks": "true",
                  "timeoutSeconds": random.randint(*WATCH_SECONDS)}  # fmt: skip
        response = self._cluster.send("GET", self._path(part), params=params, stream=True, timeout=(10, READ_TIMEOUT))
        with self._lock:
            part.response = response
            part.trouble = ""
        self._dirty.set()
        try:
            self._take_all(part, response)
        finally:
            with self._lock:
                part.response = None
            response.close()

    def _take_all(self, part: _Part, response: Any) -> None:
        import urllib3

        decode = msgspec.json.Decoder(Line).decode
        rest = b""
        while not self._stop.is_set():
            try:
                data = response.read1(65536)
            except (urllib3.exceptions.HTTPError, ValueError) as error:
                if self._stop.is_set():
                    return
                raise ClusterError("The watch was cut off.", why=str(error)) from error
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            if any([self._take(part, decode(line)) for line in lines if line]):
                self._dirty.set()

    def _take(self, part: _Part, line: Line) -> bool:
        """One event; True if the picture changed."""
        if line.type == "ERROR":
            # 410: what we know is too old to go on from. The list is made anew; the picture stays until then.
            part.version = ""
            raise ClusterError("The watch has to begin anew.", reason="Expired")
        metadata = msgspec.json.decode(line.object, type=_Meta).metadata
        with self._lock:
            part.version = metadata.resource_version
            if line.type == "BOOKMARK":
                return False
            key = part.watched.key(metadata)
            if line.type == "DELETED":
                part.objects.pop(key, None)
            else:
                part.objects[key] = self._kinded(part, msgspec.json.decode(line.object, type=part.watched.type))
        return True

    def _kinded(self, part: _Part, item: Any) -> Any:
        return msgspec.structs.replace(item, kind=part.watched.kind) if part.watched.field == "workloads" else item

    def _path(self, part: _Part) -> str:
        return collection(part.watched.kind, self._namespace)

    def _note(self, part: _Part, error: SenseiError) -> None:
        expired = isinstance(error, ClusterError) and error.reason == "Expired"
        forbidden = isinstance(error, ClusterError) and error.status == 403
        with self._lock:
            if not expired:
                part.trouble = f"{part.watched.kind}: {error.why or error.what}"
            part.listed = part.listed or forbidden
        self._dirty.set()

    # The picture.

    def _publish(self) -> None:
        while True:
            self._dirty.wait()
            if self._stop.is_set():
                return
            self._dirty.clear()
            self.snapshot = self._picture()
            if self.snapshot.complete:
                self._complete.set()
            self._on_change(self.snapshot)
            self._stop.wait(QUIET)

    def _picture(self) -> Snapshot:
        with self._lock:
            maps: dict[str, dict[str, Any]] = {}
            for part in self._parts:
                maps.setdefault(part.watched.field, {}).update(part.objects)
            troubles = list(dict.fromkeys(part.trouble for part in self._parts if part.trouble))
            complete = all(part.listed for part in self._parts)
        frozen = {name: MappingProxyType(objects) for name, objects in maps.items()}
        trouble = troubles[0] + (f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else "") if troubles else ""
        return Snapshot(namespace=self._namespace, complete=complete, trouble=trouble, **frozen)
