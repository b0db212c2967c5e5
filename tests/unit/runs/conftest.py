from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.runs.registry import directories


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Path]:
    """A site's directory; runners left behind by a failed test are ended."""
    yield tmp_path
    for directory in directories(tmp_path / ".sensei" / "runs"):
        runner = directory.runner
        if runner and runner.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(runner.pid, signal.SIGKILL)
