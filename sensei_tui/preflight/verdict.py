"""What a check says, and how checks are declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sensei_tui.preflight.facts import Facts, NotKnown
from sensei_tui.preflight.model import Finding, Status
from sensei_tui.preflight.thresholds import Floor

OTHERWISE = "Mend what the finding names, or waive the check with a reason."


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check; `Check.judge` adds who says so."""

    status: Status
    summary: str
    measured: str = ""
    threshold: str = ""
    remedy: str = ""
    detail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One question. `function` is pure: the same facts give the same verdict."""

    id: str
    area: str
    title: str
    source: str
    function: Callable[[Facts], Verdict]

    def judge(self, facts: Facts) -> Finding:
        """The finding. A fact that nobody knows makes it `unknown`, whatever the check would say."""
        try:
            verdict = self.function(facts)
        except NotKnown as error:
            verdict = Verdict(Status.UNKNOWN, f"not known: {error.unknown.why}", remedy=error.unknown.remedy)
        return Finding(
            id=self.id, area=self.area, title=self.title, status=verdict.status, summary=verdict.summary,
            measured=verdict.measured, threshold=verdict.threshold, source=self.source,
            remedy=verdict.remedy or OTHERWISE,
            detail=verdict.detail,
        )  # fmt: skip


Judge = Callable[[Facts], Verdict]


class Area:
    """A group of checks, in the order in which they are written."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.checks: list[Check] = []

    def check(self, id: str, title: str, source: str) -> Callable[[Judge], Judge]:
        """Declares a function as the check `id`."""

        def declare(function: Judge) -> Judge:
            self.checks.append(Check(id, self.title, title, source, function))
            return function

        return declare


def at_least(amount: float, floor: Floor) -> Status:
    """Fail, warn or pass."""
    if amount < floor.minimum:
        return Status.FAIL
    return Status.WARN if amount < floor.recommended else Status.PASS


def skipped(why: str) -> Verdict:
    """There is nothing to judge here."""
    return Verdict(Status.SKIPPED, why)
