"""Following a run as lines, as `sensei runs attach` does, until it ends or the operator wants the prompt back."""

from __future__ import annotations

from collections.abc import Sequence

from sensei_tui.plain.talk import Talk
from sensei_tui.runs.journal import Follower
from sensei_tui.runs.lines import RunLines, end_lines
from sensei_tui.runs.model import Event
from sensei_tui.runs.registry import RunDirectory
from sensei_tui.runs.view import GOING, first_view, reduce

POLL = 1.0
"""Seconds between looks at the journal: what changed twice in between is told once."""
HANG = 19


def follow(talk: Talk, directory: RunDirectory, told: dict[str, int], *, attempt: int = 1) -> str | None:
    """Print what the journal gains after event `told[run]`, until the run ends in its `attempt`-th attempt or later.

    Returns None when it has ended; what was typed (it may be empty) when Enter, or Ctrl-C, asked for the prompt.
    Raises Left at the end of input: the run goes on.
    """
    try:
        return _follow(talk, directory, told, attempt)
    except KeyboardInterrupt:
        talk.say()
        return ""


def _follow(talk: Talk, directory: RunDirectory, told: dict[str, int], attempt: int) -> str | None:
    talk.say("Enter gives the prompt back; the run goes on without you.")
    printer, follower = RunLines(directory.plan), Follower(directory.journal)
    view, last = first_view(directory.id, directory.plan), told.get(directory.id, 0)
    while True:
        alive = directory.alive
        events = follower.read()
        settled = _settled(events)
        for event in events:
            view = reduce(view, [event])
            texts = printer.event(event, view) if event.seq in settled else []
            for text in texts if event.seq > last else []:
                talk.say(text, HANG)
            told[directory.id] = max(last, view.seq)
        view = reduce(view, (), alive=alive)
        if view.state not in GOING and (view.attempts >= attempt or not alive):
            for text in end_lines(view):
                talk.say(text, 9)
            return None
        if (typed := talk.wait(POLL)) is not None:
            return typed


def _settled(events: Sequence[Event]) -> set[int]:
    """Events worth a line: of several states of one object (or looks at what is not ready) within one step, the last.

    On a slow line this keeps the lines of a run with thousands of pods fewer than its seconds times its objects.
    """
    found: set[int] = set()
    newer: set[str] = set()
    for event in reversed(events):
        if event.type.startswith(("step.", "run.")):
            newer = set()
        subject = _subject(event)
        if not subject or subject not in newer:
            found.add(event.seq)
        newer.add(subject)
    return found


def _subject(event: Event) -> str:
    """Whose state an event tells; nothing where each event is news of its own."""
    if event.type == "log" and event.data.get("source") == "pod":
        return str(event.data.get("object", ""))
    return event.type if event.type in ("waiting", "step.progress") else ""
