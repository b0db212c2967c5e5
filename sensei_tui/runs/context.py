"""What a step is and what it may use while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import one_line
from sensei_tui.health.model import NotReady
from sensei_tui.runs.journal import JournalWriter
from sensei_tui.runs.model import PlannedStep


class StepStopped(SenseiError):
    """The step ended early because it was told to: cancel, retry, or a lock that was lost."""

    code = "stopped"


class StopSignal:
    """Tells the running step, from any thread, that it is to end at the next safe point."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def set(self) -> None:
        """Stop. Callbacks run in this thread, once."""
        with self._lock:
            first = not self.event.is_set()
            self.event.set()
            callbacks = list(self._callbacks) if first else []
        for callback in callbacks:
            callback()

    def clear(self) -> None:
        """Ready for the next step."""
        self.event.clear()

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call this on stop, also if stop was said already."""
        with self._lock:
            self._callbacks.append(callback)
            stopped = self.event.is_set()
        try:
            if stopped:
                callback()
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)


class StepContext:
    """One step's way to the journal, and its ear for stop. Everything it writes passes the redactor."""

    def __init__(
        self, step: str, journal: JournalWriter, stop: StopSignal, held: ExitStack,
        abort: Callable[[SenseiError], None],
    ) -> None:  # fmt: skip
        self.step = step
        self.journal = journal
        self.stop = stop
        self.held = held
        self.abort = abort
        """Stop the whole run with this error, at the next safe point. Any thread."""
        self._waiting: tuple[NotReady, ...] = ()

    @property
    def cancelled(self) -> threading.Event:
        """Set when the step is to end early."""
        return self.stop.event

    def log(self, source: str, text: str, object: str = "") -> None:
        """One line for people. Any thread."""
        extra = {"object": object} if object else {}
        self.journal.write("log", self.step, source=source, text=one_line(text), **extra)

    def progress(self, done: float, total: float, unit: str = "", text: str = "") -> None:
        """How far the step is."""
        self.journal.write("step.progress", self.step, done=done, total=total, unit=unit, text=text)

    def waiting(self, objects: tuple[NotReady, ...]) -> None:
        """What it waits for and why; written only when it changed."""
        if objects != self._waiting:
            self._waiting = objects
            self.journal.write("waiting", self.step, objects=objects)

    def check(self) -> None:
        """A safe point. Raises StepStopped when the step is to end."""
        if self.cancelled.is_set():
            raise StepStopped("The step was stopped.")

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the step is to end. Raises StepStopped."""
        self.cancelled.wait(seconds)
        self.check()

    def hold(self, resource: AbstractContextManager[object]) -> None:
        """Keep this until the run ends."""
        self.held.enter_context(resource)


class Step(Protocol):
    """One step of a run. Both methods may take long and must look at the context for stop."""

    @property
    def spec(self) -> PlannedStep:
        """As it was planned."""

    def is_done(self, context: StepContext) -> bool:
        """Whether the world shows its effect. Asked only when it ended well before with the same inputs."""

    def do(self, context: StepContext) -> str:
        """Do it. Returns what was done in a few words. Raises SenseiError."""
