"""Writing gigabytes to a disk: room that is kept for them, and a file that goes there while more is made for it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Final

from sensei_tui.base.errors import SenseiError, UsageError

EARLY: Final = 64 << 20
"""Bytes after which the kernel is told to write: what is left for the end then takes no second."""
AT_ONCE: Final = 4 << 20
"""Bytes that a disk gets at once."""
_BUFFERS: Final = 3
"""One is filled, one is written, and one waits: neither side stands still."""
_PAGE: Final = mmap.PAGESIZE
_VECTOR: Final = 32
"""Pieces in one call: the system takes 1,024 (IOV_MAX), and two for each block are written at once."""
_KEEP_SIZE: Final = 1
"""FALLOC_FL_KEEP_SIZE of linux/falloc.h: a file's size stays how far it is written."""
_BLOCK: Final = 512
"""Bytes in a unit of st_blocks, whatever the file system has."""

Progress = Callable[[int, int, str], None]
"""Bytes done, bytes in all, and what is being written."""
Piece = bytes | memoryview
Out = Callable[[Iterable[Piece]], None]
"""Writes pieces one after another, all of each. Raises OSError."""


class DiskFull(SenseiError):
    """There is no room for the bundle."""

    code = "disk-full"


class Busy(UsageError):
    """Somebody else writes, or wrote, the same file."""

    code = "busy"


def allocated(path: Path) -> int:
    """Bytes of the disk that a file has; 0 where it is not there."""
    try:
        return path.stat().st_blocks * _BLOCK
    except OSError:
        return 0


def free_at(directory: Path) -> int:
    """Bytes that are free there. Raises OSError."""
    stats = os.statvfs(directory)
    return stats.f_bavail * stats.f_frsize


def check_room(part: Path, needed: int) -> None:
    """Raises DiskFull where the directory of `part` has fewer free bytes than are needed, OSError."""
    free = free_at(part.parent)
    if free < needed:
        raise DiskFull(
            "There is not enough room for the bundle.", where=str(part.parent),
            why=f"{needed:,} bytes are needed, {free:,} are free", remedy="Make room, or name another --output.",
        )  # fmt: skip


def reserve(file: int, size: int) -> None:
    """Keep room for a file of `size` bytes where the file system can (FAT can't). Raises OSError where there is none.

    Into room that is kept, writing takes half of the CPU time (ext4).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    fallocate = getattr(libc, "fallocate64", None) or libc.fallocate
    fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if fallocate(file, _KEEP_SIZE, 0, size) and ctypes.get_errno() in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def into(file: int) -> Out:
    """To a descriptor, where it stands."""

    def write(pieces: Iterable[Piece]) -> None:
        left = [piece for piece in pieces if len(piece)]
        while left:
            # It may write less than it was given.
            done = os.writev(file, left[:_VECTOR])
            while left and done >= len(left[0]):
                done -= len(left.pop(0))
            if done:
                left[0] = memoryview(left[0])[done:]

    return write


class Output:
    """A large file, written from `start` on by a thread of its own; `start` bytes of it are there.

    Past the page cache where the file system can (O_DIRECT): that saves a third of the CPU time, what other programs
    have in memory stays there, and nothing is left to be written at the end. In any case the file is as long as what
    was written of it, in order.
    """

    def __init__(self, path: Path, start: int, total: int) -> None:
        """Raises Busy, and OSError, of room too: that for `total` bytes is kept."""
        self._file = _opened(path)
        self._writer = ThreadPoolExecutor(1)
        self._buffers = cycle([memoryview(mmap.mmap(-1, AT_ONCE)) for _ in range(_BUFFERS)])
        self._buffer = next(self._buffers)
        self._pending: list[Future[None]] = []
        self._failed: OSError | None = None
        self._at = start // _PAGE * _PAGE
        """Of the buffer's first byte, in the file."""
        self._held = start - self._at
        """Bytes in the buffer."""
        try:
            self._begin(path, start, total)
        except BaseException:
            self._end()
            raise

    def _begin(self, path: Path, start: int, total: int) -> None:
        # Of two that write the same file one would take the other's away; where nothing can be locked (NFS), so be it.
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("Another call writes this bundle.", where=str(path), remedy="Wait for it to end.") from None
        except OSError:
            pass
        if os.fstat(self._file).st_size < start:
            # The other one has ended since, and its file has another name.
            raise Busy("Another call wrote this bundle.", where=str(path), remedy="Run the same command again.")
        with path.open("rb") as file:
            file.seek(self._at)
            self._buffer[: self._held] = file.read(self._held)
        os.ftruncate(self._file, start)
        reserve(self._file, total)

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """To the disk with it; after a failure as much as can be, to go on from. Raises OSError."""
        try:
            self._finish()
        except OSError:
            if error is None:
                raise
        finally:
            self._end()

    def write(self, pieces: Iterable[Piece]) -> None:
        """See Out."""
        for piece in pieces:
            while len(piece) > (room := AT_ONCE - self._held):
                self._buffer[self._held :] = piece[:room]
                piece, self._held = piece[room:], AT_ONCE
                self._turn()
            self._buffer[self._held : self._held + len(piece)] = piece
            self._held += len(piece)

    def _turn(self) -> None:
        """On with the next buffer, once what it had is written."""
        self._pending.append(self._writer.submit(self._put, self._buffer[: self._held], self._at))
        self._at += self._held
        self._buffer, self._held = next(self._buffers), 0
        if len(self._pending) >= _BUFFERS:
            self._pending.pop(0).result()

    def _put(self, view: memoryview, at: int) -> None:
        """In the writer's thread. After a failure nothing is written any more: there would be a hole before it."""
        while view and not self._failed:
            try:
                done = os.pwrite(self._file, view, at)
            except OSError as error:
                # What is no whole number of its blocks, or a file system that can't after all.
                if error.errno == errno.EINVAL and _is_direct(self._file):
                    _not_direct(self._file)
                    continue
                self._failed = error
                break
            view, at = view[done:], at + done
        if self._failed:
            raise self._failed
        if at % EARLY < AT_ONCE and not _is_direct(self._file):
            # Begins to write what came last, and gives back the memory of what came before it.
            os.posix_fadvise(self._file, max(0, at - 2 * EARLY), 2 * EARLY, os.POSIX_FADV_DONTNEED)

    def _finish(self) -> None:
        whole = self._held // _PAGE * _PAGE
        pieces = ((self._buffer[:whole], self._at), (self._buffer[whole : self._held], self._at + whole))
        self._pending += [self._writer.submit(self._put, view, at) for view, at in pieces]
        for pending in self._pending:
            pending.result()
        os.fsync(self._file)

    def _end(self) -> None:
        self._writer.shutdown()
        os.close(self._file)


def _opened(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT
    with suppress(OSError):
        return os.open(path, flags | os.O_DIRECT, 0o644)
    return os.open(path, flags, 0o644)


def _is_direct(file: int) -> bool:
    return bool(fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DIRECT)


def _not_direct(file: int) -> None:
    fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) & ~os.O_DIRECT)
