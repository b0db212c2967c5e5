"""What the health board and the Deploy screen show: immutable, computed from a cluster snapshot."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Word(StrEnum):
    """State as a word first; a screen may add a colour, never replace the word."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"
    UNKNOWN = "?"
    WAIT = "wait"
    SKIP = "skip"


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """One reason an object is not well: the sentence an operator needs."""

    object: str
    """`Deployment/sensei-kora` or `Pod/sensei-kora-7c9d`."""
    reason: str
    """A short stable word: `ImagePullBackOff`, `CrashLoopBackOff`, `Unschedulable`, `OOMKilled`, ..."""
    sentence: str
    """What and why, one line: `pulling image REG/sensei/kora:1.0.0 failed: connection refused`."""
    remedy: str = ""
    container: str = ""
    since: str = ""
    """RFC 3339, or empty."""
    last_log: str = ""
    """The container's last log line where one was read."""


class NotReady(msgspec.Struct, frozen=True, kw_only=True):
    """A workload, claim or service that a step waits for."""

    object: str
    """`Deployment/sensei-kora`."""
    ready: int
    desired: int
    why: tuple[Why, ...] = ()


class PodHealth(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    word: Word
    ready: str
    """Containers, `1/2`."""
    status: str
    """In kubectl's words: `Running`, `CrashLoopBackOff`, `Pending`."""
    restarts: int
    node: str
    created: str
    why: Why | None = None


class ServiceHealth(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: str
    ports: str
    """`80/TCP`, comma separated."""
    ready: int
    """Ready endpoint addresses."""
    total: int
    word: Word


class NodeHealth(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    word: Word
    version: str
    conditions: str
    """Bad conditions and taints in words; empty when well."""
    cpu_requested: int
    """Millicores."""
    cpu_allocatable: int
    memory_requested: int
    """Bytes."""
    memory_allocatable: int
    gpus_requested: int
    gpus_allocatable: int
    pods: int


class ComponentHealth(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """The `app.kubernetes.io/component` label: `pattern-library`."""
    title: str
    """As the guide writes it: `Pattern Library`."""
    group: str
    """`Control plane`, `Data plane`, `Data stores` or `LLM`."""
    word: Word
    ready: int
    desired: int
    workload: str = ""
    """`Deployment/sensei-dashboard`; empty when not deployed here."""
    external: bool = False
    pods: tuple[PodHealth, ...] = ()
    services: tuple[ServiceHealth, ...] = ()
    why: tuple[Why, ...] = ()


class Health(msgspec.Struct, frozen=True, kw_only=True):
    word: Word
    headline: str
    """`all 13 components ready`, `DEGRADED: AMANI 1/2`, `nothing deployed`, `cluster not reachable: ...`."""
    components: tuple[ComponentHealth, ...] = ()
    pods: tuple[PodHealth, ...] = ()
    """Every pod of the namespace, those that belong to no component included."""
    services: tuple[ServiceHealth, ...] = ()
    nodes: tuple[NodeHealth, ...] = ()
    not_ready: tuple[NotReady, ...] = ()
