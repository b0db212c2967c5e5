"""Configure: what will be different?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.widgets import TextArea

from sensei_tui.base.errors import SenseiError
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.draft import REVERT, Draft, choices_of, field_lines, group_title, hint, typed_value
from sensei_tui.screens.session import Topic
from sensei_tui.site.edit import ValuesEditor
from sensei_tui.site.form import Field, Group, parse_text
from sensei_tui.widgets.bars import Rule
from sensei_tui.widgets.dialogs import Ask, Choose, Confirm, Pager, Text
from sensei_tui.widgets.filter import FilterMixin
from sensei_tui.widgets.lines import Pane, labelled, line
from sensei_tui.widgets.rows import Rows


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
        self._draft: Draft | None = None
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
        self.query_one("#groups", Rows).focus()

    def on_screen_resume(self) -> None:
        """A file that was broken outside is named on Home; when it is mended, this opens."""
        if self._draft is None:
            try:
                self._draft = Draft(self.session.site)
            except SenseiError as error:
                if self.app.screen is self:
                    self.sensei.action_home()
                    self.app.call_after_refresh(self.sensei.show_error, error)
                return
            self._show_yaml()
        super().on_screen_resume()

    @property
    def draft(self) -> Draft:
        """The site's values being edited."""
        if self._draft is None:
            self._draft = Draft(self.session.site)
        return self._draft

    @property
    def editor(self) -> ValuesEditor:
        """Its files."""
        return self.draft.editor

    @property
    def dirty(self) -> bool:
        """Whether there is something to save."""
        return self._draft is not None and self._draft.dirty

    @property
    def file(self) -> Path:
        """The file shown as YAML."""
        files = self.editor.files
        return files[self._file % len(files)]

    def redraw(self) -> None:
        if self._draft is None:
            return
        self._draw_head()
        self.query_one("#groups", Rows).set_rows(self.draft.group_rows())
        self._draw_fields()

    def _draw_head(self) -> None:
        self.tell("Configure", *self.draft.state(), right=self.file.name)

    def _group(self) -> Group | None:
        return self.draft.group(self.query_one("#groups", Rows).cursor)

    def _field(self) -> Field | None:
        group, key = self._group(), self.query_one("#fields", Rows).cursor
        return next((field for field in group.fields if field.path == key), None) if group else None

    def _draw_fields(self) -> None:
        group = self._group()
        if group is None:
            return
        self.query_one("#group-title", Text).tell([group_title(group)])
        self.query_one("#fields", Rows).set_rows(self.draft.field_row(field) for field in self.draft.fields(group))
        self._draw_detail()

    def _draw_detail(self) -> None:
        field, pane = self._field(), self.query_one("#field", Pane)
        width = max(40, pane.size.width)
        if self.draft.broken:
            pane.show(labelled("YAML", self.draft.broken, width, role="fail"))
            return
        pane.show(field_lines(field, self.draft.problems, width) if field else [])
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
        current = self.draft.value(field.path)
        if field.kind == "boolean":
            self._set(field.path, not current)
        elif field.kind == "choice":
            self.app.push_screen(Choose(field.title, choices_of(field), str(current)), self._setter(field))
        else:
            self._ask(field, current)

    def _ask(self, field: Field, current: Any) -> None:
        secret, value = field.kind == "secret", typed_value(field, current)
        check = partial(self.draft.refused, field)
        ask = Ask(field.title, value=value, hint=hint(field), secret=secret, check=check)
        self.app.push_screen(ask, self._setter(field))

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
        self.draft.check()
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
        self.draft.set_text(self.file, event.text_area.text)
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
        self.draft.check()
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
        if self.dirty and not self.draft.broken:
            self.background(self.editor.save, self._saved, group="save")

    def _saved(self, _: object) -> None:
        self.redraw()
        self.background(self.session.refresh, group="refresh")

    def action_revert(self) -> None:
        """Back to what is on disk."""
        if self.dirty:
            self.app.push_screen(Confirm(*REVERT, "take back"), self._revert)

    def _revert(self, yes: bool | None) -> None:
        if yes:
            self.editor.revert()
            self._edited()

    def action_diff(self) -> None:
        """What differs from what is deployed."""
        self.app.push_screen(Pager("what will be different", self.draft.diff_lines()))
