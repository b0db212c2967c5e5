"""What a program sends for what an operator does, and how long the operator waits to see it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.terminal.line import Line, NotSeen, shows
from tests.terminal.play import FILLED, Play

LIMIT = 30.0
"""Seconds that anything is waited for; longer is told as `> 30 s`."""
FAST = 115_200
SLOW = 9_600
CHURN = 100
"""Cell changes a second, with a third as many log lines and a fifth as many moves of the progress bar."""
LED_IN = 5.0
"""Seconds of churn before the first key: what a program owes the line has piled up by then."""
CONSOLES = ("stock", "ours")
"""Variants that have the Deploy screen too."""
TITLES = ("API", "Orchestration", "Pattern Library", "Orchestration", "API", "Dashboard")
KEYS = [(key, f">   {title}") for key, title in zip("jjjkkk", TITLES, strict=True)]
"""Keys on Health, and what has the cursor's mark then."""
DEPLOY_KEYS = [(key, f"> Deployment/sensei-{name}") for key, name in zip("jkjk", ("amani", "kora") * 2, strict=True)]


@dataclass(frozen=True)
class Lag:
    """Seconds from a key to its effect on the screen; infinite where it did not come within LIMIT."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure that is held against a goal."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        if math.isinf(self.median):
            return f"> {LIMIT:.0f} s"
        if len(self.seconds) == 1:
            return f"{self.median:.2f}"
        worst = max(self.seconds)
        return (
            f"{self.median:.2f} ({min(self.seconds):.2f}-{f'> {LIMIT:.0f}' if math.isinf(worst) else f'{worst:.2f}'})"
        )


def sizes(variant: str) -> dict[str, float]:
    """Bytes of each deed on a line of 115200 bits per second whose speed the tty tells."""
    with Play(variant, rate=FAST, speed=FAST) as play:
        line = play.line
        line.until(FILLED, LIMIT)

        def cost(seen: str, act: Callable[[], object]) -> int:
            line.mark()
            act()
            line.until(shows(*seen.split(" & ")), LIMIT)
            return line.settle(1.0, LIMIT)

        found: dict[str, float] = {"first paint": line.settle(1.0, LIMIT)}
        found["cursor on Health, its detail with it"] = cost(">   API & -api-7c9d-1", lambda: line.press("j"))
        found["changed cell"] = cost("Workers          0/2", lambda: play.do("cell"))
        cost("api-0040 & Esc back", lambda: play.do("pager"))
        logged = [cost(f"-{number:04}", lambda: play.do("log")) for number in (41, 42, 43)]
        found["full-width log line"] = round(statistics.mean(logged))
        found["screen switch, log to Health"] = cost("DEGRADED & Esc home", lambda: line.press("escape"))
        cost("What to do next & quit", lambda: line.press("escape"))
        found["cursor move"] = cost("> 2 Preflight", lambda: line.press("j"))
        found["screen switch, Home to Health"] = cost("DEGRADED & Esc home", lambda: line.press("4"))
        found["idle 10 s"] = line.listen(10)
        if variant in CONSOLES:
            found["log line in its box on Deploy"] = _boxed(play, cost)
    return found


def _boxed(play: Play, cost: Callable[[str, Callable[[], object]], int]) -> int:
    cost("What to do next & quit", lambda: play.line.press("escape"))
    cost("Not ready yet & -0043", lambda: play.line.press("3"))
    return cost("-0044", lambda: play.do("log"))


def lags(variant: str, **line: Any) -> tuple[Lag, Lag, Lag, float]:
    """The first picture from its first byte on; a key, idle; a key under CHURN; the loop's gap in CHURN, all in seconds.

    `line` as Line takes it.
    """
    with Play(variant, **line) as play:
        play.line.until(lambda now: now.bytes_since_mark > 0, LIMIT)
        first = Lag((play.line.until(FILLED, 2 * LIMIT),))
        play.line.settle(1.0, 2 * LIMIT)
        idle = _keys(play.line, KEYS, lambda: play.line.settle(0.7, LIMIT))
        play.do("forget")
        play.do("churn", CHURN, 600)
        play.line.listen(LED_IN)
        return first, idle, _keys(play.line, KEYS, lambda: play.line.listen(0.9)), play.gap()


def deploy_lag(variant: str, **line: Any) -> Lag:
    """Under CHURN on Deploy, where each log line scrolls its box and each step of progress moves the bar."""
    with Play(variant, env={"SENSEI_STAGE_SCREEN": "deploy"}, **line) as play:
        play.line.until(shows("> Deployment/sensei-kora", "-0040"), 2 * LIMIT)
        play.line.settle(1.0, 2 * LIMIT)
        play.do("churn", CHURN, 600)
        play.line.listen(LED_IN)
        return _keys(play.line, DEPLOY_KEYS, lambda: play.line.listen(0.9))


def _keys(line: Line, keys: Sequence[tuple[str, str]], rest: Callable[[], object]) -> Lag:
    """Press the keys one after the other, until all are measured or LIMIT is spent."""
    found: list[float] = []
    for key, seen in keys:
        with suppress(NotSeen):
            rest()
        line.press(key)
        try:
            found.append(line.until(seen, LIMIT))
        except NotSeen:
            found.append(math.inf)
        if sum(found) > LIMIT:
            break
    return Lag(tuple(found))


@dataclass(frozen=True)
class Stillness:
    """Seconds the loop stood still while the line did; seconds from the next key to its effect; bytes that came meanwhile."""

    gap: float
    after: float
    came: int


def stillness(variant: str, stop: Callable[[Line], object], go: Callable[[Line], object], seconds: float) -> Stillness:
    """A line that stands still for so many seconds under CHURN, at 115200 bits per second."""
    with Play(variant, rate=FAST, speed=FAST) as play:
        line = play.line
        line.until(FILLED, LIMIT)
        play.do("churn", CHURN, 600)
        line.listen(1.0)
        play.do("forget")
        stop(line)
        line.listen(0.5)  # what is on its way arrives
        came = line.listen(seconds)
        gap = play.gap()
        go(line)
        line.press("j")
        try:
            after = line.until(">   API", LIMIT)
        except NotSeen:
            after = math.inf
        return Stillness(gap, after, came)
