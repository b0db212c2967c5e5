"""What the charts' volumes ask for, against what their disks have: sums of claims. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sensei_tui.base.text import bytes_si
from sensei_tui.preflight.facts import ClaimNeed, Facts, StorageClass, Unknown, known
from sensei_tui.preflight.model import Status

BOUND = "Bound"
"""https://kubernetes.io/docs/concepts/storage/persistent-volumes/#phase: its volume is made, and takes nothing more."""
LARGEST = 3
"""So many claims are told by name."""


@dataclass(frozen=True)
class Asked:
    """What volumes ask for that are still to be made."""

    claims: tuple[ClaimNeed, ...]
    detail: tuple[str, ...]

    @property
    def total(self) -> int:
        """Bytes."""
        return total(self.claims)

    def of(self, storage: StorageClass) -> int:
        """Bytes of those of one class."""
        names = {storage.name, ""} if storage.default else {storage.name}
        return total(claim for claim in self.claims if claim.storage_class in names)


def asked(facts: Facts) -> Asked:
    """The rendered charts' claims, less those that have their volume already. Raises NotKnown."""
    every, there = known(facts.needs).claims, facts.cluster.claims
    phases: Mapping[str, str] = {} if isinstance(there, Unknown) else there
    new = tuple(claim for claim in every if phases.get(claim.name) != BOUND)
    had = len(every) - len(new)
    text = f"New volumes of the charts: {len(new)}, {bytes_si(total(new))} together"
    if had:
        text += f"; there already: {had}, {bytes_si(total(every) - total(new))}"
    rows = [text]
    if isinstance(there, Unknown):
        rows.append(f"Which of them are there already is not known: {there.why}")
    rows += [f"{claim.name}: {bytes_si(claim.size)}" for claim in largest_of(new)]
    return Asked(new, tuple(rows))


def short(new: Asked, published: Iterable[StorageClass], disks: int) -> tuple[Status, tuple[str, ...]]:
    """Where they do not fit. What a driver publishes is its own word: below that it fails.

    Nodes' disks (`disks`, bytes) are a guess, a network's storage does not show on a node: below that it warns.
    """
    published = list(published)
    rows = [
        f"new volumes of {item.name} ask for {bytes_si(new.of(item))}, it has {bytes_si(item.capacity or 0)} left"
        for item in published if new.of(item) > (item.capacity or 0)
    ]  # fmt: skip
    if published or new.total <= disks:
        return (Status.FAIL if rows else Status.PASS), tuple(rows)
    text = f"new volumes ask for {bytes_si(new.total)}, the nodes' disks have {bytes_si(disks)}"
    largest = ", ".join(f"{claim.name} {bytes_si(claim.size)}" for claim in largest_of(new.claims))
    return Status.WARN, (f"{text} (largest: {largest}); a network's storage does not show here",)


def total(claims: Iterable[ClaimNeed]) -> int:
    """Bytes."""
    return sum(claim.size for claim in claims)


def largest_of(claims: Iterable[ClaimNeed]) -> list[ClaimNeed]:
    """The few that ask for most."""
    return sorted(claims, key=lambda claim: (-claim.size, claim.name))[:LARGEST]
