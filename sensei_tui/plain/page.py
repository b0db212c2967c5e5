"""A page of the plain console: a screen's lines, its rows numbered, its keys as numbered actions, one prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from sensei_tui.base.errors import SenseiError
from sensei_tui.plain.talk import Back
from sensei_tui.plain.words import fitting, is_number, own, state_first, text_of
from sensei_tui.screens.base import Key, SenseiScreen, keys_of
from sensei_tui.screens.help import guide_page
from sensei_tui.widgets.lines import Line
from sensei_tui.widgets.rows import Row

if TYPE_CHECKING:
    from sensei_tui.plain.console import Console

_CALL = re.compile(r"(?P<name>\w+)(?:\('(?P<argument>\w+)'\))?")
AGAIN = True
"""What an action returns when the page is another one now."""


class Away(Exception):
    """The page is left, as by 0."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered line: a row or an action."""

    row: str = ""
    action: Key | None = None


class Page:
    """Subclasses give the lines, `open` for a row, and a `do_NAME` for every action of their screen."""

    NAME: ClassVar[str]
    """As the screen's: also the guide's page."""
    SCREEN: ClassVar[type[SenseiScreen]]
    OFFERS: ClassVar[tuple[str, ...] | None] = None
    """The screen's actions that are here, where its keys are spread over several pages."""
    BY_ROW: ClassVar[frozenset[str]] = frozenset()
    """Actions of the screen that are done by answering with a row's number, or with 0."""
    ON_ROW: ClassVar[frozenset[str]] = frozenset()
    """Actions that ask which row."""
    LETTERS: ClassVar[dict[str, str]] = {}
    """Answers for keys that no line can hold."""
    WORDS: ClassVar[dict[str, str]] = {"filter": "show only rows that contain a text"}
    EXTRA: ClassVar[tuple[Key, ...]] = ()
    """Actions that only this console needs."""
    STATE_FIRST: ClassVar[bool] = True
    CLOSE: ClassVar[bool] = False
    """Columns may stand closer where a row would not fit."""
    INDENTED: ClassVar[bool] = False
    """Blanks in front of a row mean something."""
    ROWS_AT_MOST: ClassVar[int] = 200
    """Rows that are listed; `/` finds the others."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.talk, self.session = console.talk, console.session
        self.filter = ""
        self._entries: list[Entry] = []
        self._pending = ""
        """What was answered where more of a text was offered: the next answer."""

    # What subclasses say.

    def title(self) -> tuple[str, ...]:
        """Parts of line 1."""
        return (self.NAME.capitalize(),)

    def head(self) -> Iterable[Line]:
        """Lines above the rows."""
        return ()

    def rows(self) -> list[Row]:
        """The rows, headings without a key among them."""
        return []

    def foot(self) -> Iterable[Line]:
        """Lines below the rows."""
        return ()

    def applies(self, action: str) -> bool:
        """Whether an action does something now."""
        return action != "filter" or bool(self.rows())

    def words(self, key: Key) -> str:
        """An action in words."""
        return self.WORDS.get(key.action) or Page.WORDS.get(key.action) or key.description

    def open(self, key: str) -> bool:
        """A row was chosen. True: the page is another one now."""
        raise NotImplementedError

    def enter(self) -> None:
        """Before the page is shown for the first time."""

    def update(self) -> None:
        """Before the page is shown, each time."""

    # The page itself.

    def visit(self) -> None:
        """Show it and answer until the operator goes back. Raises Goto, Left."""
        self._guarded(self.enter)
        self._shown()
        while True:
            try:
                answer = self._pending or self.talk.ask(f"{self.NAME.capitalize()}>")
            except (Back, KeyboardInterrupt):
                return
            self._pending = ""
            if answer.strip() == "0":
                return
            try:
                again = not answer.strip() or self._guarded(partial(self.answer, answer))
            except Away:
                return
            if again:
                self._shown()

    def _shown(self) -> None:
        """See `_show`; what cannot be shown is told, Ctrl-C stops a long list."""
        try:
            self._show()
        except (SenseiError, OSError) as error:
            self.console.tell(error)
        except KeyboardInterrupt:
            self.talk.say()

    def _print(self, texts: Iterable[str], hang: int) -> None:
        """Many lines; an answer where more was offered is the next answer."""
        answer = self.talk.show(texts, hang)
        self._pending = answer if answer != "0" else ""

    def _guarded(self, do: Callable[[], object]) -> bool:
        """Do it; an error is told, Ctrl-C leads back to the prompt."""
        try:
            return bool(do())
        except (SenseiError, OSError) as error:
            self.console.tell(error)
        except Back:
            self.talk.say("Nothing was changed.")
        except KeyboardInterrupt:
            self.talk.say()
        return False

    def _show(self) -> None:
        """The whole page."""
        self.session.poll()
        self.update()
        self.console.news.mark()
        self.talk.say()
        self.talk.say(" | ".join(("Sensei", f"site {self.session.name}", *self.title())), 2)
        self._entries, texts = [], [*own(self.head())]
        texts += self._row_texts()
        texts += ["", *foot] if (foot := own(self.foot())) else []
        self._print(texts, 5)
        self._show_actions()

    def _show_actions(self) -> None:
        actions = [f"{self._number(Entry(action=key)):>3}  {key.key}  {self.words(key)}" for key in self._actions()]
        if actions and not self._pending:
            self._print(["", *actions], 8)

    def renumber(self) -> None:
        """The rows are others now and are not shown again: only the actions, with their new numbers."""
        self._entries = [Entry(row=row.key) for row in self.rows() if row.key and self._passes(row)]
        self._show_actions()

    def _row_texts(self) -> list[str]:
        found = [row for row in self.rows() if self._passes(row)]
        left = len(found) - self.ROWS_AT_MOST
        texts = [self._row_text(row) for row in found[: self.ROWS_AT_MOST]]
        if left > 0:
            texts.append(f"and {left} more; / shows those that contain a text")
        if self.filter:
            texts.append(f"Only rows that contain {self.filter!r}; / changes that.")
        return ["", *texts] if texts else []

    def _passes(self, row: Row) -> bool:
        return not self.filter or (bool(row.key) and self.filter in (row.search or row.text).lower())

    def _row_text(self, row: Row) -> str:
        text = text_of(state_first(row.line) if self.STATE_FIRST else row.line)
        text = text if self.INDENTED else text.strip()
        text = fitting(text, self.talk.width - 5) if self.CLOSE else text
        return f"{self._number(Entry(row=row.key)):>3}  {text}" if row.key else f"     {text}"

    def _number(self, entry: Entry) -> int:
        self._entries.append(entry)
        return len(self._entries)

    def keys(self) -> list[Key]:
        """The screen's keys that this page offers, and its own."""
        found = [key._replace(key=self.LETTERS.get(key.action, key.key)) for key in keys_of(self.SCREEN)]
        found = [key for key in found if key.action not in self.BY_ROW and not key.action.startswith("app.")]
        if self.OFFERS is not None:
            found = [key for key in found if key.action in self.OFFERS]
        return [*found, *self.EXTRA]

    def _actions(self) -> list[Key]:
        return [key for key in self.keys() if self.applies(key.action)]

    # Answers.

    def answer(self, text: str) -> bool:
        """Do what was answered. True: show the page again."""
        first, _, second = text.strip().partition(" ")
        if first == "?":
            self._print(own(guide_page(self.NAME)), 2)
            return False
        if first.startswith("/") and len(text.strip()) > 1:
            return self._set_filter(text.strip()[1:].strip())
        entry = self._entry(first)
        if entry is None:
            self.talk.say(f"There is no {first[:20]!r} here. Enter shows the page again, 0 goes back.")
            return False
        if entry.action is None:
            return self.open(entry.row)
        if not self.applies(entry.action.action):
            self.talk.say(f"Not now: {self.words(entry.action)}. Enter shows what can be done.")
            return False
        return self._do(entry.action.action, second.strip())

    def _entry(self, text: str) -> Entry | None:
        """What a number or a letter stands for; a letter in either case where there is only one."""
        if is_number(text):
            number = int(text) if len(text) < 6 else 0
            return self._entries[number - 1] if 0 < number <= len(self._entries) else None
        keys = self.keys()
        exact = [key for key in keys if key.key == text] or [key for key in keys if key.key.lower() == text.lower()]
        return Entry(action=exact[0]) if len(exact) == 1 else None

    def _do(self, action: str, row: str) -> bool:
        call = _CALL.fullmatch(action)
        assert call is not None, action
        do = getattr(self, f"do_{call['name']}")
        arguments = [call["argument"]] if call["argument"] else []
        if call["name"] in self.ON_ROW:
            arguments.append(self._which(row))
        return bool(do(*arguments))

    def _which(self, answer: str) -> str:
        """The key of a row, asked for unless it was said. Raises Back."""
        while True:
            answer = answer or self.talk.ask("Which? The number of its line (Enter: none):").strip()
            if answer in ("", "0"):
                raise Back
            entry = self._entry(answer) if is_number(answer) else None
            if entry is not None and entry.row:
                return entry.row
            self.talk.say(f"There is no row {answer[:20]!r}.")
            answer = ""

    def do_filter(self) -> bool:
        """Show only some of the rows."""
        return self._set_filter(self.talk.ask("Show only rows that contain (Enter: all):"))

    def _set_filter(self, text: str) -> bool:
        self.filter = text.strip().lower()
        return AGAIN

    def text(self, title: str, lines: Iterable[Line], *, outside: bool = False) -> bool:
        """A text over several lines under its title; `outside` text is shown as it is."""
        self.talk.say()
        self.talk.say(f"-- {title}")
        self._print((text_of(content) for content in lines) if outside else own(lines), 2)
        return False
