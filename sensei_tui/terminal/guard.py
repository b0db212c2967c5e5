"""Gives the terminal back where the console can't: after a SIGKILL, or when it ran out of memory.

A small process that was forked before the console grew. It waits for the console's end, and does nothing where that
had put the terminal in order itself.
"""

from __future__ import annotations

import os
import signal
import termios
from contextlib import suppress
from pathlib import Path

from sensei_tui.terminal.line import Tty

_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP, signal.SIGTTOU)
_WELL = b"."


class Guard:
    """Watches over one terminal from now on."""

    def __init__(self, tty: Tty, farewell: str) -> None:
        attributes = termios.tcgetattr(tty.fd)
        watched, self._alive = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._alive)
            _wait(watched, tty.fd, attributes, farewell)
        os.close(watched)

    def dismiss(self) -> None:
        """The console leaves, and has left the terminal in order."""
        os.write(self._alive, _WELL)
        os.close(self._alive)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _wait(watched: int, fd: int, attributes: list[object], farewell: str) -> None:
    """In the guard's own process; does not return."""
    try:
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        # What the console has open (sockets, files) is to end with it.
        for other in {int(path.name) for path in Path("/proc/self/fd").iterdir()} - {watched, fd}:
            with suppress(OSError):
                os.close(other)
        if os.read(watched, 1) != _WELL:
            termios.tcflush(fd, termios.TCIOFLUSH)
            termios.tcsetattr(fd, termios.TCSANOW, attributes)  # type: ignore[arg-type]
            os.write(fd, farewell.encode())
    finally:
        os._exit(0)
