"""`make bench`: ratios against a reference in the same run, printed as the table kept in docs/benchmarks.md.

Seconds of a shared machine are noisy: each figure is a median of alternated pairs, with the range beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import bundles, line
from tests.bench.crowd import measure
from tests.bench.install import Installs
from tests.bench.measure import HEAD, Cost, Ratio, Work, adopt_orphans, alternated, stopwatch
from tests.cluster import build
from tests.e2e.rehearsed import rehearsed
from tests.terminal.line import Line

STARTS, PAINTS, INSTALLS = 25, 15, 5
BUNDLE = 3_000_000_000
"""Bytes of the images of a bundle."""
PAINTED = "Sensei"
FILLED = "What to do next:"
BARE_TEXTUAL = f"""
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static({PAINTED!r})
Bare().run()
"""


def process(*arguments: str) -> Work:
    """A whole process, output thrown away."""

    def work() -> Cost:
        with stopwatch() as watch:
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        return watch.cost

    return work


def paint(command: Sequence[str], wanted: str, cwd: Path) -> Work:
    """From the start of the process until this text stands on an 80x24 pty; then the process is killed."""
    env = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    env.pop("NO_COLOR", None)

    def work() -> Cost:
        with stopwatch() as watch, Line([sys.executable, *command], env=env, cwd=cwd) as console:
            console.wait_for(wanted, timeout=60)
            watch.stop()
        return watch.cost

    return work


def starts() -> list[Ratio]:
    """The command line."""
    both = alternated(process("-m", "sensei_tui", "--help"), process("-c", "pass"), STARTS)
    return [Ratio("start of `sensei --help`", "`python -c pass`", 8, *both)]


def paints(work: Path) -> list[Ratio]:
    """The console, on a site whose simulated cluster runs."""
    bare = paint(["-c", BARE_TEXTUAL], PAINTED, work)
    with rehearsed(work / "paint") as found:
        root, tui = found.site.root, ["-m", "sensei_tui"]
        first = alternated(paint(tui, PAINTED, root), bare, PAINTS)
        filled = alternated(paint(tui, FILLED, root), bare, PAINTS)
    return [
        Ratio("first paint of Home", "first paint of a bare Textual app", 1.3, *first),
        Ratio("Home with its steps filled in", "first paint of a bare Textual app", None, *filled),
    ]


def installs() -> tuple[list[Ratio], str]:
    """Both charts, and where a run's seconds go."""
    found = Installs()
    ours, theirs = alternated(found.ours, found.theirs, INSTALLS)
    table = [
        Ratio("rehearsed `sensei install`, the whole run", "Helm alone, both charts", 1.15, ours, theirs),
        Ratio("its release and wait steps alone", "Helm alone, both charts", 1.15, found.steps(INSTALLS), theirs),
    ]
    return table, found.shares(ours)


def crowd() -> list[str]:
    """The health board with ten thousand pods, where a real API server can be built."""
    try:
        build.build("newest")
    except build.CannotBuild as error:
        return [f"Ten thousand pods were not measured: {error}"]
    with tempfile.TemporaryDirectory() as name:
        return measure(Path(name))


def main() -> int:
    """Measure and print. Exit 1 if a goal is missed."""
    adopt_orphans()
    with tempfile.TemporaryDirectory() as name:
        quick = [*starts(), *paints(Path(name))]
    installed, shares = installs()
    table = [*quick, *installed]
    print(HEAD)
    for ratio in table:
        print(ratio.row())
    print(f"\nSeconds of the run's steps: {shares}\n")
    print("\n".join(crowd()))
    slow, met = line.measure()
    print("", *slow, sep="\n")
    carried, told = bundles.measure(BUNDLE)
    print("", HEAD, *(ratio.row() for ratio in carried), "", *told, sep="\n")
    table += carried
    return 0 if met and all(ratio.met for ratio in table) else 1


if __name__ == "__main__":
    sys.exit(main())
