from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.base import clock
from sensei_tui.base.redaction import Redactor
from sensei_tui.health.model import NotReady
from sensei_tui.runs.journal import JournalWriter, read_events
from sensei_tui.runs.lines import RunLines
from sensei_tui.runs.model import RunState, StepState
from sensei_tui.runs.view import LOG_LINES, RunView, first_view, reduce
from tests.unit.runs.helpers import plan_of


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JournalWriter:
    """Every event is one second after the one before."""
    ticks = iter(range(10_000))
    start = clock.parse("2026-11-23T23:00:00Z").timestamp()
    from datetime import UTC, datetime

    monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(start + next(ticks), UTC))
    return JournalWriter(tmp_path / "journal.jsonl", Redactor())


def seen(tmp_path: Path, *steps: str, alive: bool = True) -> RunView:
    return reduce(first_view("0001", plan_of(*steps)), read_events(tmp_path / "journal.jsonl"), alive=alive)


def test_a_run_from_start_to_end(tmp_path: Path, journal: JournalWriter) -> None:
    journal.write("run.started", kind="install", actor={"user": "root"}, resumed=False)
    journal.write("step.started", "touch-a", inputs="1")
    journal.write("log", "touch-a", source="helm", text="created")
    journal.write("step.finished", "touch-a", state="ok", seconds=1.5, detail="1 file", inputs="1")
    journal.write("step.started", "gate-b", inputs="2")
    journal.write("step.progress", "gate-b", done=1, total=2, text="half")
    journal.write("waiting", "gate-b", objects=[NotReady(object="Deployment/x", ready=1, desired=2)])
    view = seen(tmp_path, "touch-a", "gate-b")
    assert view.state is RunState.RUNNING
    assert [step.state for step in view.steps] == [StepState.OK, StepState.RUNNING]
    assert view.steps[0].seconds == 1.5
    assert view.waiting[0].desired == 2
    assert (view.fraction, view.eta) == (0.75, 1.0)
    assert view.seconds == 6
    assert view.actor == {"user": "root"}
    journal.write("step.finished", "gate-b", state="ok", seconds=3, detail="", inputs="2")
    journal.write("run.finished", state="done")
    view = seen(tmp_path, "touch-a", "gate-b", alive=False)
    assert view.state is RunState.DONE
    assert (view.fraction, view.eta, view.waiting) == (1.0, None, ())
    assert view.ended > view.started


def test_taking_events_in_twice_changes_nothing(tmp_path: Path, journal: JournalWriter) -> None:
    journal.write("run.started", kind="install", actor={}, resumed=False)
    journal.write("log", source="helm", text="created")
    once = seen(tmp_path, "touch-a")
    assert reduce(once, read_events(tmp_path / "journal.jsonl")) == once


def test_a_run_without_its_runner_is_dead_until_resumed(tmp_path: Path, journal: JournalWriter) -> None:
    journal.write("run.started", kind="install", actor={}, resumed=False)
    journal.write("step.started", "touch-a", inputs="1")
    dead = seen(tmp_path, "touch-a", alive=False)
    assert dead.state is RunState.DEAD
    assert reduce(dead, [], alive=True).state is RunState.RUNNING
    journal.write("run.started", kind="install", actor={}, resumed=True)
    view = seen(tmp_path, "touch-a")
    assert view.attempts == 2
    assert view.steps[0].state is StepState.WAIT
    assert view.seconds == 1  # the second between death and resume is not work


def test_failure_keeps_what_was_not_ready(tmp_path: Path, journal: JournalWriter) -> None:
    error = {"code": "x", "what": "It broke."}
    journal.write("run.started", kind="install", actor={}, resumed=False)
    journal.write("step.started", "gate-b", inputs="2")
    journal.write("waiting", "gate-b", objects=[NotReady(object="Deployment/x", ready=1, desired=2)])
    journal.write("step.finished", "gate-b", state="FAIL", seconds=3, detail="", inputs="2", error=error)
    journal.write("run.finished", state="FAILED", error=error)
    view = seen(tmp_path, "gate-b")
    assert (view.state, view.error, view.steps[0].error) == (RunState.FAILED, error, error)
    assert view.waiting[0].object == "Deployment/x"


def test_log_is_bounded_and_pause_shows(tmp_path: Path, journal: JournalWriter) -> None:
    journal.write("run.started", kind="install", actor={}, resumed=False)
    for number in range(LOG_LINES + 10):
        journal.write("log", source="helm", text=str(number))
    journal.write("control", command="pause", actor={"user": "ann"})
    view = seen(tmp_path, "touch-a")
    assert len(view.log) == LOG_LINES
    assert view.log[-1].text == "pause asked for by ann"
    assert view.pausing
    journal.write("run.paused")
    assert seen(tmp_path, "touch-a").state is RunState.PAUSED
    journal.write("run.continued")
    assert seen(tmp_path, "touch-a").state is RunState.RUNNING


def test_expected_time_is_unknown_once_a_step_overruns(tmp_path: Path, journal: JournalWriter) -> None:
    journal.write("run.started", kind="install", actor={}, resumed=False)
    journal.write("step.started", "touch-a", inputs="1")
    assert seen(tmp_path, "touch-a", "touch-b").eta == 4
    for _ in range(3):
        journal.write("log", "touch-a", source="helm", text="still at it")
    assert seen(tmp_path, "touch-a", "touch-b").eta is None


def test_bytes_go_on_as_fast_as_until_now(tmp_path: Path, journal: JournalWriter) -> None:
    """Whatever the plan has guessed: here two seconds a step, and a tenth is done after four."""
    journal.write("run.started", kind="load", actor={}, resumed=False)
    journal.write("step.started", "touch-a", inputs="1")
    for _ in range(3):
        journal.write("step.progress", "touch-a", done=100, total=1_000, unit="bytes", text="100 B of 1 kB")
    view = seen(tmp_path, "touch-a", "touch-b")
    assert (view.steps[0].unit, view.steps[0].text) == ("bytes", "100 B of 1 kB")
    assert view.eta == pytest.approx(3 / 0.1 - 3 + 2, abs=0.1)


def test_how_far_bytes_are_is_a_line_now_and_then(tmp_path: Path, journal: JournalWriter) -> None:
    journal.write("run.started", kind="load", actor={}, resumed=False)
    journal.write("step.started", "touch-a", inputs="1")
    for number in range(40):
        journal.write("step.progress", "touch-a", done=number, total=40, unit="bytes", text=f"{number} B of 40 B")
        journal.write("step.progress", "touch-a", done=number, total=40, unit="checks", text="of no interest")
    lines, plan = [], plan_of("touch-a")
    printer, view = RunLines(plan), first_view("0001", plan)
    for event in read_events(tmp_path / "journal.jsonl"):
        view = reduce(view, [event])
        lines += printer.event(event, view)
    told = [line[8:].strip() for line in lines[2:]]
    assert told == ["7 B of 40 B", "15 B of 40 B", "23 B of 40 B", "31 B of 40 B", "39 B of 40 B"]
