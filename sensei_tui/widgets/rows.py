"""A list with a marker cursor: keyed rows keep their cursor and scroll when the data changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from sensei_tui.widgets.lines import Line, Pane, line, span, spans_width

LEAN = "-serial"
"""The app's class where every byte counts."""
REST = 0.25
"""Seconds after which the cursor rests: a held key repeats faster."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. Rows without a key are headings: shown, never under the cursor."""

    key: str
    line: Line
    search: str = ""
    """What `/` looks in; the row's own text where empty."""

    @property
    def text(self) -> str:
        """The row as plain text."""
        return "".join(text for text, _ in self.line)


class Rows(Pane, can_focus=True):
    """Rows under a `>` cursor. The whole row is not inverted: on a slow line a move costs two cells."""

    COMPONENT_CLASSES = {"rows--cursor"}
    BINDINGS = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("home,g", "jump(-1)", "first", show=False),
        Binding("end,G", "jump(1)", "last", show=False),
        Binding("enter", "choose", "open", show=False),
        Binding("escape", "show_all", "show all", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another row."""

        rows: Rows
        key: str

        @property
        def control(self) -> Rows:
            return self.rows

    @dataclass
    class Chosen(Message):
        """Enter was pressed on a row."""

        rows: Rows
        key: str

        @property
        def control(self) -> Rows:
            return self.rows

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._all: list[Row] = []
        self.rows: list[Row] = []
        self.cursor = ""
        self.filter_text = ""
        self._resting: Timer | None = None

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these rows; the cursor stays on its key, or near its place if the key is gone."""
        self._all = list(rows)
        self._apply()

    def set_filter(self, text: str) -> None:
        """Show only rows that contain `text` (any case)."""
        self.filter_text = text.lower()
        self._apply()

    def select(self, key: str) -> None:
        """Put the cursor on a key."""
        if any(row.key == key for row in self.rows):
            self._place(key)

    @property
    def chosen_row(self) -> Row | None:
        """The row under the cursor."""
        return next((row for row in self.rows if row.key and row.key == self.cursor), None)

    def _apply(self) -> None:
        old_index = self._index()
        needle = self.filter_text
        wanted = [row for row in self._all if not needle or (row.key and needle in (row.search or row.text).lower())]
        if needle:
            wanted.insert(
                0, Row("", line(span(f"Only rows that contain {needle!r}: / changes that, Esc shows all.", "dim")))
            )
        self.rows = wanted
        keys = [row.key for row in wanted]
        if self.cursor not in keys or not self.cursor:
            self._cursor_near(old_index)
        self.show(row.line for row in wanted)

    def _cursor_near(self, index: int) -> None:
        places = [place for place, row in enumerate(self.rows) if row.key]
        best = min(places, key=lambda place: abs(place - index), default=None)
        before, self.cursor = self.cursor, "" if best is None else self.rows[best].key
        if self.cursor != before:
            self._moved()

    def _moved(self) -> None:
        """Say so: at once, or on a slow line when the cursor rests. What follows it there costs more than the move."""
        if self._resting is not None:
            self._resting.stop()
        if self.app.has_class(LEAN):
            self._resting = self.set_timer(REST, self._say_moved)
        else:
            self._say_moved()

    def _say_moved(self) -> None:
        self.post_message(self.Moved(self, self.cursor))

    @property
    def cursor_place(self) -> Offset:
        """Where the mark stands on the screen; the top left corner where it is not to be seen."""
        place = Offset(0, self._index() - self.scroll_offset.y)
        region = self.content_region
        return place + region.offset if self.cursor and 0 <= place.y < region.height else Offset(0, 0)

    def _index(self) -> int:
        return next((place for place, row in enumerate(self.rows) if row.key == self.cursor and row.key), 0)

    def _place(self, key: str) -> None:
        if key == self.cursor:
            return
        before, self.cursor = self._index(), key
        after = self._index()
        for place in (before, after):
            self.refresh_line(place)
        self.scroll_to_region(Region(0, after, self.size.width, 1), animate=False)
        self._moved()

    def action_move(self, step: int) -> None:
        """Move the cursor by rows that have a key."""
        places = [place for place, row in enumerate(self.rows) if row.key]
        if not places:
            return
        here = places.index(self._index()) if self._index() in places else 0
        self._place(self.rows[places[max(0, min(len(places) - 1, here + step))]].key)

    def action_page(self, direction: int) -> None:
        """Move by a screenful."""
        self.action_move(direction * max(1, self.size.height - 1))

    def action_jump(self, end: int) -> None:
        """First or last row."""
        self.action_move(end * len(self.rows))

    def action_choose(self) -> None:
        """Enter."""
        if self.chosen_row:
            self.post_message(self.Chosen(self, self.cursor))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is the screen's own where nothing is filtered."""
        return action != "show_all" or bool(self.filter_text)

    def action_show_all(self) -> None:
        """Take the filter away."""
        self.set_filter("")

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; a second click on it opens the row."""
        number = event.y + self.scroll_offset.y
        if number >= len(self.rows) or not self.rows[number].key:
            return
        if self.rows[number].key == self.cursor:
            self.action_choose()
        self._place(self.rows[number].key)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.lines))

    def render_line(self, y: int) -> Strip:
        """See Pane: the cursor's mark takes the first two cells."""
        number = y + self.scroll_offset.y
        if number >= len(self.rows):
            return self._strip((), self.rich_style)
        row = self.rows[number]
        here = bool(row.key) and row.key == self.cursor
        base = self._cursor_style() if here else self.rich_style
        return self._told(y, self._strip((("> " if here else "  ", "mark"), *row.line), base))

    def _cursor_style(self) -> Style:
        style = self.rich_style
        return style + self.get_component_rich_style("rows--cursor", partial=True) if self.has_focus else style

    @property
    def widest(self) -> int:
        """Characters of the widest row, without the cursor's mark."""
        return max((spans_width(row.line) for row in self.rows), default=0)
