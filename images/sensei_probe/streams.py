"""Streams that are measured and hashed on their way, and the pipe to the container of PostgreSQL's own programs."""

from __future__ import annotations

import hashlib
import os
import select
import sys
import time
from pathlib import Path

from sensei_probe.settings import Failure
from sensei_probe.web import Readable

BLOCK = 1 << 20
SAYS_EVERY = 10.0
"""Seconds between lines of progress."""
_STATUS_WAIT = 60.0
"""Seconds that the other container may take to write its status once its end of the pipe is closed."""
_LOOK = 0.5


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


class Pipe:
    """`WORK_DIR/database`, through which the other container's program writes or reads."""

    def __init__(self, directory: Path) -> None:
        self._fifo = directory / "database"
        self._status = directory / "database.status"
        self._failed = directory / "failed"
        self._status.unlink(missing_ok=True)
        self._fifo.unlink(missing_ok=True)
        # It is there only when it is whole: the other side waits for it.
        new = directory / "database.new"
        new.unlink(missing_ok=True)
        os.mkfifo(new)
        new.rename(self._fifo)

    def reading(self) -> Readable:
        """What the other side writes. Raises Failure where it ends before it began."""
        line = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK)
        poll = select.poll()
        poll.register(line, select.POLLIN)
        try:
            while not poll.poll(_LOOK * 1000):
                self._given_up()
        except Failure:
            os.close(line)
            raise
        os.set_blocking(line, True)
        return os.fdopen(line, "rb", buffering=0)

    def writing(self) -> int:
        """A file descriptor of what the other side reads. Raises Failure where it ends before it began."""
        while True:
            try:
                line = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                self._given_up()
                time.sleep(_LOOK)
            else:
                os.set_blocking(line, True)
                return line

    def _given_up(self) -> None:
        if self._status.exists():
            raise Failure(
                f"the database's program ended before it began, with status {self._status.read_text().strip()}"
            )

    def finished(self, what: str, limit: float = _STATUS_WAIT) -> None:
        """Wait for the other side's exit status (limit 0: as long as it takes). Raises Failure if it is not 0."""
        deadline = time.monotonic() + limit
        while not self._status.exists():
            if limit and time.monotonic() > deadline:
                raise Failure(f"{what} did not say how it ended. See the log of the container database")
            time.sleep(_LOOK)
        status = self._status.read_text().strip()
        if status != "0":
            raise Failure(f"{what} failed with status {status}. See the log of the container database")

    def give_up(self) -> None:
        """Tell the other side that nobody reads or writes."""
        self._failed.touch()
