"""How far some bytes are, how fast they come, and how long the rest takes."""

from __future__ import annotations

from sensei_tui.base import clock
from sensei_tui.base.text import bytes_si

_OVER = 10.0
"""Seconds over which the rate is measured: over the whole time it would hide that a line became slow."""


class Throughput:
    """One thread, or under a lock."""

    def __init__(self, total: int = 0) -> None:
        self.done, self.total = 0, total
        self._marks = [(clock.monotonic(), 0)]

    def set(self, done: int, total: int) -> None:
        """Where it stands."""
        now = clock.monotonic()
        self.done, self.total = done, total
        if now - self._marks[-1][0] > _OVER / 20:
            self._marks = [*(mark for mark in self._marks if now - mark[0] < _OVER), (now, done)]

    @property
    def rate(self) -> float:
        """Bytes a second."""
        since, done = self._marks[0]
        return max(0.0, (self.done - done) / max(0.05, clock.monotonic() - since))

    def text(self) -> str:
        """`1.3 GB of 2.9 GB, 312 MB/s, 5s left`."""
        parts = [f"{bytes_si(self.done)} of {bytes_si(self.total)}" if self.total else bytes_si(self.done)]
        if rate := self.rate:
            parts.append(f"{bytes_si(rate)}/s")
            if self.total > self.done:
                parts.append(f"{clock.duration((self.total - self.done) / rate)} left")
        return ", ".join(parts)
