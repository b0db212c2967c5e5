"""Streams that are measured and hashed on their way."""

from __future__ import annotations

import hashlib
import sys
import time

from sensei_probe.web import Readable

BLOCK = 1 << 20
SAYS_EVERY = 10.0
"""Seconds between lines of progress."""


def say(text: str) -> None:
    """A line on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def amount(size: float) -> str:
    """`1.2 GB`: powers of ten, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


class Measured:
    """A stream that counts, hashes and tells how far it is."""

    def __init__(self, source: Readable, what: str, total: int = 0) -> None:
        self._source, self._what, self._total = source, what, total
        self._digest = hashlib.sha256()
        self._began = self._said = time.monotonic()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of what was read so far, hex."""
        return self._digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """See Readable."""
        block = self._source.read(size)
        self._digest.update(block)
        self.size += len(block)
        now = time.monotonic()
        if now - self._said >= SAYS_EVERY:
            self._said = now
            say(f"{self._what}: {progress(self.size, self._total, now - self._began)}")
        return block


def progress(done: int, total: int, seconds: float) -> str:
    """`1.2 GB of 3.0 GB, 85.0 MB/s, 21 s left`."""
    rate = done / seconds if seconds > 0 else 0.0
    of = f" of {amount(total)}" if total else ""
    left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
    return f"{amount(done)}{of}, {amount(rate)}/s{left}"
