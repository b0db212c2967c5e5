"""Starting toy runs and waiting for what their journals say."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sensei_tui.base import clock
from sensei_tui.base.process import ProcessRef
from sensei_tui.runs.launch import launch
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.runs.registry import RunDirectory, Watch, create_run
from sensei_tui.runs.view import RunView

TOY = Path(__file__).with_name("toy.py")


def plan_of(*steps: str, kind: str = "install") -> Plan:
    """Steps named `touch-...` or `gate-...`."""
    planned = tuple(PlannedStep(id=step, title=step, inputs=f"sha256:{step}", seconds=2) for step in steps)
    return Plan(
        kind=kind,
        site="toy",
        target="nowhere",
        namespace="sensei",
        version="1.0.0",
        created=clock.stamp(),
        steps=planned,
    )


def start_toy(world: Path, plan: Plan) -> RunDirectory:
    directory = create_run(world / ".sensei" / "runs", plan)
    resume_toy(directory)
    return directory


def resume_toy(directory: RunDirectory) -> ProcessRef:
    return launch(directory, [sys.executable, str(TOY), str(directory.path)])


def until(directory: RunDirectory, wanted: Callable[[RunView], bool], seconds: float = 30) -> RunView:
    """Follow a run until its view is as wanted; AssertionError with the view if it never is."""
    watch = Watch(directory)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        watch.poll()
        if wanted(watch.view):
            return watch.view
        time.sleep(0.01)
    raise AssertionError(f"{watch.view}\n{directory.log.read_text()}")


def at_gate(view: RunView) -> bool:
    return bool(view.waiting)


def await_end(directory: RunDirectory, seconds: float = 10) -> None:
    """Until the runner's process is gone: it gives its locks back after the journal's last line."""
    runner = directory.runner
    deadline = time.monotonic() + seconds
    while runner is not None and runner.alive:
        assert time.monotonic() < deadline, "the runner does not end"
        time.sleep(0.01)


def kill_runner(directory: RunDirectory, number: int = signal.SIGKILL) -> None:
    """Kill it and wait until the kernel says that it is gone."""
    runner = directory.runner
    assert runner is not None
    os.kill(runner.pid, number)
    deadline = time.monotonic() + 20
    while runner.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runner.alive
