"""Whether the volumes that the values name are there. Pure functions."""

from __future__ import annotations

from sensei_tui.base.text import plural
from sensei_tui.preflight.checks_cluster import STORAGE
from sensei_tui.preflight.facts import Facts, Named, known
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.verdict import Verdict, skipped

NAMED = STORAGE
"""Shown with the volumes."""
LOST = "Lost"
"""https://kubernetes.io/docs/concepts/storage/persistent-volumes/#phase: its volume is gone, and does not come back."""


@STORAGE.check("sc.claims", "Volumes of yours", "the rendered charts: a pod waits for a claim that is not there")
def claims(facts: Facts) -> Verdict:
    """Every claim that the values name is in the namespace, and its volume not lost."""
    needs = known(facts.needs).claims_named
    if not needs:
        return skipped("the values name no volume of yours")
    there = known(facts.cluster.claims)
    detail = tuple(_trouble(need, need.name in there) for need in needs if there.get(need.name, LOST) == LOST)
    shown = ", ".join(f"{need.name} {there[need.name]}" for need in needs if need.name in there) or "none"
    if not detail:
        return Verdict(Status.PASS, f"{plural(len(needs), 'claim')} there: {shown}", shown, "there, not lost")
    remedy = (
        f"Make it in namespace {facts.namespace} (kubectl -n {facts.namespace} get pvc lists those there), or name "
        "another; with an empty backup.volume.existingClaim the charts make one."
    )
    return Verdict(Status.FAIL, "; ".join(detail), shown, "there, not lost", remedy, detail)


def _trouble(need: Named, there: bool) -> str:
    what = f"the volume of claim {need.name} is lost" if there else f"there is no PersistentVolumeClaim {need.name}"
    return f"{what}: {need.where}" if need.where else what
