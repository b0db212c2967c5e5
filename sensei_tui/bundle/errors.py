"""What can be wrong with a bundle."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from sensei_tui.base.errors import ExitCode, SenseiError, UsageError
from sensei_tui.base.text import one_line

AGAIN: Final = "Copy it again from its source."


class NoBundle(UsageError):
    """The file is not there, or can't be read."""

    code = "no-bundle"


class BadBundle(SenseiError):
    """Damaged, hostile, or something else."""

    code = "bad-bundle"
    exit_code = ExitCode.FINDING


def unreadable(path: Path, error: OSError) -> NoBundle:
    """What the system says of a bundle's file, with what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "Look at the disk or medium; copy the bundle again from its source.")
    return NoBundle("The bundle can't be read.", where=str(path), why=cause(error), remedy=remedy)


def cause(error: BaseException) -> str:
    """What the system said, however deep libraries wrapped it (docker's, requests', urllib3's)."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return one_line(str(error))


_NAMED = "Name the bundle's file, its volumes, or the directory where it was unpacked."
_REMEDIES = {
    errno.ENOENT: _NAMED,
    errno.ENOTDIR: _NAMED,
    errno.EACCES: "Have its owner let you read it, or become somebody who may.",
}


def no_bundle(path: Path, why: str) -> BadBundle:
    """It is something else."""
    return BadBundle("The file is no bundle.", where=str(path), why=why, remedy=_NAMED)


def bad_index(where: str, why: str) -> BadBundle:
    """The list of what is in it."""
    return BadBundle("The bundle's index can't be read.", where=where, why=why, remedy=AGAIN)
