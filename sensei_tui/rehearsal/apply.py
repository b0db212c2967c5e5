"""Server-side apply: merging what a manager wants, taking back what it no longer wants, refusing conflicts.

The rules are those of structured-merge-diff; fields that nobody owns (the simulated controllers do not say who they
are) survive in maps and lists, and go with a struct whose fields all go.
"""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal import fieldsv1, structure
from sensei_tui.rehearsal.errors import ApiError, cause
from sensei_tui.rehearsal.fieldsv1 import Path, Paths
from sensei_tui.rehearsal.objects import Object, clone, metadata
from sensei_tui.rehearsal.ownership import Ledger, Owner, scoped, scoped_comparison
from sensei_tui.rehearsal.structure import Place, children, element

_BEFORE = "before-first-apply"
"""Who owns the fields of an object that nobody kept account of until it was first applied."""


def server_side_apply(
    kind_name: str,
    live: Object | None,
    applied: Object,
    manager: str,
    force: bool,
    subresource: str = "",
    named: Object | None = None,
) -> Object:
    """The object after `manager` applied its configuration; `live` is None for a new one.

    `named` is the configuration as it was sent, which says what is owned: nulls and empty maps too.
    Raises ApiError 409 (fields that others own with other values, unless `force`), worded as by the real server.
    """
    place = structure.root(kind_name)
    before = live or {}
    ledger = _ledger(kind_name, place, live, subresource)
    owner = Owner(manager, "Apply", applied["apiVersion"], subresource)
    last = ledger.fields.get(owner, frozenset())
    ledger.own(owner, scoped(kind_name, subresource, fieldsv1.of(place, named or applied)))
    merged = _pruned(place, merge(place, clone(before), applied), last, ledger.owned)
    seen = scoped_comparison(kind_name, subresource, place, before, merged)
    if not force:
        _refuse_conflicts(ledger, owner, seen.changed)
    ledger.release(seen.changed | seen.removed, but=owner)
    if seen.changed or seen.removed:
        ledger.touch(owner)
    ledger.write(merged)
    return merged


def _ledger(kind_name: str, place: Place, live: Object | None, subresource: str) -> Ledger:
    ledger = Ledger(metadata(live).get("managedFields") or () if live else ())
    if live and not ledger.fields:
        first = Owner(_BEFORE, "Update", live["apiVersion"])
        ledger.own(first, scoped(kind_name, subresource, fieldsv1.of(place, live)))
    return ledger


def merge(place: Place, live: Any, applied: Any) -> Any:
    """`applied` laid over `live`: maps by member, lists with keys by item, everything else replaced."""
    if children(place, live) is None or children(place, applied) is None or type(live) is not type(applied):
        return clone(applied)
    if isinstance(live, dict):
        laid = {
            name: merge(place.member(name), live[name], value) if name in live else clone(value)
            for name, value in applied.items()
        }
        return {**live, **laid}
    return _merged_list(place, live, applied)


def _merged_list(place: Place, live: list[Any], applied: list[Any]) -> list[Any]:
    """The applied items in their order; items that only `live` has keep their place among their neighbours."""
    wanted = {element(place, item): item for item in applied}
    present = {element(place, item): item for item in live}
    merged: list[Any] = []
    waiting = list(wanted)
    for name, item in present.items():
        if name not in wanted:
            merged.append(item)
        elif name in waiting:
            upto = waiting.index(name) + 1
            merged += [_laid(place, one, present, wanted) for one in waiting[:upto]]
            del waiting[:upto]
    return merged + [_laid(place, one, present, wanted) for one in waiting]


def _laid(place: Place, name: str, present: dict[str, Any], wanted: dict[str, Any]) -> Any:
    return merge(place.item, present[name], wanted[name]) if name in present else clone(wanted[name])


def _pruned(place: Place, merged: Object, last: Paths, owned: Paths) -> Object:
    """Without what the manager applied last time, applies no more, and no one else owns."""
    gone = fieldsv1.named_structs(place, last) - fieldsv1.prefixes(owned)
    pruned: Object = fieldsv1.without(place, merged, gone) if gone else merged
    return pruned


def _refuse_conflicts(ledger: Ledger, me: Owner, changed: Paths) -> None:
    found = [
        (owner, path)
        for owner, paths in sorted(ledger.fields.items(), key=lambda item: str(item[0]))
        if owner != me
        for path in fieldsv1.ordered(paths & changed)
    ]
    if not found:
        return
    causes = [cause("FieldManagerConflict", f"conflict with {owner}", fieldsv1.text(path)) for owner, path in found]
    raise ApiError(409, "Conflict", _sentence(found), {"causes": causes})


def _sentence(found: list[tuple[Owner, Path]]) -> str:
    if len(found) == 1:
        owner, path = found[0]
        return f"Apply failed with 1 conflict: conflict with {owner}: {fieldsv1.text(path)}"
    by_owner: dict[Owner, list[str]] = {}
    for owner, path in found:
        by_owner.setdefault(owner, []).append(f"- {fieldsv1.text(path)}")
    listed = [f"conflicts with {owner}:\n" + "\n".join(lines) for owner, lines in by_owner.items()]
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(listed)
