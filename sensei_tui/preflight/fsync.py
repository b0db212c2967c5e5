"""How long a disk takes to keep a write: what etcd and PostgreSQL wait for at every commit.

2300-byte appends, each followed by fdatasync, as in etcd's own recipe
(https://etcd.io/docs/v3.5/op-guide/hardware/#disks). Needs no fio.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from sensei_tui.base import clock
from sensei_tui.preflight.facts import Fsync, Unknown

BLOCK = bytes(2300)
RUNS, WRITES, SECONDS = 3, 500, 1.5
"""Each run ends at so many writes or so many seconds, whichever comes first."""
WARM_UP = 20
VOLATILE = ("tmpfs", "ramfs", "overlay")
"""File systems whose fdatasync says nothing about a disk."""


def measure(directory: Path, filesystem: str, writes: int = WRITES) -> Fsync | Unknown:
    """Measure in a nameless file in `directory`; nothing stays behind. Raises OSError."""
    if filesystem in VOLATILE:
        return Unknown(f"{directory} lies on {filesystem}, not on a disk", "Put the site on a disk and measure again.")
    with tempfile.TemporaryFile(dir=directory) as file:
        _run(file.fileno(), WARM_UP)
        runs = [sorted(_run(file.fileno(), writes)) for _ in range(RUNS)]
    return Fsync(
        p50=statistics.median(_share(run, 0.50) for run in runs),
        p99=statistics.median(_share(run, 0.99) for run in runs),
        worst=max(run[-1] for run in runs),
        writes=sum(len(run) for run in runs),
        runs=RUNS,
    )


def _run(handle: int, writes: int) -> list[float]:
    """Milliseconds of each fdatasync."""
    end, times = clock.monotonic() + SECONDS, []
    for _ in range(writes):
        os.write(handle, BLOCK)
        started = clock.monotonic()
        os.fdatasync(handle)
        finished = clock.monotonic()
        times.append((finished - started) * 1000)
        if finished > end:
            break
    return times


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
