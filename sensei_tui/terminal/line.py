"""The line to the terminal: what kind it is, how fast, how big, and what the terminal says when it is asked."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_BAUD = {
    getattr(termios, f"B{rate}"): rate
    for rate in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
    if hasattr(termios, f"B{rate}")
}
_PORTS = ("/dev/ttyS", "/dev/ttyUSB", "/dev/ttyACM", "/dev/ttyAMA", "/dev/hvc")
_CONSOLE = re.compile(r"/dev/(tty\d+|console)")
UNSAID = 38_400
"""What a new pty and a virtual console report: no speed at all. OpenSSH sets the pty to the speed of the client's."""
PROBE = 0.7
"""Seconds that an answer may take: a jump host with 300 ms round trips, twice."""


@dataclass(frozen=True)
class Tty:
    """A terminal device."""

    fd: int
    name: str
    rate: int
    """Bits per second that the device reports."""

    @property
    def is_port(self) -> bool:
        """Whether it is a serial port of this machine."""
        return self.name.startswith(_PORTS)

    @property
    def is_local(self) -> bool:
        """Whether it is this machine's own screen."""
        return bool(_CONSOLE.fullmatch(self.name))

    @property
    def speed(self) -> int | None:
        """Bits per second of the line, where they mean something."""
        if self.is_local or (not self.is_port and self.rate == UNSAID):
            return None
        return self.rate or None

    def key(self, term: str) -> str:
        """What a choice is remembered under: a port by its name; the numbers of ptys are given out anew each time."""
        return self.name if self.is_port or self.is_local else f"pty {term}"

    @property
    def size(self) -> tuple[int, int] | None:
        """Columns and rows, or None where nobody has set them (a serial port)."""
        try:
            rows, columns = struct.unpack("hh", fcntl.ioctl(self.fd, termios.TIOCGWINSZ, b"\0" * 8)[:4])
        except OSError:
            return None
        return (columns, rows) if columns > 0 and rows > 0 else None


def tty_of(fd: int) -> Tty | None:
    """The device behind a file descriptor, or None where it is no terminal."""
    try:
        return Tty(fd, os.ttyname(fd), _BAUD.get(termios.tcgetattr(fd)[5], 0))
    except (OSError, termios.error):
        return None


def utf8_by_probe(found: Tty) -> bool:
    """Whether one character of two bytes moves the cursor by one column. The line is clean again afterwards."""
    answer = ask(found.fd, "\r\u00e9\x1b[6n\r\x1b[K", re.compile(rb"\x1b\[\d+;(\d+)R"))
    return answer is not None and answer[1] == b"2"


def ask(fd: int, question: str, answer: re.Pattern[bytes], seconds: float = PROBE) -> re.Match[bytes] | None:
    """Write a question to the terminal and wait for its answer; keys typed meanwhile are lost."""
    with _raw(fd):
        os.write(fd, question.encode())
        read, deadline = b"", time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and select.select([fd], [], [], left)[0]:
            data = os.read(fd, 256)
            read += data
            if not data or (found := answer.search(read)):
                return found if data else None
    return None


@contextmanager
def _raw(fd: int) -> Iterator[None]:
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSANOW)
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, before)
