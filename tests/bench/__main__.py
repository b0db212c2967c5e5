"""`make bench`: ratios against a reference in the same run, printed as the table kept in docs/benchmarks.md.

Wall seconds of a shared machine are noisy; each figure is the median of interleaved pairs, with the spread beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.install import bare_install, rehearsed_install, simulated_site

from tests.e2e.console import Console

BARE_TEXTUAL = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("Sensei")
Bare().run()
"""


@dataclass
class Ratio:
    """One line of the table."""

    what: str
    reference: str
    goal: float
    ours: list[float]
    theirs: list[float]

    @property
    def value(self) -> float:
        """Median of ours over median of theirs."""
        return statistics.median(self.ours) / statistics.median(self.theirs)

    def row(self) -> str:
        """As Markdown."""
        mine, other = statistics.median(self.ours), statistics.median(self.theirs)
        spread = f"{min(self.ours):.3f}-{max(self.ours):.3f} s"
        verdict = "yes" if self.value <= self.goal else "no"
        return f"| {self.what} | {mine:.3f} s ({spread}) | {self.reference} | {other:.3f} s | {self.value:.2f}x | {self.goal}x | {verdict} |"


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def command(*arguments: str) -> Callable[[], object]:
    """A whole process, output thrown away."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def first_paint(*arguments: str, cwd: Path) -> Callable[[], object]:
    """From the start of the process until `Sensei` stands on an 80x24 screen."""
    env = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    env.pop("NO_COLOR", None)

    def paint() -> None:
        with Console([sys.executable, *arguments], env=env, cwd=cwd) as console:
            console.wait_for("Sensei", timeout=30)

    return paint


def pairs(ours: Callable[[], object], theirs: Callable[[], object], count: int) -> tuple[list[float], list[float]]:
    """Interleaved, after one of each that does not count."""
    ours(), theirs()
    measured = [(timed(ours), timed(theirs)) for _ in range(count)]
    return [mine for mine, _ in measured], [other for _, other in measured]


def main() -> int:
    """Measure and print. Exit 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        site = work / "paint"
        subprocess.run([sys.executable, "-m", "sensei_tui", "init", str(site)], check=True, capture_output=True)
        helping = pairs(command("-m", "sensei_tui", "--help"), command("-c", "pass"), 15)
        tui = first_paint("-m", "sensei_tui", "--site", str(site), "tui", cwd=work)
        painting = pairs(tui, first_paint("-c", BARE_TEXTUAL, cwd=work), 9)
        with simulated_site(work / "site") as simulated:
            installing = pairs(lambda: rehearsed_install(simulated), lambda: bare_install(simulated), 3)
    table = [
        Ratio("`sensei --help`", "`python -c pass`", 8, *helping),
        Ratio("first paint of the console", "a bare Textual app", 1.3, *painting),
        Ratio("a rehearsed install, both charts", "the bare Helm engine, same charts", 1.15, *installing),
    ]
    print("| what | median (spread) | reference | median | ratio | goal | met |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for ratio in table:
        print(ratio.row())
    return 0 if all(ratio.value <= ratio.goal for ratio in table) else 1


if __name__ == "__main__":
    sys.exit(main())
