"""Line 1 (where am I) and the last line (the keys that work here)."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding

from sensei_tui.widgets.lines import Line, Pane, line, span

_NAMES = {
    "enter": "Enter", "escape": "Esc", "question_mark": "?", "slash": "/", "equals_sign": "=", "tab": "Tab",
    "space": "Space", "backspace": "Bksp", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End",
}  # fmt: skip


def key_name(key: str) -> str:
    """A key as an operator reads it: `^L`, `Enter`, `?`."""
    key = key.split(",")[0]
    return f"^{key[5:].upper()}" if key.startswith("ctrl+") else _NAMES.get(key, key)


class Bar(Pane, can_focus=False):
    """One line that does not scroll."""

    DEFAULT_CSS = """
    Bar { height: 1; overflow: hidden hidden; }
    """


class TopLine(Bar):
    """`Sensei | site berlin-1 | Preflight                run 4m ago`."""

    def __init__(self) -> None:
        super().__init__(id="top-line")
        self._parts: tuple[str, ...] = ()
        self._right = ""

    def tell(self, *parts: str, right: str = "") -> None:
        """Show the parts, separated; `right` at the right edge where there is room."""
        self._parts, self._right = tuple(part for part in parts if part), right
        self._draw()

    def _draw(self) -> None:
        text = " | ".join(self._parts)
        gap = self.size.width - len(text) - len(self._right) - 1
        self.show([line(span(text, "title"), " " * max(2, gap), span(self._right))])

    def on_resize(self) -> None:
        super().on_resize()
        self._draw()


class KeyLine(Bar):
    """The screen's own bindings, most useful first, cut to the width."""

    def __init__(self) -> None:
        super().__init__(id="key-line")
        self._keys: list[tuple[str, str]] = []

    def offer(self, bindings: Iterable[Binding]) -> None:
        """Show these bindings (those with `show`)."""
        self._keys = [(item.key_display or key_name(item.key), item.description) for item in bindings if item.show]
        self._draw()

    def _draw(self) -> None:
        parts: list[tuple[str, str]] = []
        used = 1
        for key, description in self._keys:
            if used + len(key) + len(description) + 3 > self.size.width:
                break
            used += len(key) + len(description) + 3
            parts += [span(key, "strong"), span(f" {description}  ")]
        self.show([line(" ", *parts)])

    def on_resize(self) -> None:
        super().on_resize()
        self._draw()


class Rule(Pane, can_focus=False):
    """A horizontal line with an optional title in it."""

    DEFAULT_CSS = """
    Rule { height: 1; overflow: hidden hidden; }
    """

    def __init__(self, title: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = title

    def tell(self, title: str) -> None:
        """Change the title."""
        self.title = title
        self._draw()

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        super().on_resize()
        self._draw()

    def _draw(self) -> None:
        head = f"── {self.title} " if self.title else ""
        self.show([self._line(head)])

    def _line(self, head: str) -> Line:
        return line(span(head + "─" * max(0, self.size.width - len(head)), "dim"))


def meter(fraction: float, width: int) -> str:
    """`[####----]`: a progress bar that says nothing it does not know."""
    inside = max(1, width - 2)
    done = max(0, min(inside, int(fraction * inside)))
    return f"[{'#' * done}{'-' * (inside - done)}]"
