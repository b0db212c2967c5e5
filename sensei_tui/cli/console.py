"""A console without a screen: one run as append-only lines, or as JSON lines."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import ExitCode
from sensei_tui.base.text import one_line
from sensei_tui.cli.output import note, say
from sensei_tui.runs.journal import Follower
from sensei_tui.runs.model import Event, Plan, RunState
from sensei_tui.runs.registry import RunDirectory
from sensei_tui.runs.view import GOING, RunView, first_view, reduce, sentence

POLL = 0.2
"""Seconds between looks at the journal: one `stat`."""
FINDINGS = ("preflight", "drift", "invalid-values", "plan-outdated")
"""Errors that mean that something was found, not that something broke: exit code 1."""


def print_plan(plan: Plan, output: str) -> None:
    """The plan as a table, or as one JSON document."""
    if output == "json":
        say(msgspec.json.format(msgspec.json.encode(plan)).decode())
        return
    total = sum(step.seconds for step in plan.steps)
    say(f"Plan: {plan.kind} {plan.version} on {plan.target}; {len(plan.steps)} steps, about {clock.duration(total)}")
    width = max(len(step.title) for step in plan.steps)
    for number, step in enumerate(plan.steps, 1):
        say(f"  {number:>2}  {step.title:<{width}}  {clock.duration(step.seconds):>6}  {step.detail}")
    if plan.changes:
        say(f"{plan.heading}:")
        for line in plan.changes:
            say(f"  {one_line(line)}")


def watch(directory: RunDirectory, output: str = "text", *, attempt: int = 1) -> RunView:
    """Print what happens until the run ends, in its `attempt`-th attempt or later. Ctrl-C leaves; the run goes on."""
    printer = _Json(directory) if output == "json" else _Lines(directory.plan)
    follower, view = Follower(directory.journal), first_view(directory.id, directory.plan)
    try:
        while True:
            alive = directory.alive
            events = follower.read()
            for event in events:
                view = reduce(view, [event])
                printer.event(event, view)
            view = reduce(view, (), alive=alive)
            if view.state not in GOING and (view.attempts >= attempt or not alive):
                printer.end(view)
                return view
            time.sleep(POLL)
    except KeyboardInterrupt:
        note(f"\nYou left; the run goes on. Come back: sensei runs attach {directory.id}")
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None


def exit_code(view: RunView) -> ExitCode:
    """How a run that ended counts."""
    if view.state is RunState.DONE:
        return ExitCode.OK
    found = view.state is RunState.CANCELLED or view.error.get("code") in FINDINGS
    return ExitCode.FINDING if found else ExitCode.REMOTE


class _Json:
    def __init__(self, directory: RunDirectory) -> None:
        self._run = directory.id

    def event(self, event: Event, view: RunView) -> None:
        """As in the journal, with the run's number."""
        say(msgspec.json.encode({"run": self._run, **msgspec.to_builtins(event)}).decode())

    def end(self, view: RunView) -> None:
        """A runner that is gone leaves no last event."""
        if view.state is RunState.DEAD:
            say(msgspec.json.encode({"run": self._run, "type": "run.dead", "at": clock.stamp()}).decode())


class _Lines:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._number = {step.id: number for number, step in enumerate(plan.steps, 1)}
        self._title = {step.id: step.title for step in plan.steps}
        self._waiting: dict[str, str] = {}

    def event(self, event: Event, view: RunView) -> None:
        """The lines of one event."""
        for text in self._of(event, view):
            say(f"{event.at[11:19]}  {text}")

    def end(self, view: RunView) -> None:
        """How it ended, and what to do."""
        if view.state is RunState.DONE:
            say(f"Run {view.id} done in {clock.duration(view.seconds)}.")
            return
        if view.state is RunState.DEAD:
            note(f"The runner of run {view.id} is gone and the job is unfinished.")
            note(f"  do     sensei runs resume {view.id}")
            return
        note(f"Run {view.id} {view.state} after {clock.duration(view.seconds)}.")
        for line in error_lines(view.error):
            note(f"  {line}")

    def _of(self, event: Event, view: RunView) -> list[str]:
        data = event.data
        if event.type == "run.started":
            again = " goes on" if data.get("resumed") else " starts"
            return [f"Run {view.id}{again}: {self._plan.kind} {self._plan.version} on {self._plan.target}"]
        if event.type == "step.started":
            self._waiting = {}
            return [self._step(event.step, "..  ")]
        if event.type == "step.finished":
            detail = f"  {data.get('detail')}" if data.get("detail") else ""
            word = f"{data.get('state', ''):<4}"
            return [f"{self._step(event.step, word)}  {_took(data)}{detail}"]
        if event.type == "log":
            return [f"         {data.get('source', ''):<6} {one_line(str(data.get('text', '')))}"]
        if event.type == "waiting":
            return self._not_ready(view)
        if event.type in ("run.paused", "run.continued"):
            return ["paused; go on: sensei runs continue" if event.type == "run.paused" else "goes on"]
        if event.type == "control":
            return [f"         runner {data.get('command')} asked for by {data.get('actor', {}).get('user', '?')}"]
        return []

    def _step(self, step: str, word: str) -> str:
        return f"[{self._number.get(step, 0):>2}/{len(self._number)}] {word} {self._title.get(step, step)}"

    def _not_ready(self, view: RunView) -> list[str]:
        """Only what is new: an object, or its reason."""
        now = {item.object: (item.why[0].reason if item.why else "") for item in view.waiting}
        fresh = [item for item in view.waiting if self._waiting.get(item.object) != now[item.object]]
        self._waiting = now
        return [f"         wait   {one_line(sentence(item))}" for item in fresh]


def _took(data: dict[str, Any]) -> str:
    return clock.duration(float(data.get("seconds", 0)))


def error_lines(error: dict[str, Any]) -> list[str]:
    """What, where, why, do: one line each."""
    labels = (("what", "what"), ("step", "step"), ("where", "where"), ("why", "why"), ("do", "remedy"))
    return [f"{label:<6} {one_line(str(error[key]))}" for label, key in labels if error.get(key)]
