"""Textual's driver for lines and terminals as they are: see `output` for what is sent, `keys` for what comes.

Of Textual's own driver it keeps the signals, the modes of the tty and the messages. Its output goes to a grid instead
of the terminal, so every mode, query and mouse request that it writes stays here; what the terminal is really told
stands in `_greeting` and `_farewell`.
"""

from __future__ import annotations

import asyncio
import os
import select
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from sensei_tui.terminal.guard import Guard
from sensei_tui.terminal.ink import Ink
from sensei_tui.terminal.keys import ESC, NEAR, SPLIT, Arrived, Keys
from sensei_tui.terminal.line import Tty, tty_of
from sensei_tui.terminal.output import Output
from sensei_tui.terminal.pace import AnswerPace, Pace, SpeedPace, Unpaced
from sensei_tui.terminal.profile import RICH, Profile, colours_of, said_size, said_speed
from sensei_tui.terminal.terminfo import Terminfo, load

if TYPE_CHECKING:
    from textual.app import App

DEFAULT_SIZE = (80, 24)
_STDERR = 2
"""Where Textual writes too: the standard output may be caught."""
_MOUSE = ("\x1b[?1000h\x1b[?1002h\x1b[?1006h", "\x1b[?1006l\x1b[?1002l\x1b[?1000l")
_PASTE = ("\x1b[?2004h", "\x1b[?2004l")
_ASK_SIZE = "\x1b7\x1b[999;999H\x1b[6n\x1b8"
DIGEST = 0.25
"""Seconds that a key may take before the next one follows anyway."""
LARGEST = (500, 200)
"""Columns and rows that are believed: more is noise, or a slip of the finger."""
SIZE_PATIENCE = 2.0
"""Seconds in which a cursor report is taken as the answer to the question about the size."""


class LineDriver(LinuxDriver):
    """See the module."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=False, size=size)
        self._tty = tty_of(self.fileno) or Tty(self.fileno, "", 0)
        self._terminfo = load(os.environ.get("TERM", "")) or _nothing()
        self._profile: Profile = getattr(app, "profile", RICH)
        self._told = size or said_size(os.environ)
        self._measured: tuple[int, int] | None = None
        self._asked_at = float("-inf")
        self._keys = Keys(patience=self._patience)
        columns, rows = self._get_terminal_size()
        self._guard: Guard | None = None
        self.output = Output(_STDERR, self._terminfo, self._ink(), self._pace(), columns, rows)

    # What the terminal is, and is told.

    @property
    def speed(self) -> int | None:
        """Bits per second, where they are known."""
        return said_speed(os.environ) or self._tty.speed

    @property
    def _patience(self) -> float:
        return SPLIT if self._profile.lean or self._tty.is_port else NEAR

    def _ink(self) -> Ink:
        colours = colours_of(self._terminfo, self._profile, os.environ)
        return Ink(self._terminfo, colours, ascii=self._profile.ascii)

    def _pace(self) -> Pace:
        if self.speed:
            return SpeedPace(self.speed)
        if self._tty.is_local or not self._terminfo.has("u7"):
            return Unpaced()
        return AnswerPace(self._profile.first)

    @property
    def _pastes(self) -> bool:
        """Whether it is a terminal emulator: those with a mouse and a second screen know bracketed paste too."""
        return not self._profile.lean and self._terminfo.has("kmous", "smcup")

    def _greeting(self) -> str:
        modes = (_PASTE[0] if self._pastes else "") + (_MOUSE[0] if self._profile.mouse else "")
        return self._terminfo.text("smcup") + modes

    def _farewell(self) -> str:
        """The terminal as it was: its own screen again, or ours cleared."""
        modes = (_MOUSE[1] if self._profile.mouse else "") + (_PASTE[1] if self._pastes else "")
        left = self._terminfo.text("rmcup") or self._terminfo.text("clear")
        return f"{self.output.at_rest}{modes}{self._terminfo.text('cnorm')}{left}"

    # Textual's calls.

    def write(self, data: str) -> None:
        """Textual's output: never to the terminal itself."""
        self.output.write(data)

    def start_application_mode(self) -> None:
        """See Driver. Also after a suspension: everything is sent again."""
        if self._guard is None and self._tty.name:
            self._guard = Guard(self._tty, self._farewell())
        super().start_application_mode()  # type: ignore[no-untyped-call]
        with suppress(termios.error):
            attributes = termios.tcgetattr(self.fileno)
            attributes[1] &= ~termios.OPOST
            termios.tcsetattr(self.fileno, termios.TCSANOW, attributes)
        # Only now: the tty would echo the terminal's answers.
        self.output.start(self._greeting())
        if self._told is None and self._tty.size is None:
            self.ask_size()

    def disable_input(self) -> None:
        """See Driver. First the terminal's last answers are read."""
        self.output.quiet()
        super().disable_input()

    def stop_application_mode(self) -> None:
        """See Driver."""
        self.output.stop(self._farewell())
        super().stop_application_mode()
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    @classmethod
    def _patch_iflag(cls, attrs: int) -> int:
        """Ctrl-S and Ctrl-Q stay what the tty says they are; a byte that arrives broken is dropped by the kernel."""
        return (attrs | termios.IGNPAR) & ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP)

    def _get_terminal_size(self) -> tuple[int, int]:
        """Columns and rows: as told, as the tty says, as measured, or 80x24."""
        columns, rows = self._told or self._tty.size or self._measured or DEFAULT_SIZE
        found = (min(columns, LARGEST[0]), min(rows, LARGEST[1]))
        if hasattr(self, "output") and found != self.output.size:
            self.output.resize(*found)
        return found

    # What the console asks for.

    def redraw(self) -> None:
        """Send everything again, and look whether the terminal has another size by now."""
        self.output.redraw()
        if self._told is None and (self._tty.size is None or self._tty.is_port):
            self.ask_size()

    def use(self, profile: Profile) -> None:
        """Another profile from now on; the app draws anew."""
        before = (_MOUSE[1] if self._profile.mouse else "") + (_PASTE[1] if self._pastes else "")
        self._profile = profile
        after = (_PASTE[0] if self._pastes else "") + (_MOUSE[0] if profile.mouse else "")
        self.output.say(before + after)
        self.output.use(self._ink(), self._pace())
        self._keys.patience = self._patience

    def ask_size(self) -> None:
        """Let the terminal say where its last column and row are. Its answer may never come."""
        if self._terminfo.has("u7"):
            self._asked_at, self._keys.expects_cursor = time.monotonic(), True
            self.output.say(_ASK_SIZE)

    # Input: a thread of its own.

    def run_input_thread(self) -> None:
        """See LinuxDriver: reads until the console leaves or the line is gone."""
        parser = XTermParser(self._debug)
        while not self.exit_event.is_set():
            ready = select.select([self.fileno], [], [], self._keys.patience / 4 if self._keys.waits else 0.1)[0]
            now = time.monotonic()
            if ready:
                try:
                    data = os.read(self.fileno, 4096)
                except OSError:
                    return
                if not data:
                    return
                self._arrived(parser, self._keys.feed(data, now))
            self._arrived(parser, self._keys.tick(now))

    def _arrived(self, parser: XTermParser, found: Arrived) -> None:
        if found.answers:
            self.output.answered(found.answers)
        if found.cursor:
            self._size_said(found.cursor)
        elif self._keys.expects_cursor and time.monotonic() - self._asked_at > SIZE_PATIENCE:
            self._keys.expects_cursor = False
        for key in found.keys:
            self._pass_on(parser, key)
            if self.exit_event.is_set():
                return

    def _pass_on(self, parser: XTermParser, key: str) -> None:
        """One key, and the time the console takes for it: keys typed ahead meet what the ones before them opened."""
        for event in parser.feed(key):
            self.process_message(event)
        if key == ESC:
            # Sequences come whole: what is only an Esc is the key. Textual's parser waits ESCDELAY (1 ms) for more.
            time.sleep(0.003)
            for event in parser.tick():
                self.process_message(event)
        if (digested := getattr(self._app, "digested", None)) is not None:
            waiting = asyncio.run_coroutine_threadsafe(digested(), self._loop)
            try:
                waiting.result(DIGEST)
            except (TimeoutError, asyncio.CancelledError):
                waiting.cancel()

    def _size_said(self, corner: tuple[int, int]) -> None:
        rows, columns = corner
        self._keys.expects_cursor = False
        self._measured = (columns, rows)
        size = Size(*self._get_terminal_size())
        from textual import events

        self.process_message(events.Resize(size, size))


def _nothing() -> Terminfo:
    """A terminal that is not known: the least that a screen needs, as ANSI X3.64 has it."""
    strings = {"cup": "\x1b[%i%p1%d;%p2%dH", "clear": "\x1b[H\x1b[J", "cr": "\r", "cud1": "\n", "cub1": "\b"}
    return Terminfo("", frozenset({"am"}), {}, strings)
