"""Progress of bytes on standard error: how much, how fast, how long it takes."""

from __future__ import annotations

import sys
import time
from threading import Lock

from sensei_tui.base import clock
from sensei_tui.base.text import bytes_si, clip

LINE, TERMINAL = 15.0, 0.25
"""Seconds between two lines of a log, and between two pictures on a terminal."""
_OVER = 5.0
"""Seconds over which the rate is measured: the whole time would hide that a line became slow."""


class Meter:
    """Told from any thread. On a terminal one line that changes; elsewhere a line now and then."""

    def __init__(self, what: str, total: int = 0) -> None:
        self.what, self.total, self.done = what, total, 0
        self._tty = sys.stderr.isatty()
        self._began = self._told = time.monotonic()
        self._marks = [(self._began, 0)]
        self._lock = Lock()

    def add(self, count: int) -> None:
        """Some more bytes; less than none where some are sent again."""
        with self._lock:
            self.done += count
            self._tell()

    def set(self, done: int, total: int, what: str = "") -> None:
        """Where it stands."""
        with self._lock:
            self.done, self.total, self.what = done, total, what or self.what
            self._tell()

    def end(self) -> None:
        """Take the changing line away."""
        if self._tty:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def text(self) -> str:
        """`verify  45 %  1.3 of 2.9 GB  312 MB/s  5s left`."""
        share = f"{100 * self.done / self.total:3.0f} %  " if self.total else ""
        of = f" of {bytes_si(self.total)}" if self.total else ""
        rate = self._rate()
        left = f"  {clock.duration((self.total - self.done) / rate)} left" if rate and self.total > self.done else ""
        return f"{self.what}  {share}{bytes_si(self.done)}{of}  {bytes_si(rate)}/s{left}"

    def _rate(self) -> float:
        since, done = self._marks[0]
        return max(0.0, (self.done - done) / max(0.05, time.monotonic() - since))

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told < (TERMINAL if self._tty else LINE):
            return
        self._told = now
        self._marks = [*(mark for mark in self._marks if now - mark[0] < _OVER), (now, self.done)]
        if self._tty:
            sys.stderr.write(f"\r{clip(self.text(), 78)}\x1b[K")
        else:
            sys.stderr.write(f"{self.text()}\n")
        sys.stderr.flush()
