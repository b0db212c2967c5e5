"""How much may be sent now: by the line's speed, by the terminal's answers, or all of it.

Times are seconds of a monotonic clock, amounts are bytes. No thread, no clock and no terminal here.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

BITS = 10
"""Of a byte on a serial line: a start bit, eight data bits, a stop bit."""
CHUNK = 0.06
"""Seconds of line time that are decided at once: what comes up later waits for as long at most."""
QUERY = "\x1b[5n"
"""Device status report: every terminal with a cursor report has it, and its answer is like no key."""


class Pace(Protocol):
    """Asked before each write, told of each write and of each answer."""

    def room(self, now: float) -> int:
        """Bytes that may be sent now."""
        ...

    def wait(self, now: float) -> float:
        """Seconds until there may be room again, if no answer comes before."""
        ...

    def sent(self, size: int, now: float) -> str:
        """So much was written; returns what to write behind it (a query, or nothing)."""
        ...

    def answered(self, now: float) -> None:
        """The terminal answered a query."""
        ...

    @property
    def owed(self) -> int:
        """Answers that are still to come."""
        ...

    @property
    def patience(self) -> float:
        """Seconds that they are worth waiting for."""
        ...


class Unpaced:
    """Everything at once: the line is as fast as the terminal."""

    def room(self, now: float) -> int:
        """See Pace."""
        return 1 << 20

    def wait(self, now: float) -> float:
        """See Pace."""
        return 0.0

    def sent(self, size: int, now: float) -> str:
        """See Pace."""
        return ""

    def answered(self, now: float) -> None:
        """See Pace."""

    @property
    def owed(self) -> int:
        """See Pace."""
        return 0

    @property
    def patience(self) -> float:
        """See Pace."""
        return 0.0


class SpeedPace(Unpaced):
    """A line of a known speed: never more on its way than a chunk and the little that hides our own delays."""

    SHARE = 0.97
    """Of the speed: the rest is for clocks that differ and for what the other side echoes."""

    def __init__(self, bits_per_second: int) -> None:
        self._rate = bits_per_second / BITS * self.SHARE
        self._free_at = 0.0
        """When the line will have sent what it was given."""

    @property
    def _chunk(self) -> int:
        return max(1, int(self._rate * CHUNK))

    def room(self, now: float) -> int:
        """See Pace."""
        return self._chunk if self.wait(now) <= 0 else 0

    def wait(self, now: float) -> float:
        """See Pace."""
        return max(0.0, self._free_at - now - CHUNK / 4)

    def sent(self, size: int, now: float) -> str:
        """See Pace."""
        self._free_at = max(self._free_at, now) + size / self._rate
        return ""


class AnswerPace:
    """A line of unknown speed: a query behind each chunk; its answer says that the terminal has come so far.

    The window grows while answers come about as fast as ever, and shrinks when they come late: then it is our own
    bytes that they wait for. A terminal that never answers is not asked again.

    Args:
        first: bytes on their way before anything is known; 96 are 0.1 s at 9600 bits a second.
    """

    LEAST, MOST = 48, 1 << 15
    LATE = 0.12
    """Seconds of queueing that are wanted: enough to keep the line busy, too little to be felt."""
    TOO_FAST = 0.8
    """Share of the best time in which no answer comes back."""
    PATIENCE = 3.0
    """Seconds without an answer after which it is not waited for any more."""
    INTRODUCTION = 1.0
    """The same for the first one: until it comes, the screen is mostly empty."""

    def __init__(self, first: int = 96) -> None:
        self._window = float(first)
        self._flying: deque[tuple[int, float]] = deque()
        self._best = float("inf")
        self._ghosts = 0
        """Answers that may still come to queries that were given up."""
        self._full = False
        self.lost = False
        """Whether the terminal turned out not to answer."""

    @property
    def owed(self) -> int:
        """See Pace."""
        return 0 if self._best == float("inf") else len(self._flying)

    @property
    def patience(self) -> float:
        """See Pace."""
        return self.INTRODUCTION if self._best == float("inf") else self.PATIENCE

    @property
    def _under_way(self) -> int:
        return sum(size for size, _ in self._flying)

    def room(self, now: float) -> int:
        """See Pace."""
        if self.lost:
            return 1 << 20
        if self._flying and now - self._flying[0][1] >= self.patience:
            # An answer got lost on the way; a terminal that has never given one will not.
            self._ghosts = len(self._flying)
            self._flying.clear()
            self.lost = self._best == float("inf")
        left = int(self._window) - self._under_way
        self._full = left < self.LEAST
        # Each chunk has a query behind it: a few of them in a window, not many.
        return 0 if self._full else min(left, max(self.LEAST, int(self._window / 4)))

    def wait(self, now: float) -> float:
        """See Pace."""
        return max(0.0, self._flying[0][1] + self.patience - now) if self._flying else 0.0

    def sent(self, size: int, now: float) -> str:
        """See Pace."""
        if self.lost:
            return ""
        self._flying.append((size + len(QUERY), now))
        return QUERY

    def answered(self, now: float) -> None:
        """See Pace."""
        if not self._flying:
            return
        took = now - self._flying[0][1]
        if self._ghosts and took < self._best * self.TOO_FAST:
            # To a query that was given up: the link had only stood still.
            self._ghosts -= 1
            return
        size, _ = self._flying.popleft()
        self._best = min(self._best, took)
        if took > self._best + self.LATE:
            if self._window <= self.LEAST:
                # Another way to the terminal may be a longer one: what was once the best is not so for ever.
                self._best *= 1.05
            self._window = max(float(self.LEAST), self._window * 0.75)
        elif self._full or size > self._window / 4:
            self._window = min(float(self.MOST), self._window + size)
