"""Memory does not grow with a blob, and small pieces cost little."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.registry.real import Real


def test_a_large_blob_costs_little_memory_and_cpu(real: Real) -> None:
    """In a process of its own: peak memory is a process's. 300 MiB are five chunks of 64 KiB pieces."""
    command = [sys.executable, "-m", "tests.registry.measure", "300", str(real.port)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    assert told["grown_MiB"] < 24, told
    # 0.2 s and 0.7 s are usual (the download is hashed); a hundred times as many system calls would be seen.
    assert told["upload_cpu_s"] < 1.5, told
    assert told["download_cpu_s"] < 3, told
