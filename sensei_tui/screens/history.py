"""History: what was done here, by whom, and how it ended."""

from __future__ import annotations

import re

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from sensei_tui.base import clock
from sensei_tui.base.text import plural
from sensei_tui.runs.registry import RunSummary
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.deploy import log_line
from sensei_tui.screens.session import Topic
from sensei_tui.site.charts import LATEST
from sensei_tui.widgets.dialogs import Ask, Choose, Pager, Text
from sensei_tui.widgets.filter import FilterMixin
from sensei_tui.widgets.lines import Line, cell, details, labelled, line, span, word
from sensei_tui.widgets.rows import Row, Rows

ROLLBACK = "Roll back release sensei to which revision?"
RESTORE = "Restore which backup?"
RESTORE_HINT = "A name from `sensei backup list`, or latest. Nothing is changed before you start the plan."
ROLLBACK_HINT = "A revision of release sensei, from helm history. Nothing is changed before you start the plan."


class HistoryScreen(FilterMixin, SenseiScreen):
    """Runs, newest first, and their journals."""

    NAME = "history"
    TOPICS = frozenset({Topic.OVERVIEW, Topic.RUN})
    BINDINGS = [
        Binding("enter", "journal", "open", id="history.journal"),
        Binding("a", "attach", "attach", id="history.attach"),
        Binding("r", "resume", "resume", id="history.resume"),
        Binding("b", "rollback", "roll back", id="history.rollback"),
        Binding("s", "backup", "back up", id="history.backup"),
        Binding("o", "restore", "restore", id="history.restore"),
        # 80 columns have no room for these; the help has.
        Binding("u", "uninstall", "uninstall", id="history.uninstall", show=False),
        Binding("slash", "filter", "filter", id="filter", show=False),
    ]

    def body(self) -> ComposeResult:
        yield Text([line("")], id="runs-head")
        yield Rows(id="runs")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#runs", Rows).focus()

    def redraw(self) -> None:
        runs = self.session.runs
        self.tell("History", counted(runs))
        self.query_one("#runs-head", Text).tell([line(""), runs_head(runs)])
        self.query_one("#runs", Rows).set_rows(run_row(run) for run in runs)

    def _chosen(self) -> RunSummary | None:
        key = self.query_one("#runs", Rows).cursor
        return next((run for run in self.session.runs if run.id == key), None)

    @on(Rows.Chosen, "#runs")
    def action_journal(self) -> None:
        """Everything the run's journal says."""
        if run := self._chosen():
            lines = journal_lines(run, self.size.width - 2)
            self.app.push_screen(Pager(f"run {run.id}", lines))

    def action_attach(self) -> None:
        """Watch this run on the Deploy screen."""
        if run := self._chosen():
            self.background(
                lambda: self.session.follow(run.directory), lambda _: self.sensei.action_go("deploy"), group="follow"
            )

    def action_resume(self) -> None:
        """Finish a run that did not end well."""
        if run := self._chosen():
            self.background(
                lambda: self.session.resume_run(run.id), lambda _: self.sensei.action_go("deploy"), group="start"
            )

    def action_rollback(self) -> None:
        """Plan a rollback; it starts only from the Deploy screen."""
        ask = Ask(ROLLBACK, hint=ROLLBACK_HINT, check=revision_problem)
        self.app.push_screen(ask, self._plan_rollback)

    def action_uninstall(self) -> None:
        """Plan to take Sensei away; it starts only from the Deploy screen."""
        self._plan("uninstall")

    def action_backup(self) -> None:
        """Plan a backup; it starts only from the Deploy screen."""
        self._plan("backup")

    def action_restore(self) -> None:
        """Plan a restore; it starts only from the Deploy screen."""
        self.background(self.session.backups, self._choose_backup, group="plan")

    def _choose_backup(self, there: list[tuple[str, str]]) -> None:
        """Where none can be listed, a rehearsal, it is asked for by name."""
        by_name = Ask(RESTORE, value=LATEST, hint=RESTORE_HINT, check=name_problem)
        self.app.push_screen(Choose(RESTORE, there, LATEST) if there else by_name, self._plan_restore)

    def _plan_restore(self, name: str | None) -> None:
        if name:
            self._plan("restore", backup=name)

    def _plan_rollback(self, revision: str | None) -> None:
        if revision:
            self._plan("rollback", int(revision))

    def _plan(self, kind: str, revision: int = 0, backup: str = "") -> None:
        def make() -> None:
            self.session.make_plan(kind, revision, backup)

        self.background(make, lambda _: self.sensei.action_go("deploy"), group="plan")


def counted(runs: tuple[RunSummary, ...]) -> str:
    """`3 runs`."""
    return plural(len(runs), "run") if runs else "no runs"


def runs_head(runs: tuple[RunSummary, ...]) -> Line:
    """The names of the columns; with no runs, what to do."""
    head = line("   ", span("run   what       state      started           took     about, by", "dim"))
    return head if runs else line(" Nothing has been run on this site yet. Press Esc, then 3 for the first plan.")


def revision_problem(text: str) -> str:
    """Why this is no revision, or nothing."""
    return "" if text.isdigit() and int(text) > 0 else "A revision is a whole number from 1."


def name_problem(text: str) -> str:
    """Why this is no backup's name, or nothing."""
    return "" if re.fullmatch(r"[A-Za-z0-9-]+", text) else "A name has letters, digits and dashes."


def run_row(run: RunSummary) -> Row:
    """`0007  install  done  2026-11-23 23:56  3m12s  root`; before `root` what a restore or a rollback was about."""
    took = clock.duration(run.seconds) if run.seconds else ""
    text = line(cell(run.id, 6), cell(run.kind, 11), word(run.state, 11), cell(run.started[:16].replace("T", " "), 18),
                cell(took, 9), span(f"{run.subject}  " if run.subject else ""), span(run.actor, "dim"))  # fmt: skip
    return Row(run.id, text)


def journal_lines(run: RunSummary, width: int) -> list[Line]:
    """Head, steps and log of one run."""
    view = run.directory.view()
    parts = [("what", f"{view.kind} {view.version}"), ("state", str(view.state)), ("started", view.started)]
    parts += [("by", run.actor), ("took", clock.duration(view.seconds))]
    head = details(parts, width)
    steps = [
        line("   ", word(step.state, 6), cell(step.title, 34), cell(clock.duration(step.seconds), 8), span(step.detail))
        for step in view.steps
    ]
    error = [
        row
        for key in ("what", "why", "remedy")
        if view.error and view.error.get(key)
        for row in labelled(key, str(view.error[key]), width)
    ]
    return [line(""), *head, line(""), *steps, line(""), *error, *(log_line(item) for item in view.log)]
