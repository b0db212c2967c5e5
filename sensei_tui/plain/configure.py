"""Configure, as lines: what will be different? Groups, their fields, and the files themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from sensei_tui.base.errors import SenseiError
from sensei_tui.plain.page import AGAIN, Page
from sensei_tui.plain.talk import Back
from sensei_tui.plain.words import is_number
from sensei_tui.plain.yamltext import YamlText
from sensei_tui.screens import draft as form
from sensei_tui.screens.base import Key
from sensei_tui.screens.configure import ConfigureScreen
from sensei_tui.site.form import Field, parse_text
from sensei_tui.widgets.lines import Line, labelled, line
from sensei_tui.widgets.rows import Row

if TYPE_CHECKING:
    from sensei_tui.plain.console import Console

EMPTY = '""'
"""How an empty text is answered."""


class ValuesPage(Page):
    """What every page of Configure offers."""

    NAME = "configure"
    SCREEN = ConfigureScreen
    OFFERS: ClassVar[tuple[str, ...] | None] = ()
    STATE_FIRST = False
    WORDS: ClassVar[dict[str, str]] = {
        "yaml": "the files themselves, line by line", "save": "save the edits", "revert": "take back every edit",
        "diff": "what differs from what is deployed", "unset": "a field back to its default",
        "next_file": "the next file",
    }  # fmt: skip

    @property
    def draft(self) -> form.Draft:
        """The values as edited. Raises YamlError."""
        return self.console.draft

    def title(self) -> tuple[str, ...]:
        return "Configure", *self.draft.state()

    def head(self) -> Iterable[Line]:
        broken = self.draft.broken
        return labelled("YAML", broken, self.talk.width) if broken else []

    def applies(self, action: str) -> bool:
        if action in ("save", "revert"):
            return self.draft.dirty and (action == "revert" or not self.draft.broken)
        return super().applies(action)

    def do_save(self) -> bool:
        """Write the files; a site with errors may be saved, it just can't be installed."""
        self.draft.editor.save()
        self.session.refresh()
        self.talk.say("Saved.")
        return AGAIN

    def do_revert(self) -> bool:
        """Back to what is on disk."""
        if not self.console.confirm(*form.REVERT):
            raise Back
        self.draft.editor.revert()
        self.draft.check()
        return AGAIN

    def do_diff(self) -> bool:
        """What differs from what is deployed."""
        return self.text("what will be different", self.draft.diff_lines(), outside=True)

    def do_yaml(self) -> bool:
        """The files themselves."""
        YamlPage(self.console).visit()
        return AGAIN


class ConfigurePage(ValuesPage):
    """The groups as rows."""

    OFFERS = ("yaml", "save", "revert", "diff", "filter")
    BY_ROW = frozenset({"other_list", "leave"})

    def rows(self) -> list[Row]:
        return self.draft.group_rows("wrong", "set")

    def foot(self) -> Iterable[Line]:
        return [line("set: something is set there; wrong: something is not valid")]

    def open(self, key: str) -> bool:
        FieldsPage(self.console, key).visit()
        return AGAIN


class FieldsPage(ValuesPage):
    """The fields of one group as rows."""

    OFFERS = ("unset", "yaml", "save", "revert", "diff", "filter")
    BY_ROW = frozenset({"edit"})
    ON_ROW = frozenset({"unset"})

    def __init__(self, console: Console, group: str) -> None:
        super().__init__(console)
        self.group = next(found for found in self.draft.groups if found.key == group)

    def title(self) -> tuple[str, ...]:
        return *super().title(), self.group.title

    def head(self) -> Iterable[Line]:
        return [*super().head(), form.group_title(self.group)]

    def rows(self) -> list[Row]:
        return [self.draft.field_row(field, 0) for field in self.draft.fields(self.group)]

    def applies(self, action: str) -> bool:
        if action == "unset":
            return any(self.draft.editor.get(field.path) is not None for field in self.group.fields)
        return super().applies(action)

    def _field(self, path: str) -> Field:
        return next(field for field in self.group.fields if field.path == path)

    def open(self, key: str) -> bool:
        field = self._field(key)
        self.text(f"{field.title}, {field.path}", form.field_lines(field, self.draft.problems, self.talk.width))
        self.draft.editor.set(field.path, self._asked(field))
        self.draft.check()
        return AGAIN

    def _asked(self, field: Field) -> Any:
        """The new value, by the kind of the field. Raises Back where it stays as it is."""
        now = self.draft.value(field.path)
        question = f"{field.title}, now {form.shown_value(field, now)}"
        if field.kind == "boolean":
            return self.console.choose(question, [("yes", "yes"), ("no", "no")]) == "yes"
        if field.kind == "choice":
            return parse_text(field, self.console.choose(question, form.choices_of(field)))
        self.talk.say(f"{question}{f'. Unit: {field.unit}' if field.unit else ''}")
        return parse_text(field, self._typed(field))

    def _typed(self, field: Field) -> str:
        """A text that the schema allows there. Raises Back where nothing was given."""
        prompt = f"New value (Enter: leave it, {EMPTY}: empty):"
        while True:
            text = self.talk.ask(prompt, secret=field.kind == "secret").strip()
            if not text:
                raise Back
            text = "" if text == EMPTY else text
            problem = self.draft.refused(field, text)
            if not problem:
                return text
            self.console.tell(self._refusal(field, problem))

    def _refusal(self, field: Field, problem: str) -> SenseiError:
        where = f"{field.path} in {self.draft.editor.file_of(field.path).name}"
        remedy = "Give another value, or Enter to leave it as it is."
        return SenseiError("That is not allowed there; nothing was changed.", where=where, why=problem, remedy=remedy)

    def do_unset(self, key: str) -> bool:
        """Back to the chart's default: the line is taken out of the file."""
        self.draft.editor.unset(key)
        self.draft.check()
        return AGAIN


class YamlPage(ValuesPage):
    """The lines of one file as rows: the number of a row is the number of its line."""

    OFFERS = ("next_file", "save", "revert", "diff")
    LETTERS = {"next_file": "o"}
    ON_ROW = frozenset({"delete"})
    EXTRA = (Key("i", "insert", "a new line after another"), Key("x", "delete", "take a line out"))
    INDENTED = True
    ROWS_AT_MOST = 1_000_000

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.file = YamlText(self.draft)

    def title(self) -> tuple[str, ...]:
        return *super().title(), self.file.path.name

    def rows(self) -> list[Row]:
        return [Row(str(number), line(text)) for number, text in enumerate(self.file.shown(), 1)]

    def applies(self, action: str) -> bool:
        if action == "next_file":
            return len(self.draft.editor.files) > 1
        return bool(self.file.lines) if action == "delete" else super().applies(action)

    def open(self, key: str) -> bool:
        number = int(key)
        self.talk.say(f"{number:>3}  {self.file.shown()[number - 1]}", 5)
        return self._changed(number, self.file.change(number, self._line(number)))

    def _line(self, number: int) -> str:
        """A line as it was typed, blanks in front included; unseen where a secret stands. Raises Back."""
        prompt = "The new line, blanks in front count (Enter: leave it):"
        text = self.talk.ask(prompt, secret=self.file.hides(number)).rstrip()
        if not text:
            raise Back
        return text

    def do_insert(self) -> bool:
        """A new line after another, or before the first."""
        last = str(len(self.file.lines))
        answer = self.console.question("After which line? 0: before the first", value=last, check=self._place)
        return self._changed(int(answer) + 1, self.file.insert(int(answer), self._line(0)))

    def _place(self, answer: str) -> str:
        last = len(self.file.lines)
        good = is_number(answer) and len(answer) < 9 and int(answer) <= last
        return "" if good else f"A line's number, from 0 to {last}."

    def do_delete(self, key: str) -> bool:
        """Take a line out."""
        number = int(key)
        return self._changed(number, self.file.delete(number))

    def _changed(self, number: int, error: SenseiError | None) -> bool:
        """Show the place, its new numbers, and what is wrong with the file now (it is kept as it was typed)."""
        shown = self.file.shown()
        for place in range(max(1, number - 2), min(len(shown), number + 2) + 1):
            self.talk.say(f"{place:>3}  {shown[place - 1]}", 5)
        if error is not None:
            self.console.tell(error)
        self.renumber()
        return False

    def do_next_file(self) -> bool:
        """The next of the site's values files."""
        self.file.next()
        return AGAIN
