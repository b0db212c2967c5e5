"""The operator's line: whole lines out, whole lines in. Works on a terminal in its ordinary mode and on pipes.

Nothing is written but printable ASCII and newlines; nothing is ever written again or taken back.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import termios
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from sensei_tui.plain.words import folded
from sensei_tui.terminal.profile import said_size

NARROWEST = 40
LONGEST = 65_536
"""Bytes of one line of input; what is longer is not an answer."""


class Left(BaseException):
    """The operator is gone: end of input, a line that was hung up, a signal. `code` is the exit code.

    Raised in signal handlers too, in the middle of anything: no handler of errors may take it for one.
    """

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


class Back(Exception):
    """Ctrl-C at a prompt, or an answer that leaves everything as it was."""


class Talk:
    """Says lines and asks for lines. `news` is asked for lines to say before every prompt."""

    def __init__(self, source: int = 0, sink: int = 1) -> None:
        self._source, self._sink = source, sink
        self._typed = b""
        self._ended = False
        self.on_terminal = os.isatty(source)
        columns, self.height = _size(sink)
        self.width = max(NARROWEST, columns) - 1
        """One less than the line has: a full line would be broken once more by some printers."""
        self._since = 0
        self._wake: int | None = None
        self.news: Callable[[], Iterable[str]] = tuple

    # Out.

    def say(self, text: str = "", hang: int = 0) -> None:
        """A line, or several, wrapped. Raises Left where nobody reads any more."""
        for row in folded(text, self.width, hang):
            self._write(row + "\n")
            self._since += 1

    def show(self, texts: Iterable[str], hang: int = 0) -> str:
        """Many lines, a pageful at a time where the height is known.

        Returns what was answered instead of going on: empty when all of it was shown, `0` for enough.
        Raises Left.
        """
        for row in (row for text in texts for row in folded(text, self.width, hang)):
            if self._full and (answer := self._more()):
                return answer
            self._write(row + "\n")
            self._since += 1
        return ""

    @property
    def _full(self) -> bool:
        return self.on_terminal and 0 < self.height - 1 <= self._since

    def _more(self) -> str:
        try:
            answer = self._line("more? (Enter: more, 0: enough) ")
        except Back:
            return "0"
        return "" if answer.lower() in ("", "y", "yes") else answer

    def _write(self, text: str) -> None:
        data = text.encode("ascii")
        try:
            while data:
                data = data[os.write(self._sink, data) :]
        except OSError as error:
            raise Left from error

    # In.

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """One line, as it was typed, its newline off. Raises Back at Ctrl-C, Left at the end of input."""
        for text in self.news():
            self.say(text, 2)
        with self._hidden() if secret and self.on_terminal else _as_it_is():
            return self._line(prompt, echo=not secret)

    def _line(self, prompt: str, *, echo: bool = True) -> str:
        try:
            # Whoever sees the prompt may press Ctrl-C before the next line of this is done.
            self._write("\n".join(folded(prompt, self.width)) + " ")
            self._since = 0
            while (answer := self.wait(None)) is None:
                continue
        except KeyboardInterrupt:
            self._write("\n")
            raise Back from None
        except Left:
            self._write("\n")
            raise
        if not (self.on_terminal and echo):
            # Nobody else writes what was typed: a record of the session would miss the answers and their line ends.
            self._write((folded(answer, self.width)[0] if echo else "") + "\n")
        return answer

    def wait(self, seconds: float | None) -> str | None:
        """A line if one is typed in time (None: however long it takes), or nothing after a signal.

        Raises Left at the end of input.
        """
        while b"\n" not in self._typed and not self._ended:
            waker = [] if self._wake is None else [self._wake]
            ready, _, _ = select.select([self._source, *waker], [], [], seconds)
            if self._source not in ready:
                self._woken(ready)
                return None
            self._read()
        if not self._typed:
            raise Left
        line, _, self._typed = self._typed.partition(b"\n")
        return line[:LONGEST].decode("utf-8", "replace").rstrip("\r")

    def _woken(self, ready: list[int]) -> None:
        """A signal came: its handler runs before the next line of Python does."""
        if self._wake in ready:
            os.read(self._wake, 512)

    @contextmanager
    def waking(self) -> Iterator[None]:
        """Signals end a wait, even one that comes just before it or is delivered to another thread."""
        self._wake, sink = os.pipe()
        os.set_blocking(sink, False)
        before = signal.set_wakeup_fd(sink, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for handle in (self._wake, sink):
                os.close(handle)
            self._wake = None

    def _read(self) -> None:
        try:
            data = os.read(self._source, 4096)
        except OSError:
            data = b""  # the terminal was hung up
        self._ended = not data
        self._typed += data

    @contextmanager
    def _hidden(self) -> Iterator[None]:
        """What is typed is not shown."""
        before = termios.tcgetattr(self._source)
        quiet = [*before]
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(self._source, termios.TCSADRAIN, quiet)
        try:
            yield
        finally:
            with suppress(termios.error):
                termios.tcsetattr(self._source, termios.TCSADRAIN, before)


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def _size(sink: int) -> tuple[int, int]:
    """Columns and lines; 80 where unknown, and 0 lines."""
    if named := said_size(os.environ):
        return named
    known = shutil.get_terminal_size((0, 0)) if sink == 1 else os.terminal_size((0, 0))
    return known.columns or 80, known.lines
