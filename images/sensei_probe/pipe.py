"""The pipe to the container of PostgreSQL's own programs, and how each of the two knows that the other lives."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sensei_probe.settings import Failure
from sensei_probe.web import Readable

_STATUS_WAIT = 60.0
"""Seconds that the other container may take to write its status once its end of the pipe is closed."""
LOST = 60.0
"""Seconds without a sign of the other container, after which it is dead."""
_LOOK = 0.5
_BEAT = 1.0


@contextlib.contextmanager
def beside(directory: Path) -> Iterator[None]:
    """Work that the other container waits for: `beat` shows that it goes on, `failed` lets the other go."""
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(directory / "beat", ended), daemon=True)
    beating.start()
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            (directory / "failed").touch()
        raise
    finally:
        ended.set()
        beating.join()


def _beat(path: Path, ended: threading.Event) -> None:
    new = path.with_name("probe.new")
    for number in itertools.count():
        with contextlib.suppress(OSError):
            # One that is killed in between must not leave an empty file: that would be no sign of a death.
            new.write_text(f"{number}\n")
            new.replace(path)
        if ended.wait(_BEAT):
            return


class _Pulse:
    """The other container's number that grows. Before it has begun, its image may take any time to come."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen, self._since = path, "", time.monotonic()

    def feel(self) -> None:
        """Raises Failure where it has stopped."""
        now = self._path.read_text() if self._path.exists() else ""
        if now != self._seen:
            self._seen, self._since = now, time.monotonic()
        elif now and time.monotonic() - self._since > LOST:
            raise Failure(
                "the container database has ended without saying how: it was killed, for its memory most likely."
                " See: kubectl describe pod. More memory: backup.resources"
            )


class Pipe:
    """`WORK_DIR/database`, through which the other container's program writes or reads."""

    def __init__(self, directory: Path) -> None:
        self._fifo = directory / "database"
        self._status = directory / "database.status"
        self._pulse = _Pulse(directory / "database.beat")
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
                self._waiting()
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
                self._waiting()
                time.sleep(_LOOK)
            else:
                os.set_blocking(line, True)
                return line

    def _waiting(self) -> None:
        if self._status.exists():
            raise Failure(
                f"the database's program ended before it began, with status {self._status.read_text().strip()}"
            )
        self._pulse.feel()

    def finished(self, what: str, limit: float = _STATUS_WAIT) -> None:
        """Wait for the other side's exit status (limit 0: as long as it lives). Raises Failure if it is not 0."""
        deadline = time.monotonic() + limit
        while not self._status.exists():
            if limit and time.monotonic() > deadline:
                raise Failure(f"{what} did not say how it ended. See the log of the container database")
            self._pulse.feel()
            time.sleep(_LOOK)
        status = self._status.read_text().strip()
        if status != "0":
            raise Failure(f"{what} failed with status {status}. See the log of the container database")
