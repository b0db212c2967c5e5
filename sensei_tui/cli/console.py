"""A console without a screen: one run as append-only lines, or as JSON lines."""

from __future__ import annotations

import time

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import ExitCode
from sensei_tui.base.text import one_line
from sensei_tui.cli.output import note, say
from sensei_tui.runs.journal import Follower
from sensei_tui.runs.lines import RunLines, end_lines
from sensei_tui.runs.model import Event, Plan, RunState
from sensei_tui.runs.registry import RunDirectory
from sensei_tui.runs.view import GOING, RunView, first_view, reduce

POLL = 0.2
"""Seconds between looks at the journal: one `stat`."""
FINDINGS = ("preflight", "drift", "invalid-values", "plan-outdated", "store-cannot-change")
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
        self._lines = RunLines(plan)

    def event(self, event: Event, view: RunView) -> None:
        """The lines of one event."""
        for text in self._lines.event(event, view):
            say(text)

    def end(self, view: RunView) -> None:
        """How it ended, and what to do: the good news on standard output, the rest on standard error."""
        tell = say if view.state is RunState.DONE else note
        for text in end_lines(view):
            tell(text)
