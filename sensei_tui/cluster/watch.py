"""One kind of object, listed once and then followed.

The loop: list (pages of 500) -> watch from the list's resourceVersion with bookmarks -> reconnect when the server ends
the watch -> list again when the place in the stream is too old (410, which a real server says with status 200 and an
ERROR line). Failures are retried with back-off and jitter; the last known objects stay in the picture meanwhile.
"""

from __future__ import annotations

import random
import threading
from typing import Any

import msgspec

from sensei_tui.cluster import kinds
from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import ClusterError, ConnectionLost, Expired, Forbidden
from sensei_tui.cluster.snapshot import (
    EndpointSlice,
    Event,
    Node,
    ObjectMeta,
    PersistentVolumeClaim,
    Pod,
    Service,
    Workload,
)
from sensei_tui.cluster.stream import LineStream

WATCH_SECONDS = (240, 300)
"""A watch is ended by the server after a random time in this range, so that not all end at once (as client-go does)."""
READ_TIMEOUT = 330.0
"""Seconds without a byte after which the connection is dead: longer than the server's own end of the watch."""
FIRST_WAIT, LONGEST_WAIT = 0.25, 30.0
"""Seconds between attempts: doubled each time, with jitter."""
FORBIDDEN_WAIT = 60.0
"""Seconds after which a forbidden kind is asked for again: somebody may have granted it."""


class Watched(msgspec.Struct, frozen=True):
    """A kind of object, its place in the Snapshot and its type."""

    where: kinds.Kind
    field: str
    type: type[Any]
    everywhere: bool = False
    """In all namespaces where we may list it there."""

    @property
    def name(self) -> str:
        """`Pod`."""
        return self.where.name

    def key(self, metadata: ObjectMeta) -> str:
        """As Snapshot says: `name`, `namespace/name` or `Kind/namespace/name`."""
        spaced = f"{metadata.namespace}/{metadata.name}" if self.where.namespaced else metadata.name
        return f"{self.name}/{spaced}" if self.field == "workloads" else spaced


ALL = (
    Watched(kinds.POD, "pods", Pod, everywhere=True), Watched(kinds.NODE, "nodes", Node),
    Watched(kinds.DEPLOYMENT, "workloads", Workload), Watched(kinds.REPLICA_SET, "workloads", Workload),
    Watched(kinds.STATEFUL_SET, "workloads", Workload), Watched(kinds.JOB, "workloads", Workload),
    Watched(kinds.SERVICE, "services", Service), Watched(kinds.ENDPOINT_SLICE, "endpoint_slices", EndpointSlice),
    Watched(kinds.CLAIM, "claims", PersistentVolumeClaim), Watched(kinds.EVENT, "events", Event),
)  # fmt: skip


class _Line(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Bare(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


_decode_line = msgspec.json.Decoder(_Line).decode


class Watcher:
    """The loop for one kind; `run` is a thread's work. `changed` is set whenever its part of the picture changes."""

    def __init__(
        self, cluster: Cluster, namespace: str, kind: Watched, changed: threading.Event, stop: threading.Event,
        dice: random.Random,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.listed = False
        """Listed once, or known to be forbidden."""
        self.trouble = ""
        self._granted = False
        """It could be listed and watched here before."""
        self._cluster = cluster
        self._namespace = namespace
        self._path = kind.where.path("" if kind.everywhere else namespace)
        self._changed = changed
        self._stop = stop
        self._dice = dice
        self._lock = threading.Lock()
        self._objects: dict[str, Any] = {}
        self._version = ""
        self._stream: LineStream | None = None
        self._decode = msgspec.json.Decoder(kind.type).decode

    def objects(self) -> dict[str, Any]:
        """A copy of what is known now."""
        with self._lock:
            return dict(self._objects)

    def close(self) -> None:
        """End a blocked read; `stop` is set already."""
        with self._lock:
            stream = self._stream
        if stream:
            stream.close()

    def run(self) -> None:
        """List and watch until told to stop."""
        failures = 0
        while not self._stop.is_set():
            try:
                if not self._version:
                    self._list()
                    failures = 0
                self._watch()
                failures = 0
            except ClusterError as error:
                if self._stop.is_set():
                    return
                failures += 1
                self._stop.wait(self._failed(error, failures))

    def _failed(self, error: ClusterError, failures: int) -> float:
        """Note it. Returns the seconds until the next attempt."""
        if isinstance(error, Expired):
            self._version = ""
            return self._back_off(failures) if failures > 1 else 0.0
        if isinstance(error, Forbidden):
            return self._forbidden(error, failures)
        if failures > 1:
            self._version = ""  # The server may have lost what we were following (restored, "too large version").
        self._note(f"{self.kind.where.plural}: {error.why or error.what}")
        return self._back_off(failures)

    def _back_off(self, failures: int) -> float:
        longest: float = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures, 10))
        return longest * self._dice.uniform(0.5, 1)

    def _forbidden(self, error: Forbidden, failures: int) -> float:
        if self._granted:
            # An API server that has just started refuses everything until it knows its roles.
            self._note(f"{self.kind.where.plural}: {_missing(error)}")
            return self._back_off(failures)
        own = self.kind.where.path(self._namespace)
        if self._path != own:
            self._path, self._version = own, ""  # What is in our namespace will do.
            return 0.0
        self.listed = True
        self._note(f"{self.kind.where.plural}: {_missing(error)}")
        return FORBIDDEN_WAIT

    def _note(self, trouble: str) -> None:
        self.trouble = trouble
        self._changed.set()

    def _list(self) -> None:
        page = self._cluster.read_list(self._path, self.kind.type)
        objects = {self.kind.key(item.metadata): self._named(item) for item in page.items}
        with self._lock:
            self._objects, self._version = objects, page.resource_version
        self.listed = True
        bad = page.unreadable
        self._note(f"{len(bad)} {self.kind.where.plural} could not be read: {bad[0]}" if bad else "")

    def _named(self, item: Any) -> Any:
        return msgspec.structs.replace(item, kind=self.kind.name) if self.kind.field == "workloads" else item

    def _watch(self) -> None:
        query: dict[str, str | int | bool] = {
            "watch": True, "resourceVersion": self._version, "allowWatchBookmarks": True,
            "timeoutSeconds": self._dice.randint(*WATCH_SECONDS),
        }  # fmt: skip
        stream = LineStream(self._cluster.transport, self._path, query, (self._cluster.transport.timeout, READ_TIMEOUT))
        with self._lock:
            self._stream = stream
        if self._stop.is_set():
            stream.close()
        self._granted = True
        if self.trouble:
            self._note("")
        with stream:
            for line in stream:
                self._take(line)

    def _take(self, line: bytes) -> None:
        """One line of a watch. Raises Expired, ClusterError."""
        try:
            event = _decode_line(line)
            if event.type == "ERROR":
                raise _stream_error(msgspec.json.decode(event.object, type=_Status))
            metadata = msgspec.json.decode(event.object, type=_Bare).metadata
            item = None if event.type in ("BOOKMARK", "DELETED") else self._named(self._decode(event.object))
        except msgspec.ValidationError as error:
            self._note(f"{self.kind.where.plural}: one could not be read: {error}")
            return
        except msgspec.DecodeError as error:
            raise ConnectionLost("A watch sent something that is not JSON.", why=str(error)) from error
        self._keep(event.type, metadata, item)

    def _keep(self, type: str, metadata: ObjectMeta, item: Any) -> None:
        with self._lock:
            self._version = metadata.resource_version
            if item is not None:
                self._objects[self.kind.key(metadata)] = item
            elif type == "DELETED":
                self._objects.pop(self.kind.key(metadata), None)
        if type != "BOOKMARK":
            self._changed.set()


def _missing(error: Forbidden) -> str:
    return f"may not {error.verb} {error.resource}" if error.verb else error.why


def _stream_error(status: _Status) -> ClusterError:
    kind = Expired if status.code == 410 else ClusterError
    return kind("The watch ended.", why=status.message, status=status.code)
