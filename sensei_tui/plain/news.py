"""What happened since the last prompt and must not wait: a run that ended, a cluster that is no longer well."""

from __future__ import annotations

from collections.abc import Iterator

from sensei_tui.health.model import Word
from sensei_tui.runs.lines import end_lines
from sensei_tui.runs.model import RunState
from sensei_tui.runs.view import GOING
from sensei_tui.screens.session import Session

UNWELL = (Word.WARN, Word.FAIL, Word.UNKNOWN)


class News:
    """Compares the session with what the operator was told last. Nothing is told twice."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._run: tuple[str, RunState] | None = None
        self._word: Word | None = None

    def mark(self) -> None:
        """What is so now was told by other means."""
        run, health = self._session.run, self._session.health
        self._run = (run.id, run.state) if run else None
        self._word = health.word if health else self._word

    def lines(self) -> Iterator[str]:
        """What is new, in lines."""
        self._session.poll()
        run_before, word_before = self._run, self._word
        self.mark()
        yield from self._of_run(run_before)
        yield from self._of_health(word_before)

    def _of_run(self, before: tuple[str, RunState] | None) -> Iterator[str]:
        run = self._session.run
        if run is None or before is None or before[0] != run.id or before[1] not in GOING or run.state in GOING:
            return
        self._session.refresh()
        yield from end_lines(run)

    def _of_health(self, before: Word | None) -> Iterator[str]:
        health, run = self._session.health, self._session.run
        going = run is not None and run.state in GOING
        if health is None or before is None or going or health.word == before:
            return
        if health.word in UNWELL or before in UNWELL:
            yield f"Health: {health.word}  {health.headline}"
