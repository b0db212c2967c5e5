"""Preflight, as lines: will it fit, and what is in the way?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sensei_tui.base.errors import SenseiError
from sensei_tui.plain.page import AGAIN, Page
from sensei_tui.preflight.engine import export_report
from sensei_tui.preflight.model import Finding, Status
from sensei_tui.screens import preflight as screen
from sensei_tui.widgets.lines import Line
from sensei_tui.widgets.rows import Row


class PreflightPage(Page):
    """Findings as rows, by area, worst first."""

    NAME = "preflight"
    SCREEN = screen.PreflightScreen
    BY_ROW = frozenset({"detail"})
    ON_ROW = frozenset({"waive"})
    WORDS = {
        "run": "measure again", "waive": "accept a finding with a reason, or take that back",
        "export": "write the report to a file",
    }  # fmt: skip

    def enter(self) -> None:
        """With no report, the checks are run."""
        if self.session.report is None:
            self.do_run()

    def title(self) -> tuple[str, ...]:
        return "Preflight", screen.when(self.session.report, self.session.checking)

    def head(self) -> Iterable[Line]:
        return [screen.counts(self.session.report, self.session.checking)]

    def rows(self) -> list[Row]:
        return screen.finding_rows(self.session.report)

    def applies(self, action: str) -> bool:
        if action == "run":
            return not self.session.checking
        report = self.session.report
        if action == "waive":
            return report is not None and any(screen.waivable(finding) for finding in report.findings)
        return report is not None if action == "export" else super().applies(action)

    def open(self, key: str) -> bool:
        finding = self._finding(key)
        return self.text(finding.id, screen.finding_lines(finding, self.talk.width))

    def _finding(self, key: str) -> Finding:
        findings = self.session.report.findings if self.session.report else ()
        found = next((finding for finding in findings if finding.id == key), None)
        if found is None:
            raise SenseiError(f"{key} is no longer in the report.", remedy="Enter shows the page again.")
        return found

    def do_run(self) -> bool:
        """Measure again."""
        self.console.work("Checking", self.session.check)
        return AGAIN

    def do_waive(self, key: str) -> bool:
        """Accept a finding with a reason, or take the waiver back."""
        finding = self._finding(key)
        if not screen.waivable(finding):
            self.talk.say(f"{key} is {screen.WORDS[finding.status]}: there is nothing to waive.")
            return False
        reason = ""
        if finding.status is not Status.WAIVED:
            question = screen.waive_question(finding)
            reason = self.console.question(question, hint=screen.WAIVE_HINT, check=screen.reason_problem)
        self.session.waive(key, reason)
        return AGAIN

    def do_export(self) -> bool:
        """Write the report to a file."""
        report = self.session.report
        if report is None:
            return False
        name = screen.export_name(self.session, report)
        path = Path(self.console.question(screen.EXPORT, value=name, hint=screen.EXPORT_HINT)).expanduser()
        export_report(report, path)
        self.talk.say(f"Written: {path}", 9)
        return False
