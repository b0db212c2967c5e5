"""What can be wrong with a bundle."""

from __future__ import annotations

from sensei_tui.base.errors import ExitCode, SenseiError, UsageError


class NoBundle(UsageError):
    """The file is not there, or can't be read."""

    code = "no-bundle"


class BadBundle(SenseiError):
    """Damaged, hostile, or something else."""

    code = "bad-bundle"
    exit_code = ExitCode.FINDING
