"""A program in a real pty, with a terminal emulator reading what it draws."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "ctrl+l": "\x0c",
    "ctrl+q": "\x11",
    "down": "\x1b[B",
    "up": "\x1b[A",
}


class Console:
    """Runs `command` on an 80x24 pty. Everything it writes is kept in `raw` and drawn on `screen`."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, columns: int = 80, lines: int = 24
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self.leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.modes_before = termios.tcgetattr(follower)
        self._follower = follower
        self.process = subprocess.Popen(
            list(command),
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        os.close(self.leader)
        os.close(self._follower)

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(row.rstrip() for row in self.screen.display)

    @property
    def modes(self) -> list[object]:
        """The terminal's modes now (termios)."""
        return termios.tcgetattr(self._follower)

    def read(self, timeout: float) -> bool:
        """Take in what was written; False if nothing came in time."""
        ready, _, _ = select.select([self.leader], [], [], timeout)
        if not ready:
            return False
        with contextlib.suppress(OSError):
            data = os.read(self.leader, 65536)
            self.raw += data
            self._stream.feed(data)
            return True
        return False

    def wait_for(self, *texts: str, timeout: float = 60, gone: str = "") -> str:
        """Wait until every text (any one of `a|b`) is on the screen and `gone` is not. Returns the screen."""
        deadline = time.monotonic() + timeout
        while True:
            shown = self.text
            found = all(any(option in shown for option in text.split("|")) for text in texts)
            if found and not (gone and gone in shown):
                return shown
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"never saw {texts} (without {gone!r}) in {timeout:.0f} s:\n{shown}")
            self.read(min(left, 1))

    def press(self, *keys: str) -> None:
        """Type keys by name, or any other text as it is."""
        for key in keys:
            os.write(self.leader, KEYS.get(key, key).encode())

    def wait_end(self, timeout: float = 20) -> int:
        """The exit status, output drained meanwhile."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {timeout:.0f} s:\n{self.text}")
            self.read(0.1)
        while self.read(0):
            pass
        return self.process.returncode

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the program itself."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            if number == signal.SIGKILL:
                self.process.wait()
