"""The one error type every layer raises, and the exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of every `sensei` command."""

    OK = 0
    FINDING = 1
    """Something was found: a failed check, an invalid value, a missing image."""
    USAGE = 2
    """The command line or a file it names is wrong."""
    REMOTE = 3
    """The other side failed: cluster, registry, disk, or a run against them."""
    INTERNAL = 70
    """A defect of this program (EX_SOFTWARE of sysexits.h)."""
    INTERRUPTED = 130
    """Ctrl-C (128 + SIGINT)."""


class SenseiError(Exception):
    """What happened, where, why if known, and what to do about it.

    Subclasses set `code` (a stable kebab-case name that scripts can match) and `exit_code`.
    No part of the message may hold a secret: callers pass names, never values.
    """

    code = "error"
    exit_code = ExitCode.REMOTE

    def __init__(self, what: str, *, where: str = "", why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The message as an operator reads it, one labelled line for each part that is known."""
        parts = [("where", self.where), ("why", self.why), ("do", self.remedy)]
        return [self.what, *(f"  {label:<6} {text}" for label, text in parts if text)]

    def as_dict(self) -> dict[str, str]:
        """The form printed by `-o json` and written to journals."""
        named = {"what": self.what, "where": self.where, "why": self.why, "remedy": self.remedy}
        return {"code": self.code, **{key: text for key, text in named.items() if text}}


class UsageError(SenseiError):
    """The command line, or a file the operator wrote, is wrong."""

    code = "usage"
    exit_code = ExitCode.USAGE
