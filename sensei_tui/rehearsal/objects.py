"""Small operations on Kubernetes objects as plain JSON values."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""k8s.io/apimachinery/pkg/util/rand: no vowels, no look-alikes."""


def clone(value: Any) -> Any:
    """A deep copy of a JSON value (five times faster than copy.deepcopy)."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def without_nulls(value: Any) -> Any:
    """A copy in which maps have no null members: to a typed API, null is the same as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def metadata(obj: Object) -> Object:
    """The metadata of an object, created where it is missing or null."""
    if not obj.get("metadata"):
        obj["metadata"] = {}
    found: Object = obj["metadata"]
    return found


def key_of(obj: Object) -> tuple[str, str]:
    """(namespace, name); the namespace of a cluster-wide object is ""."""
    found = metadata(obj)
    return found.get("namespace", ""), found.get("name", "")


def timestamp(moment: datetime) -> str:
    """RFC 3339 with whole seconds, as metav1.Time is written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def random_suffix(length: int = 5) -> str:
    """What the API server appends to generateName."""
    return "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(length))
