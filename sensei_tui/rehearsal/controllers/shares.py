"""How many pods each ReplicaSet of a Deployment should have."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sensei_tui.rehearsal.controllers.revisions import Family, active, available_of, desired, limit_before, replicas_of
from sensei_tui.rehearsal.objects import Object


def of_new(family: Family) -> int:
    """What the current template's ReplicaSet may have now."""
    have = replicas_of(family.new) if family.new else 0
    if not family.rolling:
        return family.wanted
    room = family.wanted + family.surge - sum(map(replicas_of, family.all))
    return have if room <= 0 else have + min(room, family.wanted - have)


def without_unhealthy(family: Family) -> Iterator[tuple[Object, int]]:
    """Old ReplicaSets less the pods that are not available, as far as that takes none from those that serve."""
    left = _most_down(family)
    for item in active(family.old):
        going = min(left, replicas_of(item) - available_of(item))
        if going > 0:
            left -= going
            yield item, replicas_of(item) - going


def without_spare(family: Family) -> Iterator[tuple[Object, int]]:
    """Old ReplicaSets less what is available beyond the minimum."""
    if _most_down(family) <= 0:
        return
    left = sum(map(available_of, family.all)) - (family.wanted - family.unavailable)
    for item in active(family.old):
        going = min(left, replicas_of(item))
        if going > 0:
            left -= going
            yield item, replicas_of(item) - going


def _most_down(family: Family) -> int:
    coming = replicas_of(family.new) - available_of(family.new) if family.new else 0
    return sum(map(replicas_of, family.all)) - (family.wanted - family.unavailable) - coming


def resized(family: Family) -> Iterator[tuple[Object, int, bool]]:
    """(ReplicaSet, its size, whether its annotations are renewed anyway) after the Deployment was scaled or paused."""
    running = active(family.all)
    if len(running) <= 1:
        chosen = running[0] if running else family.new or next(reversed(family.old), None)
        if chosen is not None:
            yield chosen, family.wanted, False
    elif family.new is not None and _saturated(family, family.new):
        yield from ((item, 0, False) for item in active(family.old))
    elif family.rolling:
        yield from ((item, size, True) for item, size in _proportional(family, running))


def _saturated(family: Family, new: Object) -> bool:
    return {replicas_of(new), desired(new), available_of(new)} == {family.wanted}


def _proportional(family: Family, running: list[Object]) -> list[tuple[Object, int]]:
    """Each its part of what is added or taken; the largest gets what is left over."""
    allowed = family.wanted + family.surge if family.wanted else 0
    change = allowed - sum(map(replicas_of, running))
    # Of equals, the newer grows first and the older shrinks first; `running` is oldest first.
    ordered = sorted(reversed(running) if change > 0 else running, key=replicas_of, reverse=True)
    sizes, done = [], 0
    for item in ordered:
        part = _part(family, item, change - done) if change else 0
        sizes.append(replicas_of(item) + part)
        done += part
    sizes[0] = max(0, sizes[0] + change - done)
    return list(zip(ordered, sizes, strict=True))


def _part(family: Family, item: Object, left: int) -> int:
    if not family.wanted:
        return max(-replicas_of(item), left)
    exact = replicas_of(item) * (family.wanted + family.surge) / limit_before(item)
    part = math.floor(exact + 0.5) - replicas_of(item)
    return min(part, left) if left > 0 else max(part, left)
