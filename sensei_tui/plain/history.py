"""History, as lines: what was done here, by whom, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.base.errors import SenseiError
from sensei_tui.plain.page import AGAIN, Page
from sensei_tui.runs.registry import RunSummary
from sensei_tui.runs.view import GOING
from sensei_tui.screens import history as screen
from sensei_tui.site.charts import LATEST
from sensei_tui.widgets.lines import Line, line
from sensei_tui.widgets.rows import Row


class HistoryPage(Page):
    """Runs as rows, newest first."""

    NAME = "history"
    SCREEN = screen.HistoryScreen
    BY_ROW = frozenset({"journal"})
    ON_ROW = frozenset({"attach", "resume"})
    WORDS = {
        "attach": "watch a run on Deploy", "resume": "finish a run that did not end well",
        "rollback": "plan a rollback", "uninstall": "plan to take Sensei away",
        "backup": "plan a backup", "restore": "plan to restore a backup",
    }  # fmt: skip

    def update(self) -> None:
        self.session.refresh()

    def title(self) -> tuple[str, ...]:
        return "History", screen.counted(self.session.runs)

    def head(self) -> Iterable[Line]:
        runs = self.session.runs
        return [line("state, run, what, started (UTC), took, about, by")] if runs else [screen.runs_head(runs)]

    def rows(self) -> list[Row]:
        return [screen.run_row(run) for run in self.session.runs]

    def applies(self, action: str) -> bool:
        if action == "resume":
            return any(run.unfinished for run in self.session.runs)
        return bool(self.session.runs) if action == "attach" else super().applies(action)

    def open(self, key: str) -> bool:
        run = self._run(key)
        return self.text(f"run {run.id}", screen.journal_lines(run, self.talk.width), outside=True)

    def _run(self, key: str) -> RunSummary:
        found = next((run for run in self.session.runs if run.id == key), None)
        if found is None:
            raise SenseiError(f"Run {key} is no longer there.", remedy="Enter shows the page again.")
        return found

    def do_attach(self, key: str) -> bool:
        """Watch this run on Deploy; one that goes on is followed."""
        directory = self._run(key).directory
        self.session.follow(directory)
        # A plan that was not started would be shown instead of the run; n makes it again.
        self.session.plan, self.console.attach = None, 0
        run = self.session.run
        if run is not None and run.state in GOING:
            self.console.told.setdefault(run.id, run.seq)
            self.console.attach = run.attempts or 1
        self.console.go("deploy")
        return AGAIN

    def do_resume(self, key: str) -> bool:
        """Finish a run that did not end well, and follow it."""
        view = self._run(key).directory.view()
        self.console.work("Starting the run", lambda: self.session.resume_run(key))
        self.console.told[key] = view.seq
        self.console.attach = view.attempts + 1
        self.console.go("deploy")
        return AGAIN

    def do_rollback(self) -> bool:
        """Plan a rollback; it starts only from Deploy."""
        revision = self.console.question(screen.ROLLBACK, hint=screen.ROLLBACK_HINT, check=screen.revision_problem)
        return self._plan("rollback", int(revision))

    def do_uninstall(self) -> bool:
        """Plan to take Sensei away; it starts only from Deploy."""
        return self._plan("uninstall")

    def do_backup(self) -> bool:
        """Plan a backup; it starts only from Deploy."""
        return self._plan("backup")

    def do_restore(self) -> bool:
        """Plan a restore; it starts only from Deploy."""
        there = self.console.work("Reading the backups", self.session.backups)
        return self._plan("restore", backup=self.console.choose(screen.RESTORE, there) if there else self._named())

    def _named(self) -> str:
        return self.console.question(screen.RESTORE, value=LATEST, hint=screen.RESTORE_HINT, check=screen.name_problem)

    def _plan(self, kind: str, revision: int = 0, backup: str = "") -> bool:
        self.console.work("Making the plan", lambda: self.session.make_plan(kind, revision, backup))
        self.console.go("deploy")
        return AGAIN
