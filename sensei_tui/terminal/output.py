"""The way to the terminal: takes in what Textual writes, and brings the terminal nearer to it at the line's pace.

The loop that writes never waits: a write changes the wanted grid, a thread of its own sends. Frames that come faster
than the line melt into one; no more than a chunk of bytes is under way that could be overtaken by something newer.
"""

from __future__ import annotations

import os
import select
import termios
import threading
import time
from contextlib import suppress

from sensei_tui.terminal.grid import Grid
from sensei_tui.terminal.ink import Ink
from sensei_tui.terminal.pace import Pace
from sensei_tui.terminal.painter import Painter, Place
from sensei_tui.terminal.stream import Stream
from sensei_tui.terminal.terminfo import Terminfo

HOLD = 0.3
"""Seconds after a change of size in which Textual's new picture is waited for."""
FAREWELL = 2.0
"""Seconds that the last bytes may take when the console leaves; a line that is held by Ctrl-S is let go then."""


class Output:
    """One terminal's output. Everything but `stop` returns at once; any thread.

    Args:
        fd: the terminal, open for writing.
        terminfo: what it understands.
        ink: what it can show.
        pace: how much of it at once.
        columns, rows: its size.
    """

    def __init__(self, fd: int, terminfo: Terminfo, ink: Ink, pace: Pace, columns: int, rows: int) -> None:
        self._fd = fd
        self._stream = Stream(Grid(columns, rows), ink)
        self._painter = Painter(terminfo, ink, columns, rows)
        self.pace = pace
        self._changed = threading.Condition()
        self._spoken: list[str] = []
        """What goes out before the picture does: modes, queries."""
        self._hold_until = 0.0
        self._ending = False
        self._behind_since: float | None = None
        self._thread: threading.Thread | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        grid = self._stream.grid
        return grid.columns, grid.height

    @property
    def at_rest(self) -> str:
        """What ends the painting: pen and scroll region as they were."""
        return self._painter.at_rest()

    def start(self, greeting: str) -> None:
        """Begin to send: the greeting, then the whole picture."""
        with self._changed:
            self._ending = False
            self._painter.forget(*self.size)
            self._spoken.append(greeting)
        self._thread = threading.Thread(target=self._run, name="terminal-output", daemon=True)
        self._thread.start()

    def quiet(self) -> None:
        """End the painting, take in the answers still to come; waits FAREWELL and the pace's patience at most."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._changed:
            self._ending = True
            self._changed.notify()
        thread.join(FAREWELL)
        with self._changed:
            # An answer that comes when the tty echoes again would stand before the operator's next command.
            self._changed.wait_for(lambda: not self.pace.owed, self.pace.patience)

    def stop(self, farewell: str) -> None:
        """Send the farewell, and no more. A line that the operator holds with Ctrl-S is let go for it."""
        self.quiet()
        with suppress(OSError, termios.error):
            modes = termios.tcgetattr(self._fd)
            modes[0] &= ~termios.IXON
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)
            if self._writable(FAREWELL):
                os.write(self._fd, farewell.encode("utf-8", "replace"))

    def write(self, data: str) -> None:
        """Take in Textual's output."""
        with self._changed:
            self._stream.feed(data)
            self._hold_until = 0.0
            self._behind_since = self._behind_since or time.monotonic()
            bells, self._stream.bells = self._stream.bells, 0
            self._spoken += ["\a"] if bells else []
            self._changed.notify()

    def say(self, text: str) -> None:
        """Send this before anything else; it must leave the cursor and the pen as they are."""
        with self._changed:
            self._spoken.append(text)
            self._changed.notify()

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size: what it shows now is unknown, and Textual draws anew."""
        with self._changed:
            if (columns, rows) != self.size:
                self._stream.grid = Grid(columns, rows)
                self._hold_until = time.monotonic() + HOLD
            self._painter.forget(columns, rows)
            self._changed.notify()

    def redraw(self) -> None:
        """Clear the terminal and send everything again."""
        self.resize(*self.size)

    def use(self, ink: Ink, pace: Pace) -> None:
        """From now on with other colours and another pace; Textual has to draw anew."""
        with self._changed:
            self._stream.ink = self._painter.ink = ink
            self.pace = pace
            self._painter.forget(*self.size)
            self._changed.notify()

    def answered(self, count: int) -> None:
        """The terminal has answered queries of the pace."""
        with self._changed:
            for _ in range(count):
                self.pace.answered(time.monotonic())
            self._changed.notify()

    @property
    def behind(self) -> float:
        """Seconds for which the terminal has not shown all that is wanted."""
        since = self._behind_since
        return time.monotonic() - since if since else 0.0

    @property
    def cursor(self) -> Place | None:
        """Where the cursor is wanted. At the top left, where Textual leaves it, it is wanted nowhere."""
        y, x = self._stream.cursor
        columns, rows = self.size
        return (y, x) if (y or x) and y < rows and x < columns else None

    # The thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (text := self._next()):
                    if self._ending:
                        return
                    self._changed.wait(self._pause())
            if not self._send(text):
                return

    def _next(self) -> str:
        """What to send now, with the pace's query behind it."""
        now = time.monotonic()
        if self._spoken:
            text, self._spoken = "".join(self._spoken), []
            return text
        if self._ending or now < self._hold_until or not (room := self.pace.room(now)):
            return ""
        text = self._painter.more(self._stream.grid, self.cursor, self._urgent(), room)
        self._behind_since = self._behind_since if text else None
        return text + self.pace.sent(len(text.encode()), now) if text else ""

    def _urgent(self) -> list[int]:
        """The rows that a key has just changed: where the cursor is wanted, and where it was."""
        rows = [place[0] for place in (self.cursor, self._painter.parked) if place]
        return [y for y in dict.fromkeys(rows) if y < self.size[1]]

    def _pause(self) -> float | None:
        """Seconds until there may be something to send without anything happening."""
        now = time.monotonic()
        waits = [one for one in (self.pace.wait(now), self._hold_until - now) if one > 0]
        return min(waits) if waits else None

    def _send(self, text: str) -> bool:
        """Write to the terminal; False when it is gone, or held when the console leaves."""
        data = text.encode("utf-8", "replace")
        while data:
            if not self._writable(0.2):
                if self._ending:
                    return False
                continue
            try:
                # A tty takes what it has room for only where it is asked for little at a time.
                written = os.write(self._fd, data[:512])
            except OSError:
                return False
            data = data[written:]
        return True

    def _writable(self, seconds: float) -> bool:
        return bool(select.select([], [self._fd], [], seconds)[1])
