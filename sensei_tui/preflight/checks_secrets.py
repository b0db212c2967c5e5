"""Whether the Secrets that the values name are there, with keys and contents that pods can use. Pure functions."""

from __future__ import annotations

from sensei_tui.base.text import plural
from sensei_tui.preflight.checks_cluster import ACCESS
from sensei_tui.preflight.facts import Facts, SecretNeed, known
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.secret_needs import command
from sensei_tui.preflight.verdict import Verdict, skipped

SECRETS = ACCESS
"""Shown with the permissions."""
NONE = "the values name no Secret of yours"


def _judged(facts: Facts) -> tuple[SecretNeed, ...]:
    """Those that must be there, and of those that the site makes where they are not there the ones that are."""
    needs = known(facts.needs).secrets
    there = known(facts.cluster.secrets) if needs else {}
    return tuple(need for need in needs if not need.made or need.name in there)


@ACCESS.check("secrets.named", "Secrets of yours", "the rendered charts: a pod does not start without them")
def secrets(facts: Facts) -> Verdict:
    """Every Secret that the values name is in the namespace, with every key that is read."""
    needs = _judged(facts)
    if not needs:
        return skipped(NONE)
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


@ACCESS.check(
    "secrets.contents", "Contents of Secrets", "how the charts and the stores read each value; MinIO's minimums"
)
def contents(facts: Facts) -> Verdict:
    """Every value that a container reads is one that its store and the store's clients can use. Tells no value."""
    needs = _judged(facts)
    if not needs:
        return skipped(NONE)
    there = known(facts.cluster.secrets)
    read = [(need.name, key) for need in needs for key in need.variables if key in there.get(need.name, {})]
    if not read:
        return skipped("no container reads a key that is there")
    bad = [(name, key, there[name][key]) for name, key in read if there[name][key]]
    if not bad:
        return Verdict(Status.PASS, f"{plural(len(read), 'value')} can be used", plural(len(read), "value"))
    detail = tuple(f"key {key} of Secret {name} {' and '.join(mistakes)}" for name, key, mistakes in bad)
    names = " ".join(dict.fromkeys(name for name, *_ in bad))
    remedy = (
        f"Write the value anew: kubectl -n {facts.namespace} edit secret {names}; "
        r"a file's, without its newline: tr -d '\r\n' <FILE | base64 -w0"
    )
    measured = f"{len(bad)} of {plural(len(read), 'value')} cannot be used"
    return Verdict(Status.FAIL, "; ".join(detail), measured, "every value can be used", remedy, detail)


def _lacking(need: SecretNeed, keys: list[str], there: bool) -> str:
    what = f"Secret {need.name} has no key {', '.join(keys)}" if there else f"there is no Secret {need.name}"
    return f"{what}: {need.named}" if need.named else what
