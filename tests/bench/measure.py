"""Wall and CPU seconds of ours and of a reference, taken in alternation, as one line of a Markdown table."""

from __future__ import annotations

import ctypes
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_SET_CHILD_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of linux/prctl.h."""


@dataclass(frozen=True)
class Cost:
    """What one measured piece of work took, in seconds."""

    wall: float
    cpu: float
    """User and system time of the processes it started; zero if it is not known."""


Work = Callable[[], Cost]


class Stopwatch:
    """Filled when its block ends: `wall` up to `stop` (or the end), `cpu` of all children waited for in the block."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._stopped = 0.0
        self.cost = Cost(0, 0)

    def stop(self) -> None:
        """The wall time ends here."""
        self._stopped = time.perf_counter()

    def seconds(self) -> float:
        """Wall time so far, or up to `stop`."""
        return (self._stopped or time.perf_counter()) - self._start


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measure a block."""
    before, watch = _children(), Stopwatch()
    yield watch
    watch.cost = Cost(watch.seconds(), _children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def adopt_orphans() -> None:
    """Become the parent of detached descendants, so that their CPU time can be asked for when they end."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def alternated(ours: Work, theirs: Work, count: int) -> tuple[list[Cost], list[Cost]]:
    """Each `count` times, after one of each that does not count; who goes first changes every time."""
    both: tuple[list[Cost], list[Cost]] = [], []
    for turn in range(-1, count):
        for side in (0, 1) if turn % 2 else (1, 0):
            cost = (ours, theirs)[side]()
            if turn >= 0:
                both[side].append(cost)
    return both


@dataclass(frozen=True)
class Ratio:
    """One line of the table."""

    what: str
    reference: str
    goal: float | None
    """Times the reference at most; None: reported only."""
    ours: list[Cost]
    theirs: list[Cost]

    @property
    def wall(self) -> float:
        """Median wall time of ours over that of the reference."""
        return _median(self.ours, "wall") / _median(self.theirs, "wall")

    @property
    def met(self) -> bool:
        """Whether the ratio is within its goal."""
        return self.goal is None or self.wall <= self.goal

    def row(self) -> str:
        """As Markdown."""
        goal = ["-", "-"] if self.goal is None else [f"{self.goal:g}x", "yes" if self.met else "no"]
        cells = [self.what, _shown(self.ours), self.reference, _shown(self.theirs), f"{self.wall:.2f}x", self._cpu()]
        return f"| {' | '.join([*cells, *goal])} |"

    def _cpu(self) -> str:
        mine, other = _median(self.ours, "cpu"), _median(self.theirs, "cpu")
        return f"{mine / other:.2f}x" if mine and other else "-"


HEAD = """\
| what | wall (range), CPU | reference | wall (range), CPU | wall ratio | CPU ratio | goal | met |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def _median(costs: list[Cost], name: str) -> float:
    return statistics.median(cost.wall if name == "wall" else cost.cpu for cost in costs)


def _shown(costs: list[Cost]) -> str:
    walls, cpu = [cost.wall for cost in costs], _median(costs, "cpu")
    used = f"CPU {cpu:.3f} s" if cpu else "CPU not told apart"
    return f"{statistics.median(walls):.3f} s ({min(walls):.3f}-{max(walls):.3f}), {used}"
