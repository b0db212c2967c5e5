"""The demonstration: one site's health and run, fixed, and changed by commands, so that bytes repeat exactly.

Every toolkit that is measured draws from a Feed. A change is made in a thread of the feed and announced by its topic,
as the sources of the real console do it.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from sensei_tui.base import clock
from sensei_tui.health.model import Health
from sensei_tui.runs.model import Event
from sensei_tui.runs.view import RunView, reduce
from sensei_tui.screens.session import Topic
from tests.screens.pictures import health, run

CONTROL = "SENSEI_STAGE_CONTROL"
"""Environment variable: the descriptor commands come from, a line each, and are answered on."""
LOG_AT_START = 40
"""Lines of the log before the first command: more than a screen."""
STEP = "wait:sensei"
COUNTED = 7
"""Index of the component that the command `cell` counts on: Workers, the last that 24 lines show."""


class Gap:
    """The longest time between two ticks of a loop that ticks every 20 ms."""

    EVERY = 0.02

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Measure from here."""
        self._last, self._worst = time.monotonic(), 0.0

    def tick(self) -> None:
        """The loop is alive."""
        now = time.monotonic()
        self._last, self._worst = now, max(self._worst, now - self._last)

    @property
    def worst(self) -> float:
        """Seconds; a gap that lasts counts as far as it has come."""
        return max(self._worst, time.monotonic() - self._last)


class Feed:
    """What is shown, and the commands that change it.

    `cell` counts one component's ready replicas (one digit on Health); `log` adds a line to the run's log; `progress`
    moves its bar; `churn RATE SECONDS` makes so many cell changes a second, with a third as many log lines and a fifth as
    many steps of progress; `still` ends that; `forget` and `gap` measure the loop. `more` adds the toolkit's own.
    """

    def __init__(self, changed: Callable[[Topic], None], more: Mapping[str, Callable[[], None]] | None = None) -> None:
        self._changed, self.more = changed, dict(more or {})
        self.gap = Gap()
        board, view = health("trouble"), run("trouble")
        assert board is not None
        assert view is not None
        self.health: Health = board
        self.run: RunView = view
        self._lock = threading.Lock()
        self._still = threading.Event()
        self._logged = 0
        for _ in range(LOG_AT_START):
            self._log()

    def serve(self) -> None:
        """Obey the commands of whoever started this program; nothing to do where nobody commands."""
        if CONTROL in os.environ:
            threading.Thread(target=self._serve, args=(int(os.environ[CONTROL]),), daemon=True).start()

    def _serve(self, fd: int) -> None:
        with socket.socket(fileno=fd) as peer, peer.makefile("rw", newline="\n") as lines:
            for row in lines:
                lines.write(f"{self.obey(row.split())}\n")
                lines.flush()

    def obey(self, words: list[str]) -> str:
        """Do what a command says; its answer."""
        known: dict[str, Callable[..., str | None]] = {
            "cell": self.cell, "log": self.log, "progress": self.progress, "churn": self.churn, "still": self._still.set,
            "forget": self.gap.forget, "gap": lambda: f"{self.gap.worst:.4f}", **self.more,
        }  # fmt: skip
        return known[words[0]](*map(float, words[1:])) or "ok"

    def cell(self, number: float = COUNTED) -> None:
        """One component has another number of ready replicas."""
        index = int(number) % len(self.health.components)
        with self._lock:
            rows = list(self.health.components)
            rows[index] = msgspec.structs.replace(rows[index], ready=(rows[index].ready + 1) % 3)
            self.health = msgspec.structs.replace(self.health, components=tuple(rows))
        self._changed(Topic.CLUSTER)

    def log(self) -> None:
        """One line more."""
        self._log()
        self._changed(Topic.RUN)

    def _log(self) -> None:
        with self._lock:
            self._logged += 1
            name = ("api", "maba", "kora", "amani")[self._logged % 4]
            self._take("log", {"source": "pod", "text": f"pulled sensei-{name}-{self._logged:04} in 4s"})

    def progress(self) -> None:
        """The bar moves by a hundredth of its step."""
        with self._lock:
            at = next(step.progress for step in self.run.steps if step.id == STEP)
            self._take("step.progress", {"done": (round(at * 100) + 1) % 100, "total": 100})
        self._changed(Topic.RUN)

    def _take(self, type: str, data: dict[str, object]) -> None:
        last = self.run.log[-1].at
        at = clock.stamp(clock.parse(last) + timedelta(seconds=1)) if type == "log" else last
        self.run = reduce(self.run, [Event(seq=self.run.seq + 1, at=at, type=type, prev="", step=STEP, data=data)])

    def churn(self, rate: float, seconds: float) -> None:
        """Start it; it ends by itself or with `still`."""
        self._still.set()
        self._still = threading.Event()
        threading.Thread(target=self._churn, args=(rate, seconds, self._still), daemon=True).start()

    def _churn(self, rate: float, seconds: float, still: threading.Event) -> None:
        start = time.monotonic()
        for number in range(int(rate * seconds)):
            if still.wait(max(0.0, start + number / rate - time.monotonic())):
                return
            self.cell(number)
            if number % 3 == 0:
                self.log()
            if number % 5 == 0:
                self.progress()
