"""Findings and reports: what a preflight run says."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """Outcome of one check. `unknown` never passes."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    WAIVED = "waived"


WAIVABLE = (Status.FAIL, Status.UNKNOWN, Status.WARN)
"""What passes, or is not judged, needs no waiver."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    """Stable: `cap.cpu`, as in the check catalogue."""
    area: str
    """`Cluster API`, `Capacity`, `Storage`, `Access`, `This host`, `GPU`."""
    title: str
    """`CPU (total)`."""
    status: Status
    summary: str
    """One line: `96 cores (minimum 32, recommended 64)`."""
    measured: str = ""
    threshold: str = ""
    source: str = ""
    """Where the threshold comes from."""
    remedy: str = ""
    detail: tuple[str, ...] = ()
    """Evidence, one line each (per node, per verb)."""
    waiver: str = ""
    """Reason and who, when waived."""
    waived_status: str = ""
    """The status it would have without the waiver."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    """RFC 3339."""
    seconds: float
    target: str
    """The cluster it looked at."""
    values_digest: str
    findings: tuple[Finding, ...]

    def count(self, status: Status) -> int:
        """How many findings have this status."""
        return sum(finding.status is status for finding in self.findings)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """What stops an installation: failures and unknowns that nobody waived."""
        stop = (Status.FAIL, Status.UNKNOWN)
        return tuple(finding for finding in self.findings if finding.status in stop)
