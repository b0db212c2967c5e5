"""Whether the Secrets that the values name are there, with the keys that pods will read. Pure functions."""

from __future__ import annotations

from sensei_tui.base.text import plural
from sensei_tui.preflight.checks_cluster import ACCESS
from sensei_tui.preflight.facts import Facts, SecretNeed, known
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.secret_needs import command
from sensei_tui.preflight.verdict import Verdict, skipped

SECRETS = ACCESS
"""Shown with the permissions."""


@ACCESS.check("secrets.named", "Secrets of yours", "the rendered charts: a pod does not start without them")
def secrets(facts: Facts) -> Verdict:
    """Every Secret that the values name is in the namespace, with every key that is read."""
    needs = known(facts.needs).secrets
    if not needs:
        return skipped("the values name no Secret of yours")
    there = known(facts.cluster.secrets)
    lacks = {need.name: sorted({*need.keys} - {*there.get(need.name, ())}) for need in needs}
    bad = [need for need in needs if lacks[need.name] or need.name not in there]
    if not bad:
        return Verdict(Status.PASS, f"{plural(len(needs), 'Secret')} there, with all keys", ", ".join(there))
    detail = tuple(_lacking(need, lacks[need.name], need.name in there) for need in bad)
    remedy = f"Make it, and the namespace where that is not there either: {command(facts.namespace, bad[0])}"
    if bad[0].name in there:
        remedy = f"Add the key: kubectl -n {facts.namespace} edit secret {bad[0].name}"
    return Verdict(Status.FAIL, "; ".join(detail), ", ".join(there) or "none", "all of them", remedy, detail)


def _lacking(need: SecretNeed, keys: list[str], there: bool) -> str:
    what = f"Secret {need.name} has no key {', '.join(keys)}" if there else f"there is no Secret {need.name}"
    return f"{what}: {need.named}" if need.named else what
