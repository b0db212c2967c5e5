"""Styled lines as data, and the pane that shows them.

A line is a tuple of spans, a span a pair of text and role. A role names the component class that gives it its
look (`ok`, `warn`, `fail`, `dim`, `strong`, `title`), so screens never speak of colours. Text is data: no markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sensei_tui.base.text import clip, plain

Span: TypeAlias = tuple[str, str]
Line: TypeAlias = tuple[Span, ...]

ROLES = ("ok", "warn", "fail", "dim", "strong", "title", "mark")
WORD_ROLES = {
    "ok": "ok", "pass": "ok", "done": "ok", "warn": "warn", "FAIL": "fail", "fail": "fail", "FAILED": "fail",
    "?": "warn", "unknown": "warn", "dead": "fail", "wait": "dim", "skip": "dim", "-": "dim", "waived": "dim",
    "skipped": "dim", "cancelled": "warn", "stop": "warn", "RUNNING": "strong", "..": "strong", "paused": "warn",
}  # fmt: skip


def span(text: object, role: str = "") -> Span:
    """A piece of text in a role; control characters are dropped."""
    return (plain(str(text)).replace("\n", " "), role)


def word(text: str, width: int = 0) -> Span:
    """A state word, padded, in the role that goes with it."""
    return (f"{text:<{width}}", WORD_ROLES.get(text, ""))


def line(*parts: Span | str) -> Line:
    """A line of spans and plain strings."""
    return tuple(span(part) if isinstance(part, str) else part for part in parts)


def cell(text: object, width: int, role: str = "", *, right: bool = False) -> Span:
    """Text cut or padded to exactly `width` characters."""
    cut = clip(plain(str(text)).replace("\n", " "), width)
    return (cut.rjust(width) if right else cut.ljust(width), role)


def paragraphs(text: str, role: str = "") -> list[Line]:
    """Text from outside as one line for each of its lines."""
    return [((part, role),) for part in plain(text).split("\n")]


def labelled(label: str, text: str, width: int, *, label_width: int = 11, role: str = "") -> list[Line]:
    """` label      text` wrapped under itself to `width`."""
    rows = wrap(text, max(10, width - label_width - 1)) or [""]
    heads = [label, *[""] * (len(rows) - 1)]
    return [line(cell(" " + head, label_width, "dim"), span(row, role)) for head, row in zip(heads, rows, strict=True)]


def details(parts: Iterable[tuple[str, str]], width: int, *, role: str = "") -> list[Line]:
    """Label and text pairs, those without text left out."""
    return [row for label, text in parts if text for row in labelled(label, text, width, role=role)]


def wrap(text: str, width: int) -> list[str]:
    """Word-wrap, keeping the text's own line breaks; long words are cut."""
    rows: list[str] = []
    for paragraph in plain(text).split("\n"):
        current = ""
        for piece in paragraph.split(" "):
            while len(piece) > width:
                room = width - len(current) - bool(current)
                room = room if room > 8 else 0
                if not room:
                    rows, current, room = [*rows, current] if current else rows, "", width
                current, piece = (current + " " if current else "") + piece[:room], piece[room:]
                rows, current = [*rows, current], ""
            joined = f"{current} {piece}" if current else piece
            if len(joined) > width:
                rows, joined = [*rows, current], piece
            current = joined
        rows.append(current)
    return rows


class Pane(ScrollView):
    """Lines, scrollable, nothing else. Only lines that changed are drawn again."""

    COMPONENT_CLASSES = {f"pane--{role}" for role in ROLES}
    DEFAULT_CSS = """
    Pane { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None, follow: bool = False) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: list[Line] = []
        self.follow = follow
        """Stay at the end while new lines arrive, unless the operator scrolled away."""
        self._at_end = True

    def show(self, lines: Iterable[Line]) -> None:
        """Replace the lines; scroll position stays."""
        old, self.lines = self.lines, list(lines)
        at_end = self._at_end = self.scroll_offset.y + self.size.height >= len(old)
        if len(old) != len(self.lines):
            self.virtual_size = Size(self.size.width, len(self.lines))
            self.refresh()
            if self.follow and at_end:
                self.scroll_end(animate=False)
            return
        for y, (before, after) in enumerate(zip(old, self.lines, strict=True)):
            if before != after:
                self.refresh_line(y)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.lines))

    def render_line(self, y: int) -> Strip:
        """See ScrollView: one screen line."""
        number = y + self.scroll_offset.y
        content = self.lines[number] if number < len(self.lines) else ()
        return self._told(y, self._strip(content, self.rich_style))

    def _told(self, y: int, strip: Strip) -> Strip:
        """Where there is no scroll bar, the last line says how many lines are below it: `+12`."""
        below = len(self.lines) - self.scroll_offset.y - self.size.height
        if y != self.size.height - 1 or below <= 0 or self.size.height < 2 or self._has_bar:
            return strip
        if self.follow and self._at_end:
            # It goes to the end in a moment.
            return strip
        mark = f" +{below}"
        base = self.rich_style
        return Strip.join([strip.adjust_cell_length(self.size.width - len(mark), base), Strip([Segment(mark, base)])])

    @property
    def _has_bar(self) -> bool:
        """Whether a bar at the side shows how far one is."""
        return bool(self.styles.scrollbar_size_vertical) and self.show_vertical_scrollbar

    def _strip(self, content: Line, base: Style) -> Strip:
        segments = [Segment(text, base + self._role(role) if role else base) for text, role in content]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _role(self, role: str) -> Style:
        return self.get_component_rich_style(f"pane--{role}", partial=True)


def spans_width(content: Sequence[Span]) -> int:
    """Characters in a line."""
    return sum(len(text) for text, _ in content)
