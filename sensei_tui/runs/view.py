"""A run as a console shows it: the reduction of its plan and its journal. Immutable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from sensei_tui.base import clock
from sensei_tui.health.model import NotReady
from sensei_tui.runs.journal import DAMAGED
from sensei_tui.runs.model import Event, Plan, RunState, StepState

LOG_LINES = 1000
"""How much of the log a view keeps; the journal has all of it."""
GOING = (RunState.WAITING, RunState.RUNNING, RunState.PAUSED)
"""States of a run that a living runner can leave."""


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    weight: float
    """Expected seconds, at least 1."""
    state: StepState = StepState.WAIT
    started: str = ""
    seconds: float = 0
    detail: str = ""
    progress: float = 0
    """0..1, of a step that says how far it is."""
    unit: str = ""
    """Of what; `bytes` come evenly."""
    text: str = ""
    """What it is at, in words."""
    error: dict[str, Any] = {}

    @property
    def over(self) -> bool:
        """Done or not to be done."""
        return self.state in (StepState.OK, StepState.SKIPPED)


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    source: str
    """`helm`, `event`, `pod` or `runner`."""
    text: str
    object: str = ""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    kind: str = ""
    version: str = ""
    target: str = ""
    state: RunState = RunState.WAITING
    recorded: RunState = RunState.WAITING
    """What the journal says, whether or not the runner lives."""
    started: str = ""
    ended: str = ""
    seconds: float = 0
    """Time the runner worked on it, the time between its death and a resume not counted."""
    earlier: float = 0
    """Seconds of the attempts before the last `run.started`."""
    attempt: str = ""
    """When the last attempt started."""
    attempts: int = 0
    steps: tuple[StepView, ...] = ()
    log: tuple[LogLine, ...] = ()
    waiting: tuple[NotReady, ...] = ()
    pausing: bool = False
    """A pause was asked for and comes after the running step."""
    fraction: float = 0
    eta: float | None = None
    """Seconds left as far as known: None when the running step has overrun its expected time."""
    error: dict[str, Any] = {}
    actor: dict[str, Any] = {}
    seq: int = 0
    """The last event taken in."""

    @property
    def step(self) -> StepView | None:
        """The step that runs, or the one that failed or was stopped."""
        current = (StepState.RUNNING, StepState.FAILED, StepState.CANCELLED)
        return next((step for step in self.steps if step.state in current), None)


def first_view(run_id: str, plan: Plan) -> RunView:
    """A run before its first event."""
    steps = tuple(StepView(id=step.id, title=step.title, weight=max(1.0, step.seconds)) for step in plan.steps)
    return RunView(id=run_id, kind=plan.kind, version=plan.version, target=plan.target, steps=steps)


def reduce(view: RunView, events: Iterable[Event], *, alive: bool = True) -> RunView:
    """Take in events (those taken in before are skipped) and whether the runner lives.

    Ask whether it lives *before* reading the events: a runner's last act is to write how it ended.
    """
    for event in events:
        if event.seq > view.seq:
            view = _take(view, event)
    state = RunState.DEAD if view.recorded in GOING and not alive else view.recorded
    fraction, eta = _progress(view)
    return msgspec.structs.replace(view, state=state, fraction=fraction, eta=eta if state in GOING else None)


def _take(view: RunView, event: Event) -> RunView:
    handler = _HANDLERS.get(event.type)
    view = handler(view, event) if handler else view
    return msgspec.structs.replace(view, seq=event.seq, seconds=view.earlier + between(view.attempt, event.at))


def between(start: str, end: str) -> float:
    if not start or not end:
        return 0.0
    return max(0.0, (clock.parse(end) - clock.parse(start)).total_seconds())


def _run_started(view: RunView, event: Event) -> RunView:
    steps = tuple(_begun_again(step) for step in view.steps)
    return msgspec.structs.replace(
        view, recorded=RunState.RUNNING, started=view.started or event.at, ended="", steps=steps, waiting=(), error={},
        earlier=view.seconds, attempt=event.at, attempts=view.attempts + 1, actor=event.data.get("actor", {}),
        pausing=False,
    )  # fmt: skip


def _begun_again(step: StepView) -> StepView:
    return step if step.over else StepView(id=step.id, title=step.title, weight=step.weight)


def _run_finished(view: RunView, event: Event) -> RunView:
    state = RunState(event.data.get("state", RunState.FAILED))
    error = event.data.get("error", {})
    waiting = () if state is RunState.DONE else view.waiting
    return msgspec.structs.replace(
        view, recorded=state, ended=event.at, error=error, waiting=waiting, pausing=False
    )  # fmt: skip


def _paused(view: RunView, event: Event) -> RunView:
    return msgspec.structs.replace(view, recorded=RunState.PAUSED, pausing=False)


def _continued(view: RunView, event: Event) -> RunView:
    return msgspec.structs.replace(view, recorded=RunState.RUNNING, pausing=False)


def _control(view: RunView, event: Event) -> RunView:
    command = event.data.get("command")
    pausing = command == "pause" or (view.pausing and command != "resume")
    view = msgspec.structs.replace(view, pausing=pausing)
    who = str(event.data.get("actor", {}).get("user", ""))
    return _logged(view, LogLine(at=event.at, source="runner", text=f"{command} asked for by {who or 'an operator'}"))


def _step(view: RunView, event: Event, **changes: Any) -> RunView:
    steps = tuple(msgspec.structs.replace(step, **changes) if step.id == event.step else step for step in view.steps)
    return msgspec.structs.replace(view, steps=steps)


def _step_started(view: RunView, event: Event) -> RunView:
    fresh = {"progress": 0, "unit": "", "text": "", "error": {}, "detail": "", "seconds": 0}
    view = _step(view, event, state=StepState.RUNNING, started=event.at, **fresh)
    return msgspec.structs.replace(view, waiting=())


def _step_finished(view: RunView, event: Event) -> RunView:
    data = event.data
    state = StepState(data.get("state", StepState.FAILED))
    view = _step(
        view, event, state=state, seconds=float(data.get("seconds", 0)), detail=str(data.get("detail", "")),
        error=data.get("error", {}), text="",
    )  # fmt: skip
    return view if state is StepState.FAILED else msgspec.structs.replace(view, waiting=())


def _step_progress(view: RunView, event: Event) -> RunView:
    total = float(event.data.get("total", 0))
    progress = min(1.0, float(event.data.get("done", 0)) / total) if total else 0.0
    unit, text = str(event.data.get("unit", "")), str(event.data.get("text", ""))
    return _step(view, event, progress=progress, unit=unit, text=text)


def _waiting(view: RunView, event: Event) -> RunView:
    objects = msgspec.convert(event.data.get("objects", []), tuple[NotReady, ...])
    return msgspec.structs.replace(view, waiting=objects)


def _log(view: RunView, event: Event) -> RunView:
    data = {key: str(event.data.get(key, "")) for key in ("source", "text", "object")}
    return _logged(view, LogLine(at=event.at, **data))


def _damaged(view: RunView, event: Event) -> RunView:
    text = f"journal line {event.data.get('line')} cannot be read: damaged or altered"
    return _logged(view, LogLine(at=event.at, source="runner", text=text))


def _logged(view: RunView, item: LogLine) -> RunView:
    return msgspec.structs.replace(view, log=(*view.log[-LOG_LINES + 1 :], item))


_HANDLERS: dict[str, Callable[[RunView, Event], RunView]] = {
    "run.started": _run_started,
    "run.finished": _run_finished,
    "run.paused": _paused,
    "run.continued": _continued,
    "control": _control,
    "step.started": _step_started,
    "step.finished": _step_finished,
    "step.progress": _step_progress,
    "waiting": _waiting,
    "log": _log,
    DAMAGED: _damaged,
}


def _progress(view: RunView) -> tuple[float, float | None]:
    """Fraction done and expected seconds left, both weighted by the plan's expected times."""
    if view.recorded is RunState.DONE:
        return 1.0, 0.0
    total = sum(step.weight for step in view.steps)
    done = sum(step.weight * (1.0 if step.over else step.progress) for step in view.steps)
    if not total:
        return 0.0, None
    left: float | None = total - done
    running = view.step
    if running and running.state is StepState.RUNNING:
        spent = view.seconds - view.earlier - between(view.attempt, running.started)
        left = _left_of(running, spent, total - done)
    return done / total, left


def _left_of(running: StepView, spent: float, left: float) -> float | None:
    """Seconds left of the run, by what the running step has taken; None where it takes longer than was expected."""
    if running.unit == "bytes" and running.progress > 0:
        # As fast as until now.
        return left - running.weight * (1 - running.progress) + spent * (1 / running.progress - 1)
    if not running.progress:
        return None if spent > running.weight else left - max(0.0, spent)
    return left


def sentence(item: NotReady) -> str:
    """`Deployment/sensei-kora 1/2: pulling image ... failed (last log: ...)`."""
    why = item.why[0] if item.why else None
    reason = why.sentence if why else "starting"
    log = f" (last log: {why.last_log})" if why and why.last_log else ""
    return f"{item.object} {item.ready}/{item.desired}: {reason}{log}"
