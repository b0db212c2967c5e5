"""What can be wrong with a bundle."""

from __future__ import annotations

import errno
from pathlib import Path

from sensei_tui.base.errors import ExitCode, SenseiError, UsageError


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
    return NoBundle("The bundle can't be read.", where=str(path), why=error.strerror or str(error), remedy=remedy)


_NAMED = "Name the bundle's file, its volumes, or the directory where it was unpacked."
_REMEDIES = {
    errno.ENOENT: _NAMED,
    errno.ENOTDIR: _NAMED,
    errno.EACCES: "Have its owner let you read it, or become somebody who may.",
}
