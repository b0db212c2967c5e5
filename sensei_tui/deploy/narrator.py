"""Tells the journal what happens while a step runs: Helm's log, Warning events, pods that change.

Nothing is said twice, and no more than can be read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from sensei_tui.base import clock
from sensei_tui.base.text import one_line
from sensei_tui.cluster.snapshot import Event, Snapshot
from sensei_tui.health.board import assess
from sensei_tui.runs.context import StepContext

BURST = 200
"""Lines that may come at once."""
RATE = 20.0
"""Lines a second after that: what a person cannot read is no use, and a 9600-baud line shows 12."""
SKEW = 5.0
"""Seconds by which the cluster's clock may be behind ours."""
REMEMBERED = 2000
"""Lines that are not said again."""


class Narrator:
    """Writes into the step that runs. Any thread."""

    def __init__(self) -> None:
        self._context: StepContext | None = None
        self._said: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._pods: dict[str, str] = {}
        self._since = clock.now()
        self._budget, self._refilled, self._dropped = float(BURST), clock.monotonic(), 0
        self._lock = threading.Lock()

    def attach(self, context: StepContext | None) -> None:
        """From now on into this step."""
        with self._lock:
            self._context = context

    def say(self, source: str, text: str, object: str = "") -> None:
        """One line, unless it was said before or too much is being said."""
        with self._lock:
            context, line = self._context, (source, one_line(text), object)
            if context is None or line in self._said:
                return
            self._said[line] = None
            if len(self._said) > REMEMBERED:
                self._said.popitem(last=False)
            left_out = self._admit()
        if left_out is None:
            return
        if left_out:
            context.log("runner", f"{left_out} log lines left out: more came than can be read")
        context.log(*line)

    def _admit(self) -> int | None:
        """None: leave this line out. Else how many were left out before it."""
        now = clock.monotonic()
        self._budget = min(float(BURST), self._budget + (now - self._refilled) * RATE)
        self._refilled = now
        if self._budget < 1:
            self._dropped += 1
            return None
        self._budget -= 1
        dropped, self._dropped = self._dropped, 0
        return dropped

    def see(self, snapshot: Snapshot) -> None:
        """What is new in the cluster's picture."""
        for event in snapshot.events.values():
            if event.type == "Warning" and self._recent(event):
                name = f"{event.involved_object.kind}/{event.involved_object.name}"
                self.say("event", f"{event.involved_object.name}: {event.reason}: {event.message or ''}", name)
        for pod in assess(snapshot).pods:
            now = f"{pod.status} {pod.ready}"
            if self._pods.get(pod.name) != now:
                self._pods[pod.name] = now
                why = f": {pod.why.sentence}" if pod.why else ""
                self.say("pod", f"{pod.name} {now}{why}", f"Pod/{pod.name}")

    def _recent(self, event: Event) -> bool:
        """Since this run began, by the cluster's clock; an event whose time cannot be told counts."""
        try:
            return clock.parse(event.when).timestamp() >= self._since.timestamp() - SKEW
        except ValueError:
            return True
