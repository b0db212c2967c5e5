"""Plans and the events of a run's journal."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step as printed before the run starts."""

    id: str
    """Stable: `release:sensei-deps`."""
    title: str
    """`Install release sensei-deps`."""
    inputs: str
    """`sha256:...` over everything the step's outcome depends on."""
    detail: str = ""
    """What it will do, in one line."""
    seconds: float = 0
    """Expected duration, a rough figure for the progress bar."""


_HEADINGS = {"uninstall": "What goes and what stays", "backup": "What is done", "restore": "What is lost",
             "load": "What is there afterwards"}  # fmt: skip


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """An ordered list of steps with digested inputs. Never holds a secret."""

    kind: str
    """`install`, `upgrade`, `rollback`, `uninstall`, `backup`, `restore`, `load`."""
    site: str
    target: str
    """Context and namespace, for people."""
    namespace: str
    version: str
    created: str
    steps: tuple[PlannedStep, ...]
    changes: tuple[str, ...] = ()
    """What differs from what is deployed, one line each, secrets masked (see `heading`)."""
    parameters: dict[str, Any] = {}
    """What the steps need to be rebuilt (release revision of a rollback, chart directory, ...)."""

    @property
    def heading(self) -> str:
        """Over `changes`."""
        return _HEADINGS.get(self.kind, "What differs from what is deployed")


class RunState(StrEnum):
    WAITING = "waiting"
    RUNNING = "RUNNING"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "FAILED"
    CANCELLED = "cancelled"
    DEAD = "dead"
    """The runner is gone and the journal has no end: `resume` finishes it."""


class StepState(StrEnum):
    WAIT = "-"
    RUNNING = ".."
    OK = "ok"
    SKIPPED = "skip"
    FAILED = "FAIL"
    CANCELLED = "stop"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `journal.jsonl`.

    `type` and the keys of `data`:

    - `run.started` {kind, actor{uid,user,sudo_user,ssh}, pid, host, resumed, repaired}; `run.finished` {state, error?}
    - `run.paused` {}; `run.continued` {}: between two steps
    - `step.started` {inputs}; `step.finished` {state, seconds, detail, inputs, error?}
    - `step.progress` {done, total, unit, text}
    - `log` {source: helm|event|pod|runner, text, object?}
    - `waiting` {objects: [NotReady]}: the whole list each time it changes
    - `control` {command, actor}
    """

    seq: int
    at: str
    type: str
    prev: str
    """Hex SHA-256 of the previous line, newline excluded; empty for the first."""
    step: str = ""
    data: dict[str, Any] = {}
