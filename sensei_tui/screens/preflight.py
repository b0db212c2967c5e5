"""Preflight: will it fit, and what is in the way?"""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from sensei_tui.base import clock
from sensei_tui.preflight.model import WAIVABLE, Finding, Report, Status
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.session import Session, Topic
from sensei_tui.widgets.bars import Rule
from sensei_tui.widgets.dialogs import Ask, Pager, Text
from sensei_tui.widgets.filter import FilterMixin
from sensei_tui.widgets.lines import Line, Pane, cell, details, labelled, line, span, word
from sensei_tui.widgets.rows import Row, Rows

WORDS = {
    Status.PASS: "ok", Status.WARN: "warn", Status.FAIL: "FAIL", Status.UNKNOWN: "?", Status.SKIPPED: "skip",
    Status.WAIVED: "waived",
}  # fmt: skip
WAIVE_HINT = "The reason is kept in the site's record. The check stays in the list as waived."
EXPORT = "Write the report to"
EXPORT_HINT = "JSON, or YAML where the name ends in .yaml."
ORDER = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.WAIVED, Status.PASS, Status.SKIPPED)


class PreflightScreen(FilterMixin, SenseiScreen):
    """Findings grouped by area, worst first, with the evidence of the one under the cursor."""

    NAME = "preflight"
    TOPICS = frozenset({Topic.REPORT, Topic.OVERVIEW})
    BINDINGS = [
        Binding("enter", "detail", "detail", id="preflight.detail"),
        Binding("r", "run", "run again", id="preflight.run"),
        Binding("w", "waive", "waive", id="preflight.waive"),
        Binding("x", "export", "export", id="preflight.export"),
        Binding("slash", "filter", "filter", id="filter"),
    ]

    def body(self) -> ComposeResult:
        yield Text([line("")], id="counts")
        with Container(id="split"):
            yield Rows(id="findings")
            with Container(id="side"):
                yield Rule(id="side-rule")
                yield Pane(id="finding")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#findings", Rows).focus()
        if self.session.report is None:
            self.action_run()

    def redraw(self) -> None:
        report = self.session.report
        self.tell("Preflight", right=when(report, self.session.checking))
        self.query_one("#counts", Text).tell([line(""), counts(report, self.session.checking), line("")])
        self.query_one("#findings", Rows).set_rows(finding_rows(report))
        self._draw_detail()

    def _finding(self) -> Finding | None:
        key = self.query_one("#findings", Rows).cursor
        findings = self.session.report.findings if self.session.report else ()
        return next((finding for finding in findings if finding.id == key), None)

    def _draw_detail(self) -> None:
        pane, finding = self.query_one("#finding", Pane), self._finding()
        pane.show(finding_lines(finding, max(40, pane.size.width)) if finding else [])

    @on(Rows.Moved, "#findings")
    def show_finding(self) -> None:
        """The evidence follows the cursor."""
        self._draw_detail()

    @on(Rows.Chosen, "#findings")
    def action_detail(self) -> None:
        """The whole finding over the whole screen."""
        if finding := self._finding():
            self.app.push_screen(Pager(finding.id, finding_lines(finding, self.size.width - 1)))

    def action_run(self) -> None:
        """Measure again."""
        if not self.session.checking:
            self.background(self.session.check, group="preflight")

    def action_waive(self) -> None:
        """Accept a finding with a reason, or take the waiver back."""
        finding = self._finding()
        if finding is None or not waivable(finding):
            return
        if finding.status is Status.WAIVED:
            self.background(lambda: self.session.waive(finding.id, ""), group="waive")
            return
        question = Ask(waive_question(finding), hint=WAIVE_HINT, check=reason_problem)
        self.app.push_screen(question, lambda reason: self._waive(finding.id, reason))

    def _waive(self, check: str, reason: str | None) -> None:
        if reason:
            self.background(lambda: self.session.waive(check, reason), group="waive")

    def action_export(self) -> None:
        """Write the report to a file."""
        report = self.session.report
        if report is None:
            return
        ask = Ask(EXPORT, value=export_name(self.session, report), hint=EXPORT_HINT)
        self.app.push_screen(ask, lambda path: self._export(report, path))

    def _export(self, report: Report, path: str | None) -> None:
        from sensei_tui.preflight.engine import export_report

        if path:
            self.background(lambda: export_report(report, Path(path).expanduser()), group="export")


def waivable(finding: Finding) -> bool:
    """Whether a reason can accept it, or a waiver of it can be taken back."""
    return finding.status in (*WAIVABLE, Status.WAIVED)


def waive_question(finding: Finding) -> str:
    """What is asked before it is waived."""
    return f"Why is {finding.id} acceptable here?"


def reason_problem(text: str) -> str:
    """Why this is no reason, or nothing."""
    return "" if len(text.strip()) >= 3 else "Say why, in a few words."


def export_name(session: Session, report: Report) -> str:
    """Where the report is written if nobody says otherwise."""
    return str(session.site.root / f"preflight-{report.at[:10]}.json")


def when(report: Report | None, checking: str) -> str:
    """`run 4m ago, 38s`."""
    if checking:
        return "running"
    if report is None:
        return "not run yet"
    seconds = (clock.now() - clock.parse(report.at)).total_seconds()
    return f"run {clock.age(seconds)} ago, {clock.duration(report.seconds)}"


def counts(report: Report | None, checking: str) -> Line:
    """`FAIL 0   warn 2   ? 1   ok 41   waived 0`."""
    if checking:
        return line(span(f" Checking {checking}"))
    if report is None:
        return line(span(" Not run yet. Press r to run the checks; nothing is changed.", "strong"))
    parts = [span(" ")]
    for status in (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.PASS, Status.WAIVED, Status.SKIPPED):
        number = report.count(status)
        parts += [word(WORDS[status]) if number else span(WORDS[status], "dim"), span(f" {number}   ")]
    return (*parts, span("" if report.count(Status.FAIL) else "Press Esc, then 3.", "dim"))


def finding_rows(report: Report | None) -> list[Row]:
    """Areas with a finding that needs attention first; inside an area the worst first."""
    findings = report.findings if report else ()
    areas: dict[str, list[Finding]] = {}
    for finding in findings:
        areas.setdefault(finding.area, []).append(finding)
    rows: list[Row] = []
    for area in sorted(areas, key=lambda name: min(ORDER.index(finding.status) for finding in areas[name])):
        rows.append(Row("", line(span(area, "title"))))
        rows += [_row(finding) for finding in sorted(areas[area], key=lambda finding: ORDER.index(finding.status))]
    return rows


def _row(finding: Finding) -> Row:
    mark = word(WORDS[finding.status], 7)
    text = line(mark, cell(finding.id, 17), " ", span(finding.summary))
    return Row(
        finding.id, text, f"{finding.id} {finding.area} {finding.title} {finding.summary} {WORDS[finding.status]}"
    )


def finding_lines(finding: Finding, width: int) -> list[Line]:
    """Measured, threshold, source and remedy of one finding."""
    head = line(" ", span(finding.id, "title"), "  ", span(finding.title, "strong"), "  ", word(WORDS[finding.status]))
    parts = [
        ("measured", finding.measured or finding.summary),
        ("threshold", finding.threshold),
        ("source", finding.source),
    ]
    if finding.waiver:
        parts.append(("waived", f"{finding.waiver} (would be {finding.waived_status})"))
    parts.append(("do", finding.remedy if finding.status is not Status.PASS else ""))
    shown = details(parts, width)
    evidence = [row for text in finding.detail for row in labelled("", text, width, role="dim")]
    return [head, *shown, *evidence]
