"""metadata.managedFields: who owns which field, as kube-apiserver's field manager keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sensei_tui.base import clock
from sensei_tui.rehearsal import fieldsv1, kinds, structure
from sensei_tui.rehearsal.fieldsv1 import Comparison, Path, Paths
from sensei_tui.rehearsal.objects import Object, metadata, timestamp
from sensei_tui.rehearsal.structure import Place

_NAMELESS = ("name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields")
_UNOWNED: Paths = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",), ("f:metadata", "f:resourceVersion"), ()]
    + [("f:metadata", f"f:{name}") for name in _NAMELESS]
)  # fmt: skip


@dataclass(frozen=True)
class Owner:
    """An entry's identity. `operation` is "Apply" or "Update"."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    def __str__(self) -> str:
        """As conflicts name it."""
        shown = f'"{self.manager}"'
        if self.subresource:
            shown += f' with subresource "{self.subresource}"'
        return f"{shown} using {self.api_version}" if self.operation == "Update" else shown


class Ledger:
    """The owners of one object's fields."""

    def __init__(self, entries: Iterable[Any] = ()) -> None:
        self.fields: dict[Owner, Paths] = {}
        self._times: dict[Owner, str] = {}
        for entry in entries:
            owner = Owner(
                entry.get("manager", ""), entry.get("operation", "Update"), entry.get("apiVersion", ""),
                entry.get("subresource", ""),
            )  # fmt: skip
            self.fields[owner] = self.fields.get(owner, frozenset()) | fieldsv1.decode(entry.get("fieldsV1") or {})
            self._times[owner] = entry.get("time", "")

    @property
    def owned(self) -> Paths:
        """Everything that anybody owns."""
        return frozenset().union(*self.fields.values())

    def own(self, owner: Owner, paths: Paths) -> None:
        """Give an owner exactly these fields."""
        self.fields[owner] = paths

    def touch(self, owner: Owner) -> None:
        """The owner wrote something now."""
        self._times[owner] = timestamp(clock.now())

    def release(self, paths: Paths, but: Owner | None = None) -> None:
        """Take these fields from everyone else."""
        for owner, owned in self.fields.items():
            if owner != but:
                self.fields[owner] = owned - paths

    def write(self, obj: Object) -> None:
        """Put the entries into the object, as the API orders them. Owners of nothing are left out."""
        entries = [self._entry(owner, paths) for owner, paths in self.fields.items() if paths]
        entries.sort(key=lambda entry: (entry["operation"], entry.get("time", ""), entry["manager"]))
        found = metadata(obj)
        found.pop("managedFields", None)
        if entries:
            found["managedFields"] = entries

    def _entry(self, owner: Owner, paths: Paths) -> Object:
        entry: Object = {"manager": owner.manager, "operation": owner.operation, "apiVersion": owner.api_version}
        if self._times.get(owner):
            entry["time"] = self._times[owner]
        entry.update(fieldsType="FieldsV1", fieldsV1=fieldsv1.encode(paths))
        return {**entry, "subresource": owner.subresource} if owner.subresource else entry


def scoped(kind_name: str, subresource: str, paths: Iterable[Path]) -> Paths:
    """Those of the paths that a write through `subresource` can change, and that are owned at all."""
    has_status = kinds.named(kind_name).has_status

    def counts(path: Path) -> bool:
        if subresource == "scale":
            return path == ("f:spec", "f:replicas")
        in_status = path[:1] == ("f:status",)
        return in_status if subresource == "status" else not (in_status and has_status)

    return frozenset(path for path in paths if path not in _UNOWNED and counts(path))


def scoped_comparison(kind_name: str, subresource: str, place: Place, before: Object, after: Object) -> Comparison:
    """How a write changes an object, as far as it can."""
    seen = fieldsv1.compare(place, before, after)
    sets = (set(scoped(kind_name, subresource, paths)) for paths in (seen.added, seen.removed, seen.modified))
    return Comparison(*sets)


def track_update(
    kind_name: str, before: Object | None, after: Object, manager: str, operation: str = "Update", subresource: str = ""
) -> Object:
    """`after` with the ownership that writing it (not by apply) brings: the writer owns what it changed.

    `before` is None for a new object. managedFields in `after` are taken as they are given; without them those of
    `before` go on, and an empty list (or one empty entry) resets them.
    """
    place = structure.root(kind_name)
    new: Object = {**after, "metadata": dict(metadata(after))}
    ledger = Ledger(_entries(before, new))
    old = structure.skeleton(place, new) if before is None else before
    seen = scoped_comparison(kind_name, subresource, place, old, new)
    owner = Owner(manager, operation, new.get("apiVersion", ""), subresource)
    ledger.release(frozenset(seen.removed))
    ledger.release(seen.changed, but=owner)
    if seen.changed:
        ledger.own(owner, ledger.fields.get(owner, frozenset()) | seen.changed)
        ledger.touch(owner)
    ledger.write(new)
    return new


def _entries(before: Object | None, after: Object) -> list[Object]:
    given = metadata(after).get("managedFields")
    if given is None:
        return (metadata(before).get("managedFields") or []) if before else []
    return [] if given == [{}] else given
