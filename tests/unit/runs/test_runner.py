"""Runners as real detached processes: watched, paused, cancelled, killed, resumed."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from sensei_tui.runs.control import ControlError, send
from sensei_tui.runs.journal import read_events, verify
from sensei_tui.runs.lock import RunInProgress, SiteLock, site_lock_free
from sensei_tui.runs.model import RunState, StepState
from sensei_tui.runs.registry import NoSuchRun, active, create_run, find_run, latest, list_runs
from tests.unit.runs.helpers import at_gate, await_end, kill_runner, plan_of, resume_toy, start_toy, until
from tests.unit.runs.toy import SECRET

pytestmark = pytest.mark.e2e


def test_run_to_the_end(world: Path) -> None:
    directory = start_toy(world, plan_of("touch-a", "touch-b"))
    view = until(directory, lambda view: view.state is RunState.DONE)
    assert [step.state for step in view.steps] == [StepState.OK, StepState.OK]
    assert view.steps[0].detail == "1 file"
    assert view.actor["uid"] == os.getuid()
    assert verify(directory.journal).events == view.seq
    assert directory.id == "0001"
    assert list_runs(directory.path.parent)[0].state is RunState.DONE
    assert active(directory.path.parent) is None


def test_runner_has_its_own_session_and_ignores_hangup(world: Path) -> None:
    directory = start_toy(world, plan_of("gate-1"))
    until(directory, at_gate)
    runner = directory.runner
    assert runner is not None
    assert os.getsid(runner.pid) == runner.pid != os.getsid(0)
    os.kill(runner.pid, signal.SIGHUP)
    assert send(directory.path, "status") == {"ok": True, "step": "gate-1", "pausing": False, "stopping": ""}
    (world / "gate-1.open").touch()
    assert until(directory, lambda view: view.state is RunState.DONE).steps[0].detail == "opened"


def test_two_consoles_see_the_same(world: Path) -> None:
    directory = start_toy(world, plan_of("touch-a", "gate-1"))
    until(directory, at_gate)
    first, second = directory.view(), find_run(world / ".sensei" / "runs", "1").view()
    assert first == second
    assert first.waiting[0].object == "Deployment/a"
    assert first.steps[1].progress == 0.25


def test_only_one_run_at_a_time(world: Path) -> None:
    directory = start_toy(world, plan_of("gate-1"))
    until(directory, at_gate)
    lock = world / ".sensei" / "lock"
    assert not site_lock_free(lock)
    with pytest.raises(RunInProgress, match="busy with run 0001"):
        SiteLock(lock).acquire("test")
    second = start_toy(world, plan_of("touch-a"))
    view = until(second, lambda view: view.state is RunState.FAILED)
    assert view.error["code"] == "run-in-progress"
    assert not (world / "touch-a").exists()
    (world / "gate-1.open").touch()
    until(directory, lambda view: view.state is RunState.DONE)
    await_end(directory)
    assert site_lock_free(lock)


def test_killed_runner_is_dead_and_resume_finishes_without_doing_twice(world: Path) -> None:
    directory = start_toy(world, plan_of("touch-a", "gate-1", "touch-b"))
    until(directory, at_gate)
    kill_runner(directory)
    assert directory.view().state is RunState.DEAD
    assert active(directory.path.parent) is None
    with directory.journal.open("ab") as out:
        out.write(b'{"seq": 99, "torn')
    (world / "gate-1.open").touch()
    resume_toy(directory)
    view = until(directory, lambda view: view.state is RunState.DONE)
    assert [step.state for step in view.steps] == [StepState.SKIPPED, StepState.OK, StepState.OK]
    assert (world / "touch-a").read_text() == "x"
    started = [event.data for event in read_events(directory.journal) if event.type == "run.started"]
    assert [(data["resumed"], data["repaired"]) for data in started] == [(False, 0), (True, 17)]
    assert verify(directory.journal).torn == 0


def test_step_is_done_again_when_its_effect_is_gone(world: Path) -> None:
    directory = start_toy(world, plan_of("touch-a", "gate-1"))
    until(directory, at_gate)
    kill_runner(directory)
    (world / "touch-a").unlink()
    (world / "gate-1.open").touch()
    resume_toy(directory)
    view = until(directory, lambda view: view.state is RunState.DONE)
    assert view.steps[0].state is StepState.OK
    assert (world / "touch-a").exists()


def test_second_run_skips_only_the_same_inputs(world: Path) -> None:
    until(start_toy(world, plan_of("touch-a")), lambda view: view.state is RunState.DONE)
    again = until(start_toy(world, plan_of("touch-a")), lambda view: view.state is RunState.DONE)
    assert again.steps[0].state is StepState.SKIPPED
    import msgspec

    plan = plan_of("touch-a")
    changed = msgspec.structs.replace(plan, steps=(msgspec.structs.replace(plan.steps[0], inputs="sha256:new"),))
    third = until(start_toy(world, changed), lambda view: view.state is RunState.DONE)
    assert third.steps[0].state is StepState.OK
    assert (world / "touch-a").read_text() == "xx"


def test_pause_holds_between_steps_and_resume_goes_on(world: Path) -> None:
    directory = start_toy(world, plan_of("gate-1", "touch-b"))
    until(directory, at_gate)
    assert send(directory.path, "pause")["pausing"] is True
    assert until(directory, lambda view: view.pausing).state is RunState.RUNNING
    (world / "gate-1.open").touch()
    until(directory, lambda view: view.state is RunState.PAUSED)
    assert not (world / "touch-b").exists()
    assert active(directory.path.parent) == directory
    send(directory.path, "resume")
    until(directory, lambda view: view.state is RunState.DONE)


@pytest.mark.parametrize("how", ["socket", "signal", "paused"])
def test_cancel_is_clean_and_resumable(world: Path, how: str) -> None:
    directory = start_toy(world, plan_of("gate-1", "touch-b"))
    until(directory, at_gate)
    if how == "paused":
        send(directory.path, "pause")
        (world / "gate-1.open").touch()
        until(directory, lambda view: view.state is RunState.PAUSED)
    if how == "signal":
        kill_runner(directory, signal.SIGTERM)
    else:
        send(directory.path, "cancel")
    view = until(directory, lambda view: view.state is RunState.CANCELLED)
    assert view.error["code"] == "cancelled"
    assert view.steps[0].state is (StepState.OK if how == "paused" else StepState.CANCELLED)
    assert not (world / "touch-b").exists()
    (world / "gate-1.open").touch()
    resume_toy(directory)
    until(directory, lambda view: view.state is RunState.DONE)


def test_retry_does_the_running_step_again(world: Path) -> None:
    directory = start_toy(world, plan_of("gate-1", "touch-b"))
    until(directory, at_gate)
    send(directory.path, "retry")

    def begun() -> int:
        return [event.type for event in read_events(directory.journal)].count("step.started")

    until(directory, lambda view: begun() == 2 and at_gate(view))
    (world / "gate-1.open").touch()
    until(directory, lambda view: view.state is RunState.DONE)


def test_failed_step_ends_the_run_with_its_error_and_resume_starts_there(world: Path) -> None:
    directory = start_toy(world, plan_of("touch-a", "gate-1"))
    until(directory, at_gate)
    (world / "gate-1.break").touch()
    view = until(directory, lambda view: view.state is RunState.FAILED)
    assert view.error["what"] == "It broke."
    assert view.error["why"] == "the key ******** was refused"
    assert view.error["step"] == "gate-1"
    assert view.waiting[0].why[0].sentence.startswith("no ********")
    with pytest.raises(ControlError, match="does not answer"):
        send(directory.path, "cancel")
    (world / "gate-1.break").unlink()
    (world / "gate-1.open").touch()
    resume_toy(directory)
    view = until(directory, lambda view: view.state is RunState.DONE)
    assert view.error == {}
    assert list_runs(directory.path.parent)[0].state is RunState.DONE


def test_defect_of_ours_is_recorded_without_values(world: Path) -> None:
    directory = start_toy(world, plan_of("gate-1"))
    until(directory, at_gate)
    (world / "gate-1.crash").touch()
    view = until(directory, lambda view: view.state is RunState.FAILED)
    assert view.error["code"] == "internal"
    assert "ZeroDivisionError" in view.error["what"]
    assert view.error["where"].startswith("toy.py:")
    assert SECRET not in directory.journal.read_text()


def test_secrets_and_modes(world: Path) -> None:
    directory = start_toy(world, plan_of("touch-a", "gate-1"))
    until(directory, at_gate)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.path.iterdir()}
    assert set(modes) == {"plan.json", "actor.json", "runner.json", "runner.log", "journal.jsonl", "control.sock"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
    (world / "gate-1.open").touch()
    until(directory, lambda view: view.state is RunState.DONE)
    for path in directory.path.iterdir():
        assert 'pa\\"ss' not in path.read_text()
        assert "ss-word-1234" not in path.read_text()
    assert not (directory.path / "control.sock").exists()


def test_unknown_command_is_refused(world: Path) -> None:
    directory = start_toy(world, plan_of("gate-1"))
    until(directory, at_gate)
    with pytest.raises(ControlError, match="refused fly"):
        send(directory.path, "fly")
    send(directory.path, "cancel")
    until(directory, lambda view: view.state is RunState.CANCELLED)


def test_finding_runs(world: Path) -> None:
    runs = world / ".sensei" / "runs"
    with pytest.raises(NoSuchRun, match="no runs yet"):
        find_run(runs)
    assert latest(runs) is None
    made = [create_run(runs, plan_of("touch-a", kind=kind)) for kind in ("install", "upgrade")]
    assert [item.path.name for item in made] == ["0001-install", "0002-upgrade"]
    assert find_run(runs, "0001") == find_run(runs, "0001-install") == made[0]
    with pytest.raises(NoSuchRun, match="no run 3"):
        find_run(runs, "3")
    assert [run.id for run in list_runs(runs)] == ["0002", "0001"]
