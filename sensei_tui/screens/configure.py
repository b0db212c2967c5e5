"""Configure: what will be different?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.widgets import TextArea

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.redaction import MASK
from sensei_tui.deploy.record import difference
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.session import Topic
from sensei_tui.site.edit import ValuesEditor
from sensei_tui.site.form import Field, Group, form, parse_text
from sensei_tui.site.validate import Problem, check_value, validate
from sensei_tui.widgets.bars import Rule
from sensei_tui.widgets.dialogs import Ask, Choose, Confirm, Pager, Text
from sensei_tui.widgets.filter import FilterMixin
from sensei_tui.widgets.lines import Line, Pane, cell, details, labelled, line, span
from sensei_tui.widgets.rows import Row, Rows

VALUE_WIDTH = 26


class ConfigureScreen(FilterMixin, SenseiScreen):
    """A form made from the schema, beside the YAML itself."""

    NAME = "configure"
    TOPICS = frozenset({Topic.OVERVIEW})
    BINDINGS = [
        Binding("enter", "edit", "edit", id="configure.edit"),
        Binding("tab,left,right", "other_list", "list", id="configure.side"),
        Binding("d", "unset", "default", show=False),
        Binding("v", "yaml", "yaml", id="configure.yaml"),
        Binding("s", "save", "save", id="configure.save"),
        Binding("u", "revert", "revert", id="configure.revert"),
        Binding("equals_sign", "diff", "diff", id="configure.diff"),
        Binding("slash", "filter", "filter", show=False),
        Binding("escape", "leave", "home", show=False),
        Binding("ctrl+o", "next_file", "other file", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._editor: ValuesEditor | None = None
        self._groups: tuple[Group, ...] = ()
        self._problems: tuple[Problem, ...] = ()
        self._broken = ""
        self._file = 0

    def body(self) -> ComposeResult:
        with Container(id="form"):
            yield Rows(id="groups")
            with Container(id="fields-box"):
                yield Text([line("")], id="group-title")
                yield Rows(id="fields")
            yield TextArea(id="yaml", show_line_numbers=True, tab_behavior="focus", compact=True)
        yield Rule(id="field-rule")
        yield Pane(id="field")

    def on_mount(self) -> None:
        super().on_mount()
        area = self.query_one("#yaml", TextArea)
        area.cursor_blink = False
        if "yaml" in area.available_languages:
            area.language = "yaml"
        self._load()
        self.query_one("#groups", Rows).focus()

    @property
    def editor(self) -> ValuesEditor:
        """The site's values being edited."""
        if self._editor is None:
            self._editor = ValuesEditor(self.session.site)
        return self._editor

    @property
    def dirty(self) -> bool:
        """Whether there is something to save."""
        return self._editor is not None and self._editor.dirty

    @property
    def file(self) -> Path:
        """The file shown as YAML."""
        files = self.editor.files
        return files[self._file % len(files)]

    def _load(self) -> None:
        self._groups = form()
        self._check()
        self._show_yaml()

    def _check(self) -> None:
        """Validate what is edited now; broken YAML is a problem like any other."""
        try:
            self._problems, self._broken = validate(self.editor.values()), ""
        except SenseiError as error:
            self._problems, self._broken = (), f"{error.what} {error.why}".strip()

    def redraw(self) -> None:
        if not self._groups:
            return
        self._draw_head()
        self.query_one("#groups", Rows).set_rows(self._group_rows())
        self._draw_fields()

    def _draw_head(self) -> None:
        errors = sum(problem.severity == "error" for problem in self._problems)
        state = "YAML is broken" if self._broken else f"{errors} not valid" if errors else "valid"
        self.tell("Configure", "not saved" if self.dirty else "saved", state, right=self.file.name)

    def _group(self) -> Group | None:
        key = self.query_one("#groups", Rows).cursor
        return next((group for group in self._groups if group.key == key), None)

    def _field(self) -> Field | None:
        group, key = self._group(), self.query_one("#fields", Rows).cursor
        return next((field for field in group.fields if field.path == key), None) if group else None

    def _shown(self, field: Field) -> bool:
        return all(self._value(path) == value for path, value in field.when)

    def _value(self, path: str) -> Any:
        """What is in force: the operator's value, or the default."""
        value = self.editor.get(path)
        if value is not None:
            return value
        fields = (field for group in self._groups for field in group.fields)
        return next((field.default for field in fields if field.path == path), None)

    def _group_rows(self) -> list[Row]:
        bad = {problem.path for problem in self._problems if problem.severity == "error"}
        rows = []
        for group in self._groups:
            paths = [field.path for field in group.fields]
            wrong = any(path in bad for path in paths)
            changed = any(self.editor.get(path) is not None for path in paths)
            mark = span(" !", "fail") if wrong else span(" *", "dim") if changed else span("")
            rows.append(Row(group.key, line(cell(group.title, 14), mark)))
        return rows

    def _draw_fields(self) -> None:
        group = self._group()
        if group is None:
            return
        fields = [field for field in group.fields if self._shown(field)]
        self.query_one("#group-title", Text).tell(
            [line(" ", span(group.title, "title"), "  ", span(group.description, "dim"))]
        )
        self.query_one("#fields", Rows).set_rows(self._field_row(field) for field in fields)
        self._draw_detail()

    def _field_row(self, field: Field) -> Row:
        wrong = any(problem.path == field.path and problem.severity == "error" for problem in self._problems)
        given = self.editor.get(field.path)
        value = shown_value(field, self._value(field.path))
        text = line(
            cell(field.title, 24), cell(value, VALUE_WIDTH, "fail" if wrong else "" if given is not None else "dim")
        )
        return Row(field.path, text, f"{field.title} {field.path} {field.description}")

    def _draw_detail(self) -> None:
        field, pane = self._field(), self.query_one("#field", Pane)
        width = max(40, pane.size.width)
        if self._broken:
            pane.show(labelled("YAML", self._broken, width, role="fail"))
            return
        pane.show(field_lines(field, self._problems, width) if field else [])
        self.query_one("#field-rule", Rule).tell(field.path if field else "")

    @on(Rows.Moved, "#groups")
    def show_group(self) -> None:
        """The fields follow the group."""
        self._draw_fields()

    @on(Rows.Moved, "#fields")
    def show_field(self) -> None:
        """The explanation follows the field."""
        self._draw_detail()

    @on(Rows.Chosen, "#groups")
    def enter_group(self) -> None:
        """Enter on a group goes to its fields."""
        self.query_one("#fields", Rows).focus()

    @on(Rows.Chosen, "#fields")
    def edit_field(self) -> None:
        """Enter on a field edits it."""
        self.action_edit()

    def action_other_list(self) -> None:
        """Between groups and fields."""
        groups, fields = self.query_one("#groups", Rows), self.query_one("#fields", Rows)
        # At once, not at the next idle moment: keys typed ahead belong to the list that was chosen.
        self.set_focus(fields if groups.has_focus else groups)

    def action_edit(self) -> None:
        """Switch, choose or type, by the kind of the field."""
        field = self._field()
        if field is None or not self.query_one("#fields", Rows).has_focus:
            return
        current = self._value(field.path)
        if field.kind == "boolean":
            self._set(field.path, not current)
        elif field.kind == "choice":
            choices = [(str(choice), str(choice) or "(none)") for choice in field.choices]
            self.app.push_screen(Choose(field.title, choices, str(current)), self._setter(field))
        else:
            self._ask(field, current)

    def _ask(self, field: Field, current: Any) -> None:
        secret = field.kind == "secret"
        value = "" if secret or current is None else str(current)
        hint = field.description + (f" Unit: {field.unit}." if field.unit else "")

        def problem(text: str) -> str:
            return check_value(field.path, parse_text(field, text))

        self.app.push_screen(
            Ask(field.title, value=value, hint=hint, secret=secret, check=problem), self._setter(field)
        )

    def _setter(self, field: Field) -> Callable[[str | None], None]:
        def accept(text: str | None) -> None:
            if text is not None:
                self._set(field.path, parse_text(field, text))

        return accept

    def _set(self, path: str, value: Any) -> None:
        self._change(lambda: self.editor.set(path, value))

    def action_unset(self) -> None:
        """Back to the chart's default: the line is taken out of the file."""
        field = self._field()
        if field and self.editor.get(field.path) is not None:
            self._change(lambda: self.editor.unset(field.path))

    def _change(self, edit: Callable[[], object]) -> None:
        """Edit; what cannot be edited (broken YAML, an anchor) is said, and the text stays as it is."""
        try:
            edit()
        except SenseiError as error:
            self.sensei.show_error(error)
            return
        self._edited()

    def _edited(self) -> None:
        self._check()
        self._show_yaml()
        self.redraw()

    def _show_yaml(self) -> None:
        area = self.query_one("#yaml", TextArea)
        text = self.editor.text(self.file)
        if area.text != text:
            with area.prevent(TextArea.Changed):
                area.load_text(text)

    @on(TextArea.Changed, "#yaml")
    def typed(self, event: TextArea.Changed) -> None:
        """The YAML is checked while it is typed; the form follows."""
        try:
            self.editor.set_text(self.file, event.text_area.text)
        except SenseiError as error:
            self._broken = f"{error.what} {error.why}".strip()
        else:
            self._check()
        self._draw_head()
        self._draw_detail()

    def action_yaml(self) -> None:
        """The YAML itself, or back to the form."""
        self.toggle_class("-yaml")
        if self.has_class("-yaml"):
            self.query_one("#yaml", TextArea).focus()
        else:
            self._leave_yaml()

    def _leave_yaml(self) -> None:
        self.remove_class("-yaml")
        self._check()
        self.redraw()
        self.query_one("#fields", Rows).focus()

    def action_leave(self) -> None:
        """From the YAML to the form, from the form Home; what was typed stays."""
        if self.query_one("#yaml", TextArea).has_focus:
            self._leave_yaml()
        else:
            self.sensei.action_home()

    def action_next_file(self) -> None:
        """Show the next of the site's values files."""
        self._file += 1
        self._show_yaml()
        self._draw_head()

    def action_save(self) -> None:
        """Write the files; a site with errors may be saved, it just can't be installed."""
        if self.dirty and not self._broken:
            self.background(self.editor.save, self._saved, group="save")

    def _saved(self, _: object) -> None:
        self.redraw()
        self.background(self.session.refresh, group="refresh")

    def action_revert(self) -> None:
        """Back to what is on disk."""
        if self.dirty:
            question = Confirm(
                "Take back every edit since the last save?", "The edits made here would be lost.", "take back"
            )
            self.app.push_screen(question, self._revert)

    def _revert(self, yes: bool | None) -> None:
        if yes:
            self.editor.revert()
            self._edited()

    def action_diff(self) -> None:
        """What differs from what is deployed."""
        changes, where = difference(self.session.site, self.editor.values().tree)
        lines = [line(""), line(span(f" Compared with {where}", "dim")), line("")]
        shown = [diff_line(text) for change in changes for text in change.lines()] or [line(" No difference.")]
        self.app.push_screen(Pager("what will be different", [*lines, *shown]))


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
