"""How single values of an object are printed in a table's cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sensei_tui.base import clock
from sensei_tui.rehearsal.objects import Object, timestamp
from sensei_tui.rehearsal.selectors import selector_text

Cell = Callable[[Object], Any]
NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 86400 * 365


def human(seconds: float) -> str:
    """A duration in at most two units: `12s`, `3m5s`, `47h`, `4d3h` (duration.HumanDuration of apimachinery)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    if whole < 3 * _HOUR:
        return _two(whole, _MINUTE, "m", 1, "s", 10 * _MINUTE)
    if whole < 48 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m", 8 * _HOUR)
    if whole < 2 * _YEAR:
        return _two(whole, _DAY, "d", _HOUR, "h", 8 * _DAY)
    return _two(whole, _YEAR, "y", _DAY, "d", 8 * _YEAR)


def _two(whole: int, size: int, unit: str, small: int, small_unit: str, until: int) -> str:
    """`whole` seconds in units of `size`, with the rest in `small` ones below `until`."""
    rest = whole % size // small
    return f"{whole // size}{unit}" + (f"{rest}{small_unit}" if rest and whole < until else "")


def since(moment: str | None) -> str:
    """How long ago an RFC 3339 time was."""
    return human((clock.now() - clock.parse(moment)).total_seconds()) if moment else UNKNOWN


def between(start: str, end: str) -> str:
    return human((clock.parse(end) - clock.parse(start)).total_seconds())


def at(obj: Any, path: str) -> Any:
    """The value at `status.phase`; None where any part of the way is missing."""
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def text(path: str, otherwise: str = "") -> Cell:
    """The text at a path."""
    return lambda obj: at(obj, path) or otherwise


def number(path: str, otherwise: int = 0) -> Cell:
    """The number at a path."""

    def cell(obj: Object) -> int:
        found = at(obj, path)
        return otherwise if found is None else int(found)

    return cell


def count(path: str) -> Cell:
    """How many members the list or map at a path has."""
    return lambda obj: len(at(obj, path) or ())


def ago(path: str, otherwise: str = UNKNOWN) -> Cell:
    """How long ago the time at a path was."""
    return lambda obj: since(at(obj, path)) if at(obj, path) else otherwise


def boolean(path: str) -> Cell:
    """`True`, `False`, or `<unset>`."""
    return lambda obj: UNSET if at(obj, path) is None else str(bool(at(obj, path)))


def scalar(path: str, otherwise: str) -> Cell:
    """A number or a percentage (IntOrString), as text."""
    return lambda obj: otherwise if at(obj, path) is None else str(at(obj, path))


def labels(path: str) -> Cell:
    """A map as `a=b,c=d`, in the order of its keys."""
    return lambda obj: ",".join(f"{key}={value}" for key, value in sorted((at(obj, path) or {}).items())) or NONE


def selector(path: str) -> Cell:
    """A LabelSelector as the text that `kubectl get -l` takes."""
    return lambda obj: selector_text(at(obj, path) or {}) or NONE


def members(path: str, member: str) -> Cell:
    """One field of every item of a list: `web,sidecar`."""
    return lambda obj: ",".join(item.get(member, "") for item in at(obj, path) or ())


def joined(items: Iterable[str], otherwise: str, most: int = 3) -> str:
    """At most `most` items: `10.1.0.1,10.1.0.2,10.1.0.3 + 4 more...`."""
    found = list(items)
    shown = ",".join(found[:most])
    return f"{shown} + {len(found) - most} more..." if len(found) > most else shown or otherwise


def created(obj: Object) -> str:
    """When the object was made, RFC 3339."""
    made = at(obj, "metadata.creationTimestamp")
    return timestamp(datetime.fromisoformat(made)) if made else UNKNOWN


def condition(obj: Object, wanted: str) -> str:
    """The status of a condition, "" where it is not reported."""
    found: Sequence[Object] = at(obj, "status.conditions") or ()
    return next((item.get("status", "") for item in found if item.get("type") == wanted), "")
