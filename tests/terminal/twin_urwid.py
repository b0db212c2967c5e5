"""Health, Home and the log as an urwid program: list boxes in a frame, texts set when they change, monochrome."""

from __future__ import annotations

from typing import Any

import urwid

from sensei_tui.widgets.lines import Line
from tests.terminal.feed import Gap
from tests.terminal.twins import SIDE, Twin

WIDTH = 80
BOLD = ("fail", "strong", "title", "mark")
PALETTE = [(role, "default", "default", "bold") for role in BOLD]


def markup(content: Line) -> list[Any] | str:
    """A line as urwid's markup."""
    return [(role, text) if role in BOLD else text for text, role in content if text] or ""


class Rows(urwid.ListBox[Any]):
    """Lines; only those that changed are set."""

    def __init__(self) -> None:
        self.walker: urwid.SimpleFocusListWalker[urwid.Text] = urwid.SimpleFocusListWalker([])
        self._shown: list[Line] = []
        super().__init__(self.walker)

    def show(self, lines: list[Line]) -> None:
        """Replace the lines."""
        for number, content in enumerate(lines):
            if number >= len(self._shown):
                self.walker.append(urwid.Text(markup(content), wrap="clip"))
            elif content != self._shown[number]:
                self.walker[number].set_text(markup(content))
        del self.walker[len(lines) :]
        self._shown = lines


class Listed(urwid.Frame[Any, Any, Any]):
    """Home or Health: a head, a list, what is below it, keys."""

    def __init__(self, rows: int = 0, below: int = 0) -> None:
        self.head, self.rows, self.below = Rows(), Rows(), Rows()
        fixed = [(rows, self.rows) if rows else self.rows, (below, self.below) if below else self.below]
        self.keys = urwid.Text("", wrap="clip")
        super().__init__(urwid.Pile(fixed), urwid.BoxAdapter(self.head, 4), self.keys)

    def show(self, twin: Twin) -> None:
        """Set what changed."""
        self.head.show(twin.head(WIDTH))
        self.rows.show(twin.rows())
        self.rows.set_focus(twin.place)
        self.below.show(twin.below(WIDTH))
        self.keys.set_text(markup(twin.keys(WIDTH)))


class Program:
    """Three frames, one shown."""

    def __init__(self) -> None:
        self.twin = Twin()
        self.frames = {"health": Listed(below=SIDE), "home": Listed(rows=6)}
        self.log = Rows()
        self.log_keys = urwid.Text("", wrap="clip")
        self.log_frame = urwid.Frame(self.log, urwid.Text(("title", "Sensei | log of run 0001")), self.log_keys)
        screen = urwid.display.raw.Screen()
        screen.set_terminal_properties(colors=1)
        self.loop = urwid.MainLoop(
            self.log_frame, PALETTE, screen, handle_mouse=False, input_filter=self.filter
        )  # fmt: skip

    def run(self) -> None:
        """Until q."""
        self.loop.watch_file(self.twin.wake, self.changed)
        self.draw()
        self.tick()
        self.twin.feed.serve()
        self.loop.run()

    def tick(self, *_: object) -> None:
        """The loop is alive."""
        self.twin.feed.gap.tick()
        self.loop.set_alarm_in(Gap.EVERY, self.tick)

    def changed(self) -> None:
        """Announcements so far are drawn at once."""
        self.twin.drain()
        self.twin.feed.gap.tick()
        self.draw()

    def filter(self, keys: list[Any], raw: list[int]) -> list[Any]:
        """The twin takes all keys; list boxes get none of their own."""
        for key in keys:
            if key == "q":
                raise urwid.ExitMainLoop
            self.twin.key(key)
        self.draw()
        return []

    def draw(self) -> None:
        """Set what changed; the loop draws when it is idle."""
        if self.twin.screen == "log":
            self.log.show(self.twin.log_lines())
            self.log.set_focus(len(self.log.walker) - 1)
            self.log_keys.set_text(markup(self.twin.keys(WIDTH)))
            self.loop.widget = self.log_frame
            return
        frame = self.frames[self.twin.screen]
        frame.show(self.twin)
        self.loop.widget = frame


if __name__ == "__main__":
    Program().run()
