"""The console as a program on a real pty: vt100 at 80x24, killed and attached again, signals, the terminal left sane."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.base.redaction import MASK
from sensei_tui.runs.model import RunState
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import API_KEY, LICENSE, SiteUnderTest, ended, kill
from tests.terminal.line import Line

pytestmark = pytest.mark.e2e


def console(found: SiteUnderTest, term: str = "vt100", **more: str) -> Line:
    """`sensei` on the site, in a terminal of this kind."""
    dropped = ("COLORTERM", "LC_ALL", "LC_CTYPE", "NO_COLOR", "SENSEI_PROFILE")
    environ = {key: value for key, value in found.environ.items() if key not in dropped}
    locale = "C" if term.startswith("vt") else "C.UTF-8"
    command = (sys.executable, "-m", "sensei_tui")
    return Line(command, env={**environ, "TERM": term, "LANG": locale, **more}, cwd=found.site.root)


@pytest.fixture
def found(tmp_path: Path) -> Iterator[SiteUnderTest]:
    """A slow component, so that there is a middle to be killed in."""
    with rehearsed(tmp_path / "site", "faults: [{kind: slow-start, pod: sensei-kora, seconds: 60}]\n") as site:
        yield site


def test_install_on_a_vt100_killed_in_the_middle_and_attached_again(found: SiteUnderTest) -> None:
    with console(found) as first:
        first.wait_for("What to do next:", "5 of 5 nodes ready")
        first.press("2")
        first.wait_for("FAIL 0", "cap.nodes")
        first.press("escape")
        first.wait_for("What to do next:")
        first.press("3")
        first.wait_for("Nothing has been changed yet")
        first.press("s")
        first.wait_for("Start install")
        first.press("y")
        first.wait_for("Not ready yet (1)", "Deployment/sensei-kora")
        first.kill(signal.SIGKILL)
        assert all(byte < 0x80 for byte in first.raw), "a vt100 gets ASCII"
    assert found.run().alive
    with console(found) as second, console(found, "xterm-256color") as third:
        for other in (second, third):
            other.wait_for("Watch run 0001")
            other.press("3")
            other.wait_for("run 0001")
        for other in (second, third):
            other.wait_for("Done in", timeout=90)
        second.press("escape")
        second.wait_for("What to do next:  Nothing: Sensei 1.0.0 is deployed")
        second.press("4")
        second.wait_for("all 13 components ready")
        second.press("escape")
        second.wait_for("What to do next:")
        second.press("q")
        assert second.wait_end() == 0
        seen = (bytes(second.raw) + bytes(third.raw)).decode(errors="replace")
        assert API_KEY not in seen
        assert LICENSE not in seen
    assert found.run().view().state is RunState.DONE


def test_a_dead_run_is_offered_at_start_and_finished(found: SiteUnderTest) -> None:
    found.sensei("install", "--yes", "--detach")
    found.until(lambda view: view.step is not None and view.step.id == "wait:sensei")
    kill(found.run())
    with console(found) as screen:
        screen.wait_for("Resume run 0001: its runner is gone")
        screen.press("3")
        screen.wait_for("Press r to resume")
        screen.press("r")
        screen.wait_for("Done in", timeout=90)
    view = found.until(ended)
    assert (view.state, view.attempts) == (RunState.DONE, 2)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_signals_leave_the_terminal_as_it_was(found: SiteUnderTest, number: signal.Signals) -> None:
    with console(found, "xterm-256color") as screen:
        screen.wait_for("What to do next:", "5 of 5 nodes ready")
        screen.kill(number)
        assert screen.wait_end() == 128 + number
        assert screen.modes == screen.modes_before
        assert b"\x1b[?1049l" in screen.raw, "the alternate screen is left"
        assert b"\x1b[?25h" in screen.raw, "the cursor is back"


CRASH = """
import sys
from sensei_tui.terminal.profile import prepare_environment
prepare_environment()
from pathlib import Path
from sensei_tui.app import SenseiApp, run
from sensei_tui.site.site import Site

def broken(self):
    secret_in_a_local = "planted-" + "local-77aa"
    raise ZeroDivisionError

SenseiApp.action_redraw = broken
sys.exit(run(Site.open(Path(sys.argv[1]))))
"""


def test_a_crash_prints_no_locals_and_leaves_the_terminal_as_it_was(found: SiteUnderTest) -> None:
    environ = {**found.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Line((sys.executable, "-c", CRASH, str(found.site.root)), env=environ, cwd=found.site.root) as screen:
        screen.wait_for("What to do next:", "5 of 5 nodes ready")
        screen.press("ctrl+l")
        assert screen.wait_end() == 70
        said = screen.raw.decode(errors="replace")
        assert "A defect in sensei ended this console" in said
        assert "ZeroDivisionError" in said
        assert "planted-local-77aa" not in said
        assert screen.modes == screen.modes_before


def test_idle_costs_no_bytes(found: SiteUnderTest) -> None:
    """Nothing happens in the cluster: nothing is sent, on any screen. The poll for news is half a second."""
    with console(found) as screen:
        screen.wait_for("What to do next:", "5 of 5 nodes ready")
        for key, text in (("4", "Control plane"), ("5", "History"), ("1", "Domain")):
            screen.press(key)
            screen.wait_for(text)
            screen.settle(1.0)
            assert screen.listen(3.0) == 0, screen.since_mark
            screen.press("escape")
            screen.wait_for("What to do next:")


def test_esc_never_loses_an_edit(found: SiteUnderTest) -> None:
    with console(found) as screen:
        screen.wait_for("What to do next:", "5 of 5 nodes ready")
        screen.press("1")
        screen.wait_for("Domain")
        screen.press("tab", "enter")
        screen.wait_for("Enter accept")
        screen.press("\x15")
        screen.wait_for("Enter accept", gone="internal.example")
        screen.press("sensei.prod.internal", "enter")
        screen.wait_for("sensei.prod.internal")
        screen.press("escape")
        screen.wait_for("What to do next:")
        screen.press("1")
        screen.wait_for("sensei.prod.internal", "not saved")
        screen.press("escape")
        screen.wait_for("What to do next:")
        screen.press("q")
        screen.wait_for("Leave without saving")
        screen.press("n")
        screen.press("1")
        screen.wait_for("sensei.prod.internal", "not saved")
        screen.press("s")
        screen.wait_for("saved", gone="not saved")
        assert "domain: sensei.prod.internal" in (found.site.root / "values.yaml").read_text()
        screen.press("escape")
        screen.wait_for("What to do next:")
        screen.press("q")
        assert screen.wait_end() == 0


def test_the_license_key_is_masked_everywhere_on_screen(found: SiteUnderTest) -> None:
    with console(found) as screen:
        screen.wait_for("What to do next:", "5 of 5 nodes ready")
        screen.press("1")
        screen.wait_for("Domain")
        screen.press("down")
        screen.wait_for("Organization")
        assert MASK[:4] in screen.text or "set" in screen.text
        screen.press("escape")
        screen.wait_for("What to do next:")
        assert LICENSE.encode() not in screen.raw
        assert os.environ.get("ANTHROPIC_API_KEY", API_KEY).encode() not in screen.raw
