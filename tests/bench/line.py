"""What the console costs on a slow line, beside Textual's own driver and the same screens in curses and urwid.

`python -m tests.bench.line [stock|curses|urwid|ours ...]` measures these alone. Bytes repeat exactly; seconds are those
of a machine with nothing else to do.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.bench.lag import CONSOLES, FAST, LIMIT, SLOW, Lag, deploy_lag, lags, sizes, stillness
from tests.terminal.line import Line, NotSeen

Value: TypeAlias = float | Lag
Deed: TypeAlias = Callable[[Line], object]
ORDER = ("stock", "curses", "urwid", "ours")
TITLES = {"stock": "Textual's driver", "curses": "curses", "urwid": "urwid", "ours": "ours"}
BYTES: dict[str, float | None] = {
    "first paint": 1400,
    "cursor move": 25,
    "cursor on Health, its detail with it": None,
    "changed cell": 15,
    "full-width log line": 60,
    "log line in its box on Deploy": None,
    "screen switch, Home to Health": 1500,
    "screen switch, log to Health": 1500,
    "idle 10 s": 0,
}
"""What is counted, and the most bytes it may cost; None: reported only."""
LINES: tuple[tuple[str, dict[str, Any], float | None, Sequence[str]], ...] = (
    ("9600, speed known", {"rate": SLOW, "speed": SLOW}, 0.3, ORDER),
    ("9600, by acknowledgements", {"rate": SLOW}, 0.9, ("ours",)),
    ("9600, by acknowledgements, 300 ms round trip", {"rate": SLOW, "round_trip": 0.3}, 1.5, ("ours",)),
    ("115200, speed known", {"rate": FAST, "speed": FAST}, 0.2, ORDER),
    ("115200, by acknowledgements", {"rate": FAST}, 0.2, ("ours",)),
    ("9600, speed unknown and no query answered", {"rate": SLOW, "answers": False}, None, ("ours",)),
)
"""What the line is, the options of Line, the seconds a key may take under churn, who is measured on it."""
GAP = 0.25
"""Seconds the loop may stand still: a key pressed then waits as long."""


def nothing(line: Line) -> None:
    """The line goes on moving."""


WAYS: tuple[tuple[str, Deed, Deed, float, float | None, float | None], ...] = (
    ("churn, line moving", nothing, nothing, 5, None, None),
    ("churn, Ctrl-S", lambda line: line.press("ctrl+s"), lambda line: line.press("ctrl+q"), 60, GAP, 0),
    ("churn, line standing still", Line.hold, Line.flow, 5, GAP, None),
)
"""What happens to the line, for how many seconds, and the most that the loop may stand still and bytes that may come."""


@dataclass
class Figure:
    """One line of the table."""

    what: str
    unit: str
    goal: float | None
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether ours is within the goal; what was not measured is not missed."""
        return self.goal is None or _number(self.values.get("ours", 0.0)) <= self.goal

    def row(self) -> str:
        """As Markdown."""
        cells = [self._cell(self.values.get(variant)) for variant in ORDER]
        goal = ["-", "-"] if self.goal is None else [f"{self.goal:g} {self.unit}", self._met()]
        return f"| {' | '.join([self.what, *cells, *goal])} |"

    def _met(self) -> str:
        return "-" if "ours" not in self.values else "yes" if self.met else "no"

    def _cell(self, value: Value | None) -> str:
        if value is None:
            return "-"
        if math.isinf(_number(value)):
            return f"> {LIMIT:.0f} s"
        return f"{value} s" if isinstance(value, Lag) else f"{value:,.0f} B" if self.unit == "B" else f"{value:.2f} s"


HEAD = f"| | {' | '.join(TITLES[name] for name in ORDER)} | goal | met |\n|{' --- |' * (len(ORDER) + 3)}"


def _number(value: Value) -> float:
    return value.median if isinstance(value, Lag) else value


def counted(variants: Iterable[str]) -> list[Figure]:
    """Bytes."""
    figures = {what: Figure(what, "B", goal) for what, goal in BYTES.items()}
    for variant in variants:
        for what, value in sizes(variant).items():
            figures[what].values[variant] = value
    return list(figures.values())


def waited(variants: Sequence[str]) -> list[Figure]:
    """Seconds from a key to its effect."""
    figures: list[Figure] = []
    for what, line, goal, measured in LINES:
        rows = (
            Figure(f"first picture: {what}", "s", None),
            Figure(f"key, idle: {what}", "s", None),
            Figure(f"key under churn: {what}", "s", goal),
            Figure(f"loop gap under churn: {what}", "s", GAP),
            Figure(f"key under churn, on Deploy: {what}", "s", goal),
        )
        for variant in (name for name in measured if name in variants):
            found: list[Value] = [*_lags(variant, line), *([_deploy(line, variant)] if variant in CONSOLES else [])]
            for figure, value in zip(rows, found, strict=False):
                figure.values[variant] = value
        figures += [figure for figure in rows if figure.values]
    return figures


def _lags(variant: str, line: dict[str, Any]) -> tuple[Lag, Lag, Lag, float]:
    try:
        return lags(variant, **line)
    except NotSeen:  # not even the first picture
        never = Lag((math.inf,))
        return never, never, never, math.inf


def _deploy(line: dict[str, Any], variant: str) -> Lag:
    try:
        return deploy_lag(variant, **line)
    except NotSeen:
        return Lag((math.inf,))


def stood(variants: Iterable[str]) -> list[Figure]:
    """What a line that stands still does to the loop; first one that moves, for comparison."""
    figures: list[Figure] = []
    for what, stop, go, seconds, gap, most in WAYS:
        rows = (
            Figure(f"{what}: loop gap", "s", gap),
            Figure(f"{what}: bytes in {seconds:.0f} s", "B", most),
            Figure(f"{what}: key after it", "s", None),
        )
        for variant in variants:
            # Textual's driver takes Ctrl-S as a key, and Ctrl-Q after it would end the console.
            found = stillness(variant, stop, nothing if variant == "stock" and most == 0 else go, seconds)
            for figure, value in zip(rows, (found.gap, float(found.came), found.after), strict=True):
                figure.values[variant] = value
        figures += rows
    return figures


def measure(variants: Sequence[str] = ORDER) -> tuple[list[str], bool]:
    """The table, and whether all goals are met."""
    figures = [*counted(variants), *waited(variants), *stood(variants)]
    return [HEAD, *(figure.row() for figure in figures)], all(figure.met for figure in figures)


if __name__ == "__main__":
    table, met = measure([name for name in ORDER if name in sys.argv[1:]] or ORDER)
    print("\n".join(table))
    sys.exit(0 if met else 1)
