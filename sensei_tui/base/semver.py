"""Versions as Helm and Kubernetes write them (https://semver.org/spec/v2.0.0.html), their order, and ranges of them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import total_ordering
from typing import Any

_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_COMPARED = re.compile(r"(>=|<=|!=|>|<|=|)\s*([^\s<>=!]+)")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "": operator.eq, "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt,
    "<=": operator.le,
}  # fmt: skip


@total_ordering
class Version:
    """`1.2.3-rc.1`. Raises ValueError for what is none; `1.2` is `1.2.0`, as in ranges."""

    def __init__(self, text: str) -> None:
        match = _VERSION.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text!r} is no version")
        numbers = tuple(int(part or 0) for part in match.groups()[:3])
        # What has a pre-release comes before what has none; numbers come before words.
        early = [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in (match[4] or "").split(".")]
        self._key = (numbers, not match[4], early if match[4] else [])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key[:2])


def is_older(one: str, other: str) -> bool:
    """Whether both are versions, and the first comes before the second."""
    try:
        return Version(one) < Version(other)
    except ValueError:
        return False


def is_within(version: str, wanted: str) -> bool:
    """Whether a version is in a range: `>=1.2.0 <2.0.0 || 3.0.0`; an empty one has all. Raises ValueError."""
    parts = [item for item in wanted.split("||") if item.strip()]
    return not parts or any(_all_hold(Version(version), item) for item in parts)


def _all_hold(version: Version, wanted: str) -> bool:
    found = _COMPARED.findall(wanted.replace(",", " "))
    return all(_OPERATORS[sign](version, Version(text)) for sign, text in found)
