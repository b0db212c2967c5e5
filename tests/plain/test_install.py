"""The whole main job in the plain console, on a pty with TERM=dumb, against the simulated cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.runs.model import RunState
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import API_KEY, LICENSE, ended
from tests.plain.operator import operator

pytestmark = pytest.mark.e2e


def test_install_by_numbered_answers(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found, operator(found) as console:
        console.until("What to do next:  Check the cluster and this host (press 2).", "5 of 5 nodes ready", "Home> ")
        console.pick("Preflight", "FAIL 0", "cap.nodes", "Preflight> ")
        console.answer("0", "Install (press 3).", "Home> ")
        console.pick("Deploy", "The plan: install 1.0.0", "Nothing has been changed yet. Press s to start.")
        console.pick("Release sensei-deps", "-- release:sensei-deps", "sha256:", "Deploy> ")
        console.pick("start the plan", "Start install 1.0.0 on rehearsal (sensei)?", "yes or no?")
        said = console.answer("yes", "Run 0001 done in", "Deploy> ", timeout=120)
        assert "Run 0001 starts: install 1.0.0 on rehearsal (sensei)" in said
        assert "[ 1/10] ok   Verify the site" in said
        assert "[10/10] ok   Record" in said
        assert "Press 0, then 4" in said
        console.answer("0", "Nothing: Sensei 1.0.0 is deployed", "run 0001 done", "Home> ")
        console.pick("Health", "ok  all 13 components ready", "Health> ")
        console.answer("0", "Home> ")
        console.pick("History", "done", "0001", "install", "History> ")
        console.answer("0", "Home> ")
        console.type("0")
        assert console.wait_end() == 0
        console.check_bytes()
        assert max(map(len, console.said.splitlines())) < 80
        assert API_KEY not in console.said
        assert LICENSE not in console.said
        view = found.until(ended)
        assert (view.state, view.attempts) == (RunState.DONE, 1)


SLOW = "faults: [{kind: slow-start, pod: sensei-kora, seconds: 600}]\n"


def test_a_run_is_left_steered_and_finished(tmp_path: Path) -> None:
    """Enter and Ctrl-C stop following, not the run; pause, retry, cancel and resume; a second console."""
    with rehearsed(tmp_path / "site", SLOW) as found:
        with operator(found) as console:
            console.until("Home> ")
            console.pick("Deploy", "The plan: install")
            console.pick("start the plan", "yes or no?")
            console.type("y")
            console.seen("Deployment/sensei-kora 0/2")
            console.answer("", "The run goes on. f follows it again.", "Deploy> ")
            found.until(lambda view: [item.object for item in view.waiting] == ["Deployment/sensei-kora"])
            console.answer("", "Not ready yet (1)", "Deployment/sensei-kora", "Log, the last lines")
            assert "sensei runs attach 0001" in console.new
            console.pick("Deployment/sensei-kora", "-- Deployment/sensei-kora", "0 of 2 ready")
            console.answer("p", "The run pauses after this step", "Deploy> ")
            console.answer("p", "pauses after this step")
            console.answer("t", "The running step is done again.")
            console.type("f")
            console.seen("Enter gives the prompt back")
            console.key(b"\x03")
            console.until("The run goes on. f follows it again.", "Deploy> ")
            assert found.run().alive
            console.key(b"\x04")
            assert console.wait_end() == 0
            assert "A run that is going on goes on: sensei runs attach" in console.new
            console.check_bytes()
        assert found.run().alive
        with operator(found) as second:
            second.until("Watch run 0001, which is going on (press 3).")
            second.answer("3", "run 0001", "Deploy> ")
            second.pick("cancel the run at a clean point", "Cancel run 0001?", "stays; resume", "yes or no?")
            second.answer("", "Nothing was changed.", "Deploy> ")
            assert found.run().alive
            second.answer("c", "Cancel run 0001?")
            second.answer("y", "The run is being cancelled.")
            assert found.until(ended).state is RunState.CANCELLED
            second.answer("xyz", "There is no 'xyz' here", "Run 0001 cancelled after", "Deploy> ")
            second.answer("", "Cancelled. Press r to resume, n for a new plan.", "Deploy> ")
            second.type("r")
            second.seen("Run 0001 goes on: install 1.0.0")
            second.answer("0", "The run goes on. f follows it again.")
            assert found.run().view().attempts == 2


def test_a_run_that_failed_says_why_and_is_offered_in_history(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site", "faults: [{kind: image-pull, pod: sensei-kora}]\n") as found:
        found.sensei("install", "--yes", "--timeout", "8", code=3)
        with operator(found) as console:
            console.until("See why run 0001 failed", "FAIL     Deploy")
            console.pick("Deploy", "w: why. r: resume.", "Deploy> ")
            console.answer("w", "-- run 0001", " do ", "Deploy> ")
            console.answer("0", "Home> ")
            console.pick("History", "FAILED", "0001", "History> ")
            console.answer("a 1", "run 0001", "Deploy> ")
            console.answer("0", "Home> ")
            console.pick("History", "History> ")
            console.type(f"r {console.number('0001')}")
            console.seen("Run 0001 goes on: install 1.0.0")
            console.answer("", "The run goes on.", "Deploy> ")
            console.check_bytes()
