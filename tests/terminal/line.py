"""A program on a pty, a line of a known rate behind it, and a terminal at the line's end that counts every byte.

The line carries 10 bits a byte (8N1), as a UART does: what it cannot carry yet stays in the pty's buffer, and the program
feels it there. That buffer holds about 20 kB on Linux, a UART's 4 kB: waits of a program that fills it are longer here.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, TypeAlias

import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "ctrl+l": "\x0c",
    "ctrl+q": "\x11",
    "ctrl+s": "\x13",
    "down": "\x1b[B",
    "up": "\x1b[A",
}
BITS = 10
"""Of one byte on the line: start, eight of data, stop."""
TICK = 0.005
"""Seconds between two looks at a busy line: five bytes at 9600 bits per second."""
CHUNK = 65536

Seen: TypeAlias = Callable[["Line"], bool]


class NotSeen(AssertionError):
    """What was waited for did not come in time; says what stands on the screen."""


@dataclass(frozen=True)
class Ended:
    """How a program ended, and the tty's attributes (termios, what `stty -a` tells) before it and after it."""

    status: int
    before: list[Any]
    after: list[Any]


class Terminal(pyte.Screen):
    """pyte's screen, whose answers to CSI 5n, CSI 6n and CSI c are handed on."""

    def __init__(self, columns: int, lines: int, answer: Callable[[str], None]) -> None:
        self._answer = answer
        super().__init__(columns, lines)

    def write_process_input(self, data: str) -> None:
        """The answer to a query."""
        self._answer(data)

    def report_device_status(self, mode: int, **kwargs: bool) -> None:
        """Private queries (CSI ? 6 n) are not known to a VT100."""
        if not kwargs.get("private"):
            super().report_device_status(mode)

    def row(self, y: int) -> str:
        """One line of the screen; the second half of a wide character is an empty string."""
        cells = self.buffer[y]
        return "".join(cells[x].data for x in range(self.columns))


class Delay:
    """Hands on what it is given, in order, `seconds` and `per_byte` seconds for each byte later."""

    def __init__(self, seconds: float, per_byte: float, then: Callable[[bytes], None]) -> None:
        self._seconds, self._per_byte, self._then = seconds, per_byte, then
        self._queue: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        if seconds or per_byte:
            self._thread.start()

    def put(self, data: bytes) -> None:
        """Never waits; without a delay it is handed on at once."""
        if not self._thread.is_alive():
            self._then(data)
            return
        self._queue.put((time.monotonic() + self._seconds + len(data) * self._per_byte, data))

    def close(self) -> None:
        """What is under way arrives, nothing after it."""
        if self._thread.is_alive():
            self._queue.put((0.0, b""))
            self._thread.join()

    def _run(self) -> None:
        while True:
            due, data = self._queue.get()
            if not data:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            self._then(data)


class Line:
    """Runs `command` at the end of a line.

    Args:
        columns, lines: the terminal's size, and the tty's.
        rate: bits per second the line carries; 0: as many as come.
        speed: bits per second the tty says it has (termios); 0: as a new pty, 38400.
        round_trip: seconds to the terminal and back, half of it each way.
        answers: False for a terminal that answers no query.
        sized: False for a tty that was never told the terminal's size, as a serial port.
        pass_fds: descriptors the program inherits.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        columns: int = 80,
        lines: int = 24,
        rate: int = 0,
        speed: int = 0,
        round_trip: float = 0.0,
        answers: bool = True,
        sized: bool = True,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._rate, self._round_trip, self._answers = rate, round_trip, answers
        self.raw = bytearray()
        self._mark = 0
        self.screen = Terminal(columns, lines, self._answer)
        self._rows = [""] * lines
        self._stream = pyte.ByteStream(self.screen)
        self._fed = time.monotonic()
        self._trouble: Exception | None = None
        self._news = threading.Condition(threading.RLock())
        self._up = Delay(round_trip / 2, BITS / rate if rate else 0.0, self._type)
        self._down = Delay(round_trip / 2, 0.0, self._show)
        self._open_pty((columns, lines) if sized else (0, 0), speed)
        self.process = self._start(command, env, cwd, pass_fds)
        self._carrier = threading.Thread(target=self._carry, daemon=True)
        self._carrier.start()

    def _open_pty(self, size: tuple[int, int], speed: int) -> None:
        self.leader, self._follower = pty.openpty()
        self._wake, self._gate, self._flowing, self._ended = os.eventfd(0), threading.Lock(), threading.Event(), False
        self._flowing.set()
        self._size(*size)
        if speed:
            modes = termios.tcgetattr(self._follower)
            modes[4] = modes[5] = getattr(termios, f"B{speed}")
            termios.tcsetattr(self._follower, termios.TCSANOW, modes)
        self.modes_before = termios.tcgetattr(self._follower)

    def _start(
        self, command: Sequence[str], env: Mapping[str, str], cwd: Path, pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        tty = self._follower
        return subprocess.Popen(
            list(command), stdin=tty, stdout=tty, stderr=tty, env=dict(env), cwd=cwd, pass_fds=pass_fds,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What the operator sees.

    @property
    def rows(self) -> list[str]:
        """The screen's lines, each as wide as the screen."""
        with self._news:
            for y in self.screen.dirty:
                if y < self.screen.lines:
                    self._rows[y] = self.screen.row(y)
            self.screen.dirty.clear()
            return list(self._rows)

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(row.rstrip() for row in self.rows)

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row of the terminal's cursor, from 0."""
        return self.screen.cursor.x, self.screen.cursor.y

    @property
    def modes(self) -> list[Any]:
        """The tty's attributes now (termios)."""
        return termios.tcgetattr(self._follower)

    # What the operator does.

    def send(self, text: str) -> None:
        """Type this text as it is."""
        self._up.put(text.encode())

    def press(self, *keys: str) -> None:
        """Type keys by name, or any other text as it is."""
        for key in keys:
            self.send(KEYS.get(key, key))

    def resize(self, columns: int, lines: int) -> None:
        """Another size of the window; the program gets SIGWINCH."""
        with self._news:
            self.screen.resize(lines, columns)
            self._rows = [self.screen.row(y) for y in range(lines)]
        self._size(columns, lines)

    def hold(self) -> None:
        """The line stands still: nothing arrives and the tty's buffer fills. Not a Ctrl-S, which is a key to press."""
        with self._gate:
            self._flowing.clear()

    def flow(self) -> None:
        """It moves again."""
        self._flowing.set()

    # Waiting and counting.

    def until(self, wanted: str | Seen, seconds: float = 60) -> float:
        """Wait for a text (any one of `a|b`) or a condition; returns seconds until its last byte came. Raises NotSeen."""
        seen = shows(wanted) if isinstance(wanted, str) else wanted
        start = time.monotonic()
        with self._news:
            while not seen(self):
                left = start + seconds - time.monotonic()
                if left <= 0:
                    raise NotSeen(f"never saw {wanted!r} in {seconds:.0f} s:\n{self.text}")
                self._wait(left)
            return max(0.0, self._fed - start)

    def wait_for(self, *texts: str, timeout: float = 60, gone: str = "") -> float:
        """Wait until every text (any one of `a|b`) is on the screen and `gone` is not; seconds as `until`."""
        return self.until(shows(*texts, gone=gone), timeout)

    def mark(self) -> None:
        """Bytes are counted from here."""
        with self._news:
            self._mark = len(self.raw)

    @property
    def bytes_since_mark(self) -> int:
        """Bytes that have come to the terminal."""
        return len(self.raw) - self._mark

    @property
    def since_mark(self) -> bytes:
        """The bytes themselves."""
        return bytes(self.raw[self._mark :])

    def settle(self, quiet: float = 0.3, seconds: float = 60) -> int:
        """Wait until nothing has come for `quiet` seconds (and a round trip); bytes since the mark. Raises NotSeen."""
        start, quiet = time.monotonic(), quiet + self._round_trip
        with self._news:
            while (left := max(start, self._fed) + quiet - time.monotonic()) > 0:
                if time.monotonic() > start + seconds:
                    raise NotSeen(f"never quiet for {quiet:.1f} s within {seconds:.0f} s:\n{self.text}")
                self._wait(left)
            return self.bytes_since_mark

    def listen(self, seconds: float) -> int:
        """The bytes that come in so many seconds."""
        self.mark()
        end = time.monotonic() + seconds
        with self._news:
            while (left := end - time.monotonic()) > 0:
                self._wait(left)
            return self.bytes_since_mark

    def _wait(self, seconds: float) -> None:
        self._news.wait(seconds)
        if self._trouble:
            raise self._trouble

    # The end.

    def wait_end(self, timeout: float = 20) -> int:
        """The exit status, all output taken in."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NotSeen(f"still running after {timeout:.0f} s:\n{self.text}") from None
        self.settle(0.1)
        return self.process.returncode

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the program itself."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            if number == signal.SIGKILL:
                self.process.wait()

    def close(self) -> Ended:
        """Kill what still runs, end the line."""
        self.kill()
        ended = Ended(self.process.returncode, self.modes_before, [] if self._ended else self.modes)
        if not self._ended:
            self._ended = True
            os.eventfd_write(self._wake, 1)
            self._flowing.set()
            self._carrier.join()
            self._down.close()
            self._up.close()
            for fd in (self.leader, self._follower, self._wake):
                os.close(fd)
        return ended

    # The line: one thread carries, and feeds the terminal unless the way is long.

    def _carry(self) -> None:
        free = time.monotonic()
        while not self._ended:
            if not self._flowing.is_set():
                self._flowing.wait()
                free = time.monotonic()
            if not self._ready(0):
                self._ready(None)
                free = time.monotonic()
            room = int((time.monotonic() - free) * self._rate / BITS) if self._rate else CHUNK
            data = self._take(min(room, CHUNK)) if room else b""
            if data:
                free += len(data) * BITS / self._rate if self._rate else 0
                self._down.put(data)
            elif self._rate:
                time.sleep(TICK)

    def _ready(self, timeout: float | None) -> bool:
        ready, _, _ = select.select([self.leader, self._wake], [], [], timeout)
        return bool(ready)

    def _take(self, most: int) -> bytes:
        with self._gate:
            if self._ended or not self._flowing.is_set():
                return b""
            return os.read(self.leader, most)

    def _show(self, data: bytes) -> None:
        with self._news:
            self.raw += data
            try:
                self._stream.feed(data)
            except Exception as error:  # noqa: BLE001 - told to whoever waits on the screen
                self._trouble = error
            self._fed = time.monotonic()
            self._news.notify_all()

    def _answer(self, data: str) -> None:
        if self._answers:
            self._up.put(data.encode())

    def _type(self, data: bytes) -> None:
        os.write(self.leader, data)


def shows(*texts: str, gone: str = "") -> Seen:
    """Every text (any one of `a|b`) is on the screen and `gone` is not."""

    def seen(line: Line) -> bool:
        shown = line.text
        found = all(any(option in shown for option in text.split("|")) for text in texts)
        return found and not (gone and gone in shown)

    return seen
