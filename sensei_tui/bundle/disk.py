"""Writing gigabytes to a disk: room that is kept for them, and writing that begins before the end."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sensei_tui.base.errors import SenseiError

EARLY: Final = 64 << 20
"""Bytes after which the kernel is told to write: what is left for the end then takes no second."""
_KEEP_SIZE: Final = 1
"""FALLOC_FL_KEEP_SIZE of linux/falloc.h: a file's size stays how far it is written."""
_BLOCK: Final = 512
"""Bytes in a unit of st_blocks, whatever the file system has."""

Progress = Callable[[int, int, str], None]
"""Bytes done, bytes in all, and what is being written."""


class DiskFull(SenseiError):
    """There is no room for the bundle."""

    code = "disk-full"


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


def written_early(file: int, on_progress: Progress) -> Progress:
    """As `on_progress`; and what is done is written to the disk meanwhile, and leaves the memory to others."""
    last = 0

    def told(done: int, total: int, what: str) -> None:
        nonlocal last
        if done - last >= EARLY:
            # Begins to write what came last, and gives back the memory of what came before it.
            os.posix_fadvise(file, max(0, last - EARLY), done - last + EARLY, os.POSIX_FADV_DONTNEED)
            last = done
        on_progress(done, total, what)

    return told
