"""Releases that a dead run left marked as being worked on, and how to free them.

Whoever calls this must know that no other run works on the release (the namespace's Lease).
"""

from __future__ import annotations

import msgspec

from sensei_tui.helm.engine import Engine, Revision

REPAIR_TIMEOUT = 300
"""Seconds for the uninstall or rollback that frees a release."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A stuck release."""

    release: str
    status: str
    """`pending-install`, `pending-upgrade` or `pending-rollback`."""
    revision: int
    good: int
    """The newest revision that was deployed; 0 if there is none."""

    @property
    def sentence(self) -> str:
        """What was found and what will be done about it."""
        found = f"revision {self.revision} of {self.release} is {self.status}: the run that worked on it is gone"
        cure = f"roll back to revision {self.good}" if self.good else "take the unfinished release away; volumes stay"
        return f"{found}; {cure}"


def diagnose(engine: Engine, release: str) -> Trouble | None:
    """Whether the newest revision is stuck. Raises HelmError if the engine cannot tell."""
    history = engine.history(release)
    if not history or not history[-1].status.startswith("pending-"):
        return None
    last = history[-1]
    return Trouble(release=release, status=last.status, revision=last.revision, good=_good(history))


def repair(engine: Engine, trouble: Trouble) -> str:
    """Free the release. Returns what was done. Raises HelmError."""
    if trouble.good:
        engine.rollback(trouble.release, trouble.good, timeout=REPAIR_TIMEOUT)
        return f"was {trouble.status}; rolled back to revision {trouble.good}"
    engine.uninstall(trouble.release, timeout=REPAIR_TIMEOUT)
    return f"was {trouble.status}; took the unfinished release away"


def _good(history: list[Revision]) -> int:
    usable = [item.revision for item in history if item.status in ("deployed", "superseded")]
    return max(usable, default=0)
