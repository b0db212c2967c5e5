"""`sensei runs ...` on runs of toy steps, through the command line's own entry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensei_tui.runs.model import RunState
from sensei_tui.runs.registry import RunDirectory
from sensei_tui.site.site import Site
from tests.unit.runs.helpers import at_gate, kill_runner, plan_of, start_toy, until

pytestmark = pytest.mark.e2e


@pytest.fixture
def site(world: Path) -> Site:
    return Site.create(world, name="toy")


def sensei(site: Site, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sensei_tui", "--site", str(site.root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env={**os.environ, "TERM": "dumb"})


@pytest.fixture
def waiting_run(site: Site) -> RunDirectory:
    directory = start_toy(site.root, plan_of("touch-a", "gate-1"))
    until(directory, at_gate)
    return directory


def test_list_and_show(site: Site, waiting_run: RunDirectory) -> None:
    assert "0001  install" in sensei(site, "runs", "list").stdout
    assert json.loads(sensei(site, "runs", "list", "-o", "json").stdout)[0]["state"] == "RUNNING"
    shown = sensei(site, "runs", "show", "1", "--log", "--verify").stdout
    assert "events, unbroken" in shown
    assert "ok    touch-a" in shown
    assert "created touch-a with ********" in shown
    assert json.loads(sensei(site, "runs", "show", "-o", "json").stdout)["id"] == "0001"


def test_verify_exits_with_an_error_on_a_changed_journal(site: Site, waiting_run: RunDirectory) -> None:
    kill_runner(waiting_run)
    text = waiting_run.journal.read_text()
    waiting_run.journal.write_text(text.replace("created touch-a", "created touch-b"))
    done = sensei(site, "runs", "show", "1", "--verify")
    assert done.returncode == 3
    assert "journal.jsonl:" in done.stderr
    assert "altered" in done.stderr


def test_attach_prints_lines_until_the_end(site: Site, waiting_run: RunDirectory) -> None:
    command = [sys.executable, "-m", "sensei_tui", "--site", str(site.root), "runs", "attach"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as console:
        assert console.stdout is not None
        for line in console.stdout:
            if "wait   Deployment/a 0/1" in line:
                break
        (site.root / "gate-1.open").touch()
        rest = console.stdout.read()
    assert console.returncode == 0
    assert "[ 2/2] ok   gate-1" in rest
    assert "Run 0001 done in" in rest


def test_json_lines_are_the_journal(site: Site, waiting_run: RunDirectory) -> None:
    (site.root / "gate-1.open").touch()
    until(waiting_run, lambda view: view.state is RunState.DONE)
    done = sensei(site, "runs", "attach", "-o", "json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in events][:2] == ["run.started", "step.started"]
    assert events[-1]["type"] == "run.finished"
    assert {event["run"] for event in events} == {"0001"}


def test_a_console_that_is_interrupted_leaves_the_run_alone(site: Site, waiting_run: RunDirectory) -> None:
    import signal

    # Where the tests run in the background of a shell, a child would inherit that SIGINT is ignored.
    heard = ["env", "--default-signal=INT"]
    command = [*heard, sys.executable, "-m", "sensei_tui", "--site", str(site.root), "runs", "attach"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as console:
        assert console.stdout is not None
        console.stdout.readline()
        console.send_signal(signal.SIGINT)
        _, errors = console.communicate(timeout=30)
    assert console.returncode == 130
    assert "sensei runs attach 0001" in errors
    assert waiting_run.alive
    assert sensei(site, "runs", "cancel").returncode == 0
    assert until(waiting_run, lambda view: view.state is RunState.CANCELLED).error["code"] == "cancelled"
    assert sensei(site, "runs", "attach").returncode == 1


def test_pause_and_continue(site: Site, waiting_run: RunDirectory) -> None:
    assert "pauses after this step" in sensei(site, "runs", "pause").stdout
    assert "goes on" in sensei(site, "runs", "continue", "1").stdout
    (site.root / "gate-1.open").touch()
    until(waiting_run, lambda view: view.state is RunState.DONE)
    refused = sensei(site, "runs", "cancel", "1")
    assert refused.returncode == 3
    assert "does not answer" in refused.stderr


def test_a_dead_run_is_said_and_a_failed_one_explained(site: Site, waiting_run: RunDirectory) -> None:
    kill_runner(waiting_run)
    done = sensei(site, "runs", "attach")
    assert done.returncode == 3
    assert "sensei runs resume 0001" in done.stderr
    failing = start_toy(site.root, plan_of("gate-2"))
    until(failing, at_gate)
    (site.root / "gate-2.break").touch()
    done = sensei(site, "runs", "attach", "2")
    assert done.returncode == 3
    assert "what   It broke." in done.stderr
    assert "do     Mend it." in done.stderr


def test_unknown_run_and_no_runs(site: Site) -> None:
    assert sensei(site, "runs", "list").stdout == "This site has no runs yet.\n"
    done = sensei(site, "runs", "show", "9")
    assert done.returncode == 2
    assert "There is no run 9." in done.stderr
