"""The site's values as they are edited, and how the form shows them: what Configure draws from, without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.redaction import MASK
from sensei_tui.deploy.record import difference
from sensei_tui.site.edit import ValuesEditor
from sensei_tui.site.form import Field, Group, form, parse_text
from sensei_tui.site.site import Site
from sensei_tui.site.validate import Problem, check_value, validate
from sensei_tui.widgets.lines import Line, cell, details, labelled, line, span
from sensei_tui.widgets.rows import Row

VALUE_WIDTH = 26
REVERT = ("Take back every edit since the last save?", "The edits made here would be lost.")
LEAVE = ("Leave without saving the configuration?", "The edits made here would be lost.")


class Draft:
    """One console's edits of one site. Raises YamlError where the files cannot be read."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.editor = ValuesEditor(site)
        self.groups: tuple[Group, ...] = form()
        self.problems: tuple[Problem, ...] = ()
        self.broken = ""
        """Why the YAML cannot be read, while it is so."""
        self.check()

    @property
    def dirty(self) -> bool:
        """Whether there is something to save."""
        return self.editor.dirty

    def check(self) -> None:
        """Validate what is edited now; broken YAML is a problem like any other."""
        try:
            self.problems, self.broken = validate(self.editor.values()), ""
        except SenseiError as error:
            self.problems, self.broken = (), f"{error.what} {error.why}".strip()

    def set_text(self, path: Path, text: str) -> SenseiError | None:
        """Replace a file's text; broken YAML is kept, and `broken` says why it is. Returns what is wrong with it."""
        try:
            self.editor.set_text(path, text)
        except SenseiError as error:
            self.broken = f"{error.what} {error.why}".strip()
            return error
        self.check()
        return None

    def state(self) -> tuple[str, str]:
        """`not saved`, `2 not valid`."""
        errors = sum(problem.severity == "error" for problem in self.problems)
        valid = "YAML is broken" if self.broken else f"{errors} not valid" if errors else "valid"
        return "not saved" if self.dirty else "saved", valid

    def group(self, key: str) -> Group | None:
        """By key."""
        return next((group for group in self.groups if group.key == key), None)

    def fields(self, group: Group) -> list[Field]:
        """Those that mean something with the values in force."""
        return [field for field in group.fields if all(self.value(path) == value for path, value in field.when)]

    def value(self, path: str) -> Any:
        """What is in force: the operator's value, or the default."""
        value = self.editor.get(path)
        if value is not None:
            return value
        fields = (field for group in self.groups for field in group.fields)
        return next((field.default for field in fields if field.path == path), None)

    def refused(self, field: Field, text: str) -> str:
        """Why what was typed is not allowed there; empty if it is."""
        return check_value(field.path, parse_text(field, text))

    def group_rows(self, wrong_mark: str = "!", set_mark: str = "*") -> list[Row]:
        """The groups, marked where something is not valid, or is set."""
        bad = {problem.path for problem in self.problems if problem.severity == "error"}
        rows = []
        for group in self.groups:
            paths = [field.path for field in group.fields]
            wrong = any(path in bad for path in paths)
            changed = any(self.editor.get(path) is not None for path in paths)
            mark = span(f" {wrong_mark}", "fail") if wrong else span(f" {set_mark}", "dim") if changed else span("")
            rows.append(Row(group.key, line(cell(group.title, 14), mark)))
        return rows

    def field_row(self, field: Field, width: int = VALUE_WIDTH) -> Row:
        """`Replicas   2`, the value cut to `width` (0: as it is)."""
        wrong = any(problem.path == field.path and problem.severity == "error" for problem in self.problems)
        given = self.editor.get(field.path)
        value = shown_value(field, self.value(field.path))
        text = line(
            cell(field.title, 24),
            cell(value, width or len(value), "fail" if wrong else "" if given is not None else "dim"),
        )
        return Row(field.path, text, f"{field.title} {field.path} {field.description}")

    def diff_lines(self) -> list[Line]:
        """What differs from what is deployed. Raises YamlError."""
        changes, where = difference(self.site, self.editor.values().tree)
        shown = [diff_line(text) for change in changes for text in change.lines()] or [line(" No difference.")]
        return [line(""), line(span(f" Compared with {where}", "dim")), line(""), *shown]


def group_title(group: Group) -> Line:
    """Its title and what it is for."""
    return line(" ", span(group.title, "title"), "  ", span(group.description, "dim"))


def choices_of(field: Field) -> list[tuple[str, str]]:
    """What can be chosen, and how it is shown."""
    return [(str(choice), str(choice) or "(none)") for choice in field.choices]


def typed_value(field: Field, current: Any) -> str:
    """What stands in the line while it is typed over: nothing of a secret."""
    return "" if field.kind == "secret" or current is None else str(current)


def hint(field: Field) -> str:
    """What it is for, with its unit."""
    return field.description + (f" Unit: {field.unit}." if field.unit else "")


def diff_line(text: str) -> Line:
    """Removed and added lines, told by their sign first."""
    return line(" ", span(text, "fail" if text.startswith("-") else "ok" if text.startswith("+") else ""))


def shown_value(field: Field, value: Any) -> str:
    """A value as the form shows it; secrets as a mask."""
    if field.kind == "boolean":
        return "[x] yes" if value else "[ ] no"
    if field.kind == "secret":
        return MASK if value else "-"
    return "-" if value in (None, "") else f"{value}" + (f" {field.unit}" if field.unit else "")


def field_lines(field: Field, problems: tuple[Problem, ...], width: int) -> list[Line]:
    """What the field is for, what it may be, what is wrong with it."""
    allowed = " | ".join(str(choice) for choice in field.choices)
    if field.minimum is not None or field.maximum is not None:
        low, high = field.minimum, field.maximum
        allowed = f"{'' if low is None else low} to {'any' if high is None else high}"
    own = [problem for problem in problems if problem.path == field.path]
    parts = [("what", field.description), ("allowed", allowed), ("default", shown_value(field, field.default))]
    lines = details(parts, width)
    wrong = [row for problem in own for row in problem_lines(problem, width)]
    return [*wrong, *lines]


def problem_lines(problem: Problem, width: int) -> list[Line]:
    """What is wrong and what is allowed."""
    role = "fail" if problem.severity == "error" else "warn"
    return labelled(problem.severity, f"{problem.message} {problem.allowed}", width, role=role)
