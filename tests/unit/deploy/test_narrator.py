"""What the journal is told while a step runs: once, and no more than can be read."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from sensei_tui.base import clock
from sensei_tui.base.redaction import Redactor
from sensei_tui.cluster.snapshot import Event, ObjectMeta, ObjectReference, Snapshot
from sensei_tui.deploy.narrator import BURST, Narrator
from sensei_tui.runs.context import StepContext, StopSignal
from sensei_tui.runs.journal import JournalWriter, read_events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def narrator(path: Path) -> Narrator:
    journal = JournalWriter(path, Redactor())
    found = Narrator()
    found.attach(StepContext("step", journal, StopSignal(), ExitStack(), lambda error: None))
    return found


def said(path: Path) -> list[tuple[str, str]]:
    return [(event.data["source"], event.data["text"]) for event in read_events(path)]


def warning(message: str, when: str, kind: str = "Warning") -> Event:
    return Event(
        metadata=ObjectMeta(name=message), involved_object=ObjectReference(kind="Pod", name="kora-1"), type=kind,
        reason="BackOff", message=message, last_timestamp=when,
    )  # fmt: skip


def test_a_line_is_said_once_and_clean(narrator: Narrator, path: Path) -> None:
    narrator.say("helm", "waiting\x1b[2J for\nDeployment/kora")
    narrator.say("helm", "waiting for Deployment/kora")
    narrator.say("event", "waiting for Deployment/kora")
    assert said(path) == [("helm", "waiting for Deployment/kora"), ("event", "waiting for Deployment/kora")]


def test_too_much_is_left_out_and_counted(narrator: Narrator, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = clock.monotonic()
    monkeypatch.setattr(clock, "monotonic", lambda: at)
    for number in range(BURST + 50):
        narrator.say("helm", f"line {number}")
    assert len(said(path)) == BURST
    monkeypatch.setattr(clock, "monotonic", lambda: at + 1)
    narrator.say("helm", "after")
    assert said(path)[-2:] == [("runner", "50 log lines left out: more came than can be read"), ("helm", "after")]


def test_only_fresh_warnings_are_told(narrator: Narrator, path: Path) -> None:
    now, old = clock.stamp(), clock.stamp(clock.now() - timedelta(hours=1))
    events = {"a": warning("fresh", now), "b": warning("old", old), "c": warning("normal", now, "Normal")}
    narrator.see(Snapshot(complete=True, events=events))
    narrator.see(Snapshot(complete=True, events=events))
    assert said(path) == [("event", "kora-1: BackOff: fresh")]


def test_without_a_step_nothing_is_written(narrator: Narrator, path: Path) -> None:
    narrator.attach(None)
    narrator.say("helm", "between two steps")
    assert said(path) == []
