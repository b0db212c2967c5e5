"""Forms that a pattern can't hold to: what Kubernetes would refuse later, refused where it is written.

The schema names them as `format`; Helm's own validator passes over names that it does not know.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from jsonschema import FormatChecker

CHECKER = FormatChecker(formats=())
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
"""Minute, hour, day, month, day of the week: https://pkg.go.dev/github.com/robfig/cron/v3, which CronJobs go by."""
_NAMED = re.compile(r"[A-Za-z]{3}")


def _check(name: str) -> Callable[[Callable[[str], bool]], Callable[[str], bool]]:
    """Declares a check of texts; what is empty or no text is for the pattern to judge."""

    def declare(function: Callable[[str], bool]) -> Callable[[str], bool]:
        CHECKER.checks(name)(lambda value: not isinstance(value, str) or not value or function(value))
        return function

    return declare


@_check("sensei-host")
def is_host(text: str) -> bool:
    """A name, or an address that is one: what looks like an address is no name."""
    plain = text.strip("[]")
    if ":" not in plain and not re.fullmatch(r"[0-9.]+", plain):
        return True
    return _passes(lambda: ipaddress.ip_address(plain))


@_check("sensei-url")
def is_url(text: str) -> bool:
    """With a host and a port that can be."""

    def look() -> None:
        parts = urlsplit(text)
        if parts.port == 0 or not parts.hostname or not is_host(parts.hostname):
            raise ValueError

    return _passes(look)


@_check("sensei-address")
def is_address(text: str) -> bool:
    """HOST:PORT."""
    return is_url(f"http://{text}")


@_check("sensei-network")
def is_network(text: str) -> bool:
    """A network in CIDR form, with no bit set beyond its prefix."""
    return _passes(lambda: ipaddress.ip_network(text))


@_check("sensei-cron")
def is_cron(text: str) -> bool:
    """Five fields whose ranges go upwards; `@daily` and its like."""
    if text.startswith("@"):
        return True
    fields = text.split()
    return len(fields) == len(_FIELDS) and all(
        _in_field(part, *limits) for field, limits in zip(fields, _FIELDS, strict=True) for part in field.split(",")
    )


def _in_field(part: str, low: int, high: int) -> bool:
    span, _, step = part.partition("/")
    first, _, last = span.partition("-")
    if step and (not step.isdigit() or not int(step)):
        return False
    if first in ("*", "?") or _NAMED.fullmatch(first):
        return True
    ends = [int(end) for end in (first, last or first) if end.isdigit()]
    return len(ends) == 2 and low <= ends[0] <= ends[1] <= high


@CHECKER.checks("sensei-pairs")
def are_pairs(items: object) -> bool:
    """NAME=VALUE each, and no name twice."""
    names = [item.partition("=")[0] for item in items if isinstance(item, str)] if isinstance(items, list) else []
    return len(names) == len(set(names))


def place(url: str) -> str:
    """Where a URL leads, however it is written. A Service's other names are for the chart: it has the namespace."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        return url
    return f"{parts.hostname}:{port}{parts.path.rstrip('/')}"


def _passes(function: Callable[[], object]) -> bool:
    try:
        function()
    except ValueError:
        return False
    return True
