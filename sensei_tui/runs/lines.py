"""A run as append-only lines: what `sensei runs attach` and the plain console print."""

from __future__ import annotations

from typing import Any

from sensei_tui.base import clock
from sensei_tui.base.text import one_line
from sensei_tui.runs.model import Event, Plan, RunState
from sensei_tui.runs.view import RunView, between, sentence

EVERY = 15.0
"""Seconds between two lines about bytes."""


class RunLines:
    """Events as lines; of what is not ready only what is new, so it must see every event that counts, in order."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._number = {step.id: number for number, step in enumerate(plan.steps, 1)}
        self._title = {step.id: step.title for step in plan.steps}
        self._waiting: dict[str, str] = {}
        self._told = ""
        """When the running step began, or a line said how far its bytes are."""

    def event(self, event: Event, view: RunView) -> list[str]:
        """The lines of one event, each with its time; `view` has taken the event in."""
        return [f"{event.at[11:19]}  {text}" for text in self._of(event, view)]

    def _of(self, event: Event, view: RunView) -> list[str]:
        data = event.data
        if event.type == "run.started":
            again = " goes on" if data.get("resumed") else " starts"
            return [f"Run {view.id}{again}: {self._plan.kind} {self._plan.version} on {self._plan.target}"]
        if event.type == "step.started":
            self._waiting, self._told = {}, event.at
            return [self._step(event.step, "..  ")]
        if event.type == "step.progress":
            return self._bytes(event)
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

    def _bytes(self, event: Event) -> list[str]:
        """How far a load is, now and then."""
        if event.data.get("unit") != "bytes" or between(self._told, event.at) < EVERY:
            return []
        self._told = event.at
        return [f"         {event.data.get('text', '')}"]

    def _not_ready(self, view: RunView) -> list[str]:
        """Only what is new: an object, or its reason."""
        now = {item.object: (item.why[0].reason if item.why else "") for item in view.waiting}
        fresh = [item for item in view.waiting if self._waiting.get(item.object) != now[item.object]]
        self._waiting = now
        return [f"         wait   {one_line(sentence(item))}" for item in fresh]


def _took(data: dict[str, Any]) -> str:
    return clock.duration(float(data.get("seconds", 0)))


def end_lines(view: RunView) -> list[str]:
    """How a run ended, and what to do."""
    if view.state is RunState.DONE:
        return [f"Run {view.id} done in {clock.duration(view.seconds)}."]
    if view.state is RunState.DEAD:
        gone = f"The runner of run {view.id} is gone and the job is unfinished."
        return [gone, f"  do     sensei runs resume {view.id}"]
    head = f"Run {view.id} {view.state} after {clock.duration(view.seconds)}."
    return [head, *(f"  {line}" for line in error_lines(view.error))]


def error_lines(error: dict[str, Any]) -> list[str]:
    """What, where, why, do: one line each."""
    labels = (("what", "what"), ("step", "step"), ("where", "where"), ("why", "why"), ("do", "remedy"))
    return [f"{label:<6} {one_line(str(error[key]))}" for label, key in labels if error.get(key)]
