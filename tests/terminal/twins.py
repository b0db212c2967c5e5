"""What both twins show: Health, Home and the log over the whole screen, as lines from the console's own functions.

The layout is the console's at 80 columns, without its count of the lines below the last one.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from textual.binding import Binding, BindingType

from sensei_tui.base import clock
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.deploy import log_line
from sensei_tui.screens.health import HealthScreen, board_rows, detail_lines, headline
from sensei_tui.screens.home import HomeScreen, fact_lines, next_lines, step_rows
from sensei_tui.widgets.bars import key_name
from sensei_tui.widgets.dialogs import Pager
from sensei_tui.widgets.lines import Line, details, line, span
from sensei_tui.widgets.rows import Row
from tests.screens.pictures import overview
from tests.terminal.feed import Feed

SIDE = 9
"""Lines of the rule and the detail below the board."""
TERMINAL = "serial (no colour, ASCII, fewest bytes). p: another"
"""What the console says of a vt100 whose speed it does not know."""
KEYS: dict[str, list[BindingType]] = {
    "home": HomeScreen.BINDINGS,
    "health": [*HealthScreen.BINDINGS, *SenseiScreen.BINDINGS],
    "log": Pager.BINDINGS,
}


def key_line(bindings: list[BindingType], width: int) -> Line:
    """The keys that are shown, as many as fit."""
    text = " "
    for item in bindings:
        if isinstance(item, Binding) and item.show:
            more = f"{item.key_display or key_name(item.key)} {item.description}  "
            if len(text) + len(more) > width:
                break
            text += more
    return line(text.rstrip())


class Twin:
    """The state of a twin: which screen, and where the cursor is. `wake` is readable when something changed."""

    def __init__(self) -> None:
        clock.now = lambda: datetime(2026, 11, 23, 23, 56, tzinfo=UTC)
        self.wake, self._changed = os.pipe2(os.O_NONBLOCK)
        self.feed = Feed(lambda topic: self.changed(), {"pager": self._pager})
        self.screen = "health"
        self._cursors = {"health": "dashboard", "home": "configure"}

    def changed(self) -> None:
        """From any thread. A full pipe says it already."""
        try:
            os.write(self._changed, b".")
        except BlockingIOError:
            return

    def drain(self) -> None:
        """Take in all announcements so far."""
        try:
            os.read(self.wake, 65536)
        except BlockingIOError:
            return

    def _pager(self) -> None:
        self.screen = "log"
        self.changed()

    def key(self, key: str) -> None:
        """`j` and `k` move, `esc` goes back, `4` goes from Home to Health."""
        if key in ("j", "k") and self.screen != "log":
            self._move(1 if key == "j" else -1)
        elif key == "esc":
            self.screen = "health" if self.screen == "log" else "home"
        elif key == "4" and self.screen == "home":
            self.screen = "health"

    def _move(self, step: int) -> None:
        """The cursor goes over rows that have a key."""
        keys = [row.key for row in self._rows() if row.key]
        here = keys.index(self._cursors[self.screen])
        self._cursors[self.screen] = keys[max(0, min(len(keys) - 1, here + step))]

    def _rows(self) -> list[Row]:
        return (
            step_rows(overview("trouble"), self.feed.health)
            if self.screen == "home"
            else board_rows(self.feed.health, "components")
        )

    def rows(self) -> list[Line]:
        """The list of Home or Health, with the cursor's mark."""
        cursor = self._cursors[self.screen]
        return [line(span("> " if row.key == cursor else "  ", "mark"), *row.line) for row in self._rows()]

    @property
    def place(self) -> int:
        """Index of the row under the cursor."""
        return next(number for number, row in enumerate(self._rows()) if row.key == self._cursors[self.screen])

    def head(self, width: int) -> list[Line]:
        """The lines over the list."""
        if self.screen == "home":
            found = overview("trouble")
            title = " | ".join(("Sensei | site berlin-1", found.version, found.cluster, found.run))
            return [line(span(title, "title")), *next_lines(found, width)]
        title = "Sensei | site berlin-1 | Health | components"
        top = line(span(title, "title"), " " * max(2, width - len(title) - 9), "watching")
        return [top, line(), headline(self.feed.health, "", False), line()]

    def below(self, width: int) -> list[Line]:
        """Home's facts; on Health the rule and the detail of the row under the cursor, exactly SIDE lines."""
        if self.screen == "home":
            facts = fact_lines(overview("trouble"), self.feed.health, "", width)
            return [*facts, *details([("Terminal", TERMINAL)], width)]
        found = detail_lines(self.feed.health, "components", self._cursors["health"], width)[: SIDE - 1]
        return [line("-" * width), *found, *[line()] * (SIDE - 1 - len(found))]

    def keys(self, width: int) -> Line:
        """The last line."""
        return key_line(KEYS[self.screen], width)

    def log_lines(self) -> list[Line]:
        """The whole log."""
        return [log_line(item) for item in self.feed.run.log]
