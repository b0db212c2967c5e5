"""What a gigabyte in small pieces costs: `python -m tests.registry.measure [MiB]` (docker-registry on this host).

`... MiB PORT` sends to one that runs already. Prints seconds, CPU seconds of this side and the growth of its memory.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sensei_tui.registry.client import Registry
from sensei_tui.registry.reference import Place
from tests.registry.blobs import Sample
from tests.registry.real import Real, started


def main(mebibytes: int, port: int) -> dict[str, float]:
    """Upload and download of one blob; peak memory in MiB above what it was before."""
    sample = Sample(mebibytes << 20)
    # The reader's own cost: hashing and copying are not the client's.
    digest, reading = sample.digest, _cpu(lambda: [None for _ in sample.read(0)])
    with Registry(Place.parse(f"127.0.0.1:{port}"), plain=True) as registry:
        before, began = _peak(), time.monotonic()
        sending = _cpu(lambda: registry.upload("bench/a", digest, sample.size, sample.read))
        sent = time.monotonic()
        receiving = _cpu(lambda: [None for _ in registry.blob("bench/a", digest)])
    return {
        "MiB": mebibytes, "upload_s": sent - began, "upload_cpu_s": sending - reading,
        "download_s": time.monotonic() - sent, "download_cpu_s": receiving, "grown_MiB": _peak() - before,
    }  # fmt: skip


def _cpu(action: Callable[[], object]) -> float:
    before = time.process_time()
    action()
    return time.process_time() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _told(mebibytes: int, port: int) -> None:
    print(json.dumps({key: round(value, 2) for key, value in main(mebibytes, port).items()}))


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    if len(sys.argv) > 2:
        _told(size, int(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as root, started(Real(Path(root))) as real:
            _told(size, real.port)
