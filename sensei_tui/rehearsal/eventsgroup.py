"""Events have two addresses: stored as core/v1, also served as events.k8s.io/v1 under other field names."""

from __future__ import annotations

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

CORE = kinds.named("Event")
_other = kinds.by_kind("events.k8s.io/v1", "Event")
assert _other is not None
NEW: Kind = _other

_NAMES = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_BACK = {core: new for new, core in _NAMES.items()}


def stored(kind: Kind) -> Kind:
    """The kind under which objects of `kind` are kept."""
    return CORE if kind is NEW else kind


def to_new(event: Object) -> Object:
    return {**{_BACK.get(key, key): value for key, value in event.items()}, "apiVersion": NEW.api_version}


def to_core(event: Object) -> Object:
    return {**{_NAMES.get(key, key): value for key, value in event.items()}, "apiVersion": CORE.api_version}
