"""Progress of bytes on standard error: how much, how fast, how long it takes."""

from __future__ import annotations

import sys
import time
from threading import Lock
from types import TracebackType
from typing import Self

from sensei_tui.base.text import clip
from sensei_tui.base.throughput import Throughput

GOES_ON = "What is done stays: the same command goes on from there."
LINE, TERMINAL = 15.0, 0.25
"""Seconds between two lines of a log, and between two pictures on a terminal."""


class Meter:
    """Told from any thread, until its `with` ends. On a terminal one line that changes; elsewhere a line now and then.

    `resumes`: what is told at Ctrl-C, where the same command goes on from what that leaves.
    """

    def __init__(self, what: str, total: int = 0, resumes: str = "") -> None:
        self._what, self._bytes, self._resumes = what, Throughput(total), resumes
        self._tty = sys.stderr.isatty()
        self._told = time.monotonic()
        self._lock = Lock()

    def add(self, count: int) -> None:
        """Some more bytes; less than none where some are sent again."""
        with self._lock:
            self._bytes.set(self._bytes.done + count, self._bytes.total)
            self._tell()

    def set(self, done: int, total: int, waits: str = "") -> None:
        """Where it stands; and for what it waits, where nothing moves."""
        with self._lock:
            self._bytes.set(done, total)
            self._tell(waits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The changing line is taken away."""
        if self._tty:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        if self._resumes and isinstance(error, KeyboardInterrupt):
            error.add_note(self._resumes)

    def _tell(self, waits: str = "") -> None:
        now = time.monotonic()
        if now - self._told < (TERMINAL if self._tty else LINE):
            return
        self._told = now
        share = f"{100 * self._bytes.done / self._bytes.total:3.0f} %  " if self._bytes.total else ""
        text = f"{self._what}  {share}{waits or self._bytes.text()}"
        sys.stderr.write(f"\r{clip(text, 78)}\x1b[K" if self._tty else f"{text}\n")
        sys.stderr.flush()
