"""The operator's line: pipes, end of input, Ctrl-C, hang-ups, pages, widths, silence, and news before a prompt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sensei_tui.health.model import Health, Word
from sensei_tui.plain.news import News
from sensei_tui.plain.talk import Back, Left, Talk
from sensei_tui.plain.words import folded, in_plain, state_first, text_of
from sensei_tui.runs.model import RunState
from sensei_tui.runs.view import RunView
from sensei_tui.screens.session import Session
from sensei_tui.site.masking import masked_text
from sensei_tui.site.new import create_site
from sensei_tui.widgets.lines import cell, line, span, word
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import SiteUnderTest
from tests.plain.operator import ALLOWED, Operator, operator

# Words.


def test_lines_are_ascii_and_no_wider_than_the_line() -> None:
    rows = folded("  \x1b[31mRED\x1b[0m\x07 caf\u00e9 \u2192 " + "word " * 40 + "x" * 200, 60, 4)
    text = "\n".join(rows)
    assert set(text.encode("ascii")) <= ALLOWED
    assert max(map(len, rows)) <= 60
    assert rows[0].startswith("  RED caf")
    assert all(row.startswith("      ") for row in rows[1:])
    assert "".join(text.split()).count("x") == 200


def test_the_state_comes_first_and_bars_are_left_out() -> None:
    content = line(cell("node-1", 10), word("ok", 6), span("[####----]"), span(" 4 cores"))
    assert text_of(state_first(content)) == "ok     node-1     4 cores"


def test_keys_that_no_line_holds_are_named_as_answers() -> None:
    assert in_plain("Press Esc, then 4.") == "Press 0, then 4."
    assert in_plain("It failed. Press Enter for why, r to resume.") == "It failed. Press w for why, r to resume."


@pytest.mark.parametrize(
    "text",
    [
        "license:\n  key: planted-77\n",
        "license: {key: planted-77, organization: x}\n",
        "llm:\n  apiKey: |\n    planted-77\n    planted-77b\n",
        "llm:\n  apikye: planted-77\n",
        "llm:\n  gpu: {secret: [planted-77]}\n",
        "# key: planted-77\nglobal:\n  domain: a.example\n",
        "broken: [\nlicense:\n  key: 'planted-77'\n",
    ],
)
def test_no_secret_of_a_file_is_shown_and_its_lines_stay(text: str) -> None:
    shown = masked_text(text, Path("values.yaml"))
    assert "planted" not in shown
    assert shown.count("\n") == text.count("\n")


def test_what_is_no_secret_is_shown() -> None:
    text = "global:\n  domain: a.example # ours\nllm:\n  apiKey: ${ANTHROPIC_API_KEY}\n"
    assert masked_text(text, Path("values.yaml")) == text


# Talk, on pipes.


@pytest.fixture
def pipes() -> Iterator[tuple[Talk, int, int]]:
    """A talk; where to type; where to read."""
    source, typing = os.pipe()
    reading, sink = os.pipe()
    yield Talk(source, sink), typing, reading
    for handle in (source, typing, reading, sink):
        try:
            os.close(handle)
        except OSError:
            continue


def test_answers_come_in_order_and_stand_in_the_record(pipes: tuple[Talk, int, int]) -> None:
    talk, typing, reading = pipes
    os.write(typing, "one\ntwo \u0663\nlast".encode())
    os.close(typing)
    assert [talk.ask("a>"), talk.ask("b>"), talk.ask("c>")] == ["one", "two \u0663", "last"]
    with pytest.raises(Left):
        talk.ask("d>")
    said = os.read(reading, 4096)
    assert said == b"a> one\nb> two ?\nc> last\nd> \n"


def test_a_hidden_answer_does_not_stand_in_the_record(pipes: tuple[Talk, int, int]) -> None:
    talk, typing, reading = pipes
    os.write(typing, b"planted-77\n")
    assert talk.ask("key:", secret=True) == "planted-77"
    assert os.read(reading, 4096) == b"key: \n"


def test_nobody_reads_any_more(pipes: tuple[Talk, int, int]) -> None:
    talk, _, reading = pipes
    os.close(reading)
    with pytest.raises(Left):
        talk.say("anybody?")


def test_ctrl_c_at_a_prompt_is_back(pipes: tuple[Talk, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    talk, _, reading = pipes

    def interrupted(seconds: float | None) -> str | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(talk, "wait", interrupted)
    with pytest.raises(Back):
        talk.ask("a>")
    assert os.read(reading, 64) == b"a> \n"


# News.


def test_news_are_told_once(tmp_path: Path) -> None:
    session = Session(create_site(tmp_path / "site", name="x", rehearsal=True), lambda topic: None)
    news = News(session)
    well = Health(word=Word.OK, headline="all 13 components ready")
    session.health = well
    assert list(news.lines()) == []
    session.health = msgspec.structs.replace(well, word=Word.WARN, headline="DEGRADED: AMANI 1/2")
    assert list(news.lines()) == ["Health: warn  DEGRADED: AMANI 1/2"]
    assert list(news.lines()) == []
    session.health = well
    assert list(news.lines()) == ["Health: ok  all 13 components ready"]


class Watched(Session):
    """A session whose run is set by the test."""

    seen: RunView | None = None

    @property
    def run(self) -> RunView | None:
        return self.seen


def test_the_end_of_a_run_is_told_before_the_next_prompt(tmp_path: Path) -> None:
    session = Watched(create_site(tmp_path / "site", name="x", rehearsal=True), lambda topic: None)
    session.seen = RunView(id="0001", state=RunState.RUNNING)
    news = News(session)
    assert list(news.lines()) == []
    session.seen = RunView(id="0001", state=RunState.FAILED, seconds=62, error={"what": "It broke.", "why": "so"})
    assert list(news.lines()) == ["Run 0001 FAILED after 1m02s.", "  what   It broke.", "  why    so"]
    assert list(news.lines()) == []


# The console as a program.


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteUnderTest]:
    with rehearsed(tmp_path_factory.mktemp("line") / "site") as site:
        yield site


def piped(found: SiteUnderTest, typed: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "sensei_tui.plain", str(found.site.root)]
    return subprocess.run(
        command, input=typed.encode(), env={**found.environ, **environ}, capture_output=True, timeout=60
    )


@pytest.mark.e2e
def test_a_script_in_a_pipe(found: SiteUnderTest) -> None:
    done = piped(found, "4\nn\n0\nq\n", COLUMNS="60")
    said = done.stdout.decode("ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Home> 4\n" in said
    assert "Health> n\n" in said
    assert "node-1" in said
    assert "more?" not in said
    assert b"\r" not in done.stdout
    assert set(done.stdout) <= ALLOWED
    assert max(map(len, said.splitlines())) < 60


@pytest.mark.e2e
@pytest.mark.parametrize("typed", ["", "3\ns\n", "1\nv\n", "2\nx\n"])
def test_the_end_of_input_leaves_wherever_it_comes(found: SiteUnderTest, typed: str) -> None:
    done = piped(found, typed)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"You left. A run that is going on goes on: sensei runs attach\n")
    assert not found.site.runs.exists() or list(found.site.runs.iterdir()) == []


@pytest.mark.e2e
def test_edits_that_the_end_of_input_loses_are_named(found: SiteUnderTest) -> None:
    done = piped(found, "1\n3\n1\n3\n")
    assert b"not saved" in done.stdout
    assert b"The edits made here were not saved." in done.stdout


@pytest.mark.e2e
def test_ctrl_c_goes_back_and_from_home_away(found: SiteUnderTest) -> None:
    with operator(found) as console:
        console.until("Home> ")
        console.answer("5", "no runs", "History> ")
        console.key(b"\x03")
        console.until("What to do next:", "Home> ")
        console.key(b"\x03")
        assert console.wait_end() == 0
        assert console.modes == console.modes_before


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_signals_end_it(found: SiteUnderTest, number: signal.Signals) -> None:
    with operator(found) as console:
        console.until("Home> ")
        console.process.send_signal(number)
        assert console.wait_end() == 128 + number


@pytest.mark.e2e
def test_a_long_list_waits_after_every_page(found: SiteUnderTest) -> None:
    with operator(found, lines=24) as console:
        paged(console)


def paged(console: Operator) -> None:
    console.until("Home> ")
    said = console.answer("?", "more? (Enter: more, 0: enough) ")
    assert said.count("\n") <= 24
    console.answer("0", "Home> ")
    console.answer("?", "more?")
    console.answer("", "Keys everywhere")
    if "more?" in console.new:
        console.answer("0", "Home> ")
    console.answer("4", "Health | components", "more?")
    console.answer("0", "Health> ")
    console.answer("", "more?")
    console.answer("zz", "There is no 'zz' here", "Health> ")
    console.check_bytes()


@pytest.mark.e2e
def test_silence_while_nothing_happens(found: SiteUnderTest) -> None:
    """The cluster is watched, the journal is looked at: nothing is printed, at a prompt or in a question."""
    with operator(found) as console:
        console.until("5 of 5 nodes ready", "Home> ")
        for answer, wanted in (("4", "Health> "), ("n", "Health> "), ("0", "Home> "), ("K", "Path of the kubeconfig")):
            console.answer(answer, wanted)
            before = len(console.raw)
            console.read(3.0)
            assert len(console.raw) == before, console.raw[before:]
