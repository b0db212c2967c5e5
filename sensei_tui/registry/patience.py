"""How often something is tried again, and the waits between."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sensei_tui.registry.errors import RegistryError


@dataclass(frozen=True, slots=True)
class Patience:
    """The waits double from `first` to `longest` seconds: 15.5 s in all, enough for a registry to start again."""

    attempts: int = 6
    """Tries without any progress between them."""
    first: float = 0.5
    longest: float = 8.0
    asked: float = 60.0
    """Seconds up to which a registry's own wish (Retry-After) is followed."""


class Tries:
    """Counts the failures of one undertaking."""

    def __init__(self, patience: Patience, closed: threading.Event) -> None:
        self._patience = patience
        self._closed = closed
        self._failures = 0

    def failed(self, error: RegistryError) -> None:
        """Wait for the next try. Raises the error itself when there is none, or when we are closed meanwhile."""
        self._failures += 1
        if self._failures >= min(self._patience.attempts, error.tries):
            raise error
        pause = min(self._patience.longest, self._patience.first * 2 ** (self._failures - 1))
        if self._closed.wait(max(pause, min(error.wait, self._patience.asked))):
            raise error

    def progressed(self) -> None:
        """Something was achieved: failures are counted anew."""
        self._failures = 0
