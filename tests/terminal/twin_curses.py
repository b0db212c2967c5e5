"""Health, Home and the log as a curses program: everything drawn into the window, curses finds the difference."""

from __future__ import annotations

import curses
import select

from sensei_tui.widgets.lines import Line, line
from tests.terminal.feed import Gap
from tests.terminal.twins import Twin

BOLD = ("fail", "strong", "title", "mark")
NAMES = {27: "esc"}


class Program:
    """One window over the whole screen."""

    def __init__(self, window: curses.window) -> None:
        self.window, self.twin, self.top = window, Twin(), 0
        window.idlok(True)
        window.nodelay(True)
        if curses.tigetstr("civis"):
            curses.curs_set(0)

    def run(self) -> None:
        """Until q."""
        self.draw()
        self.twin.feed.serve()
        while True:
            ready, _, _ = select.select([0, self.twin.wake], [], [], Gap.EVERY)
            self.twin.feed.gap.tick()
            if not ready:
                continue
            self.twin.drain()
            while (key := self.window.getch()) != -1:
                if key == ord("q"):
                    return
                self.twin.key(NAMES.get(key, chr(key)))
            self.draw()

    def draw(self) -> None:
        """All lines; `refresh` sends what differs."""
        height, width = self.window.getmaxyx()
        shown = self.log(height, width) if self.twin.screen == "log" else self.listed(height, width)
        self.window.erase()
        for y, content in enumerate(shown):
            x = 0
            for text, role in content:
                room = width - x - (y == height - 1)  # the last cell of the last line would scroll
                self.window.addnstr(y, x, text, room, curses.A_BOLD if role in BOLD else curses.A_NORMAL)
                x += min(len(text), room)
                if x >= width - 1:
                    break
        self.window.refresh()

    def listed(self, height: int, width: int) -> list[Line]:
        """Head, rows, what is below, keys."""
        head, below, place = self.twin.head(width), self.twin.below(width), self.twin.place
        room = height - 1 - len(head) - len(below)
        self.top = max(place - room + 1, min(self.top, place))
        rows = self.twin.rows()[self.top : self.top + room]
        blank = [line()] * (room - len(rows))
        body = [*rows, *blank, *below] if self.twin.screen == "health" else [*rows, *below, *blank]
        return [*head, *body, self.twin.keys(width)]

    def log(self, height: int, width: int) -> list[Line]:
        """The last lines of the log."""
        return [
            line(("Sensei | log of run 0001", "title")),
            *self.twin.log_lines()[2 - height :],
            self.twin.keys(width),
        ]


if __name__ == "__main__":
    curses.set_escdelay(250)  # as long as the console waits on a serial line
    curses.wrapper(lambda window: Program(window).run())
