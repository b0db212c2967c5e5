"""What simulated containers have said: the last lines of the current and the previous one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

KEPT = 2000
"""Lines kept of each container."""
MESSAGE_LINES, MESSAGE_BYTES = 80, 2048
"""https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/."""


@dataclass
class ContainerLog:
    """The output of one container. Lines are (RFC 3339 time, text)."""

    id: str
    lines: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT))
    total: int = 0
    ended: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, stamp: str, text: str) -> None:
        """Add a line."""
        self.lines.append((stamp, text))
        self.total += 1
        self._wake()

    def end(self) -> None:
        """Nothing comes any more."""
        self.ended = True
        self._wake()

    def tail(self) -> str:
        """What a kubelet keeps of a failed container that wants its log for a termination message."""
        return "".join(f"{text}\n" for _, text in list(self.lines)[-MESSAGE_LINES:])[-MESSAGE_BYTES:]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self, seen: int) -> AsyncIterator[tuple[str, str]]:
        """The lines after the first `seen`, as they come, to the end of the container."""
        while True:
            changed, new = self._changed, self.total - seen
            for line in list(self.lines)[-new:] if new else ():
                yield line
            seen = self.total
            if self.ended:
                return
            await changed.wait()
