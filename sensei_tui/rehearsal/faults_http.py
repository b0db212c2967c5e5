"""Faults between the client and the API server: slow, failing, dropped and hanging requests, a wrong clock.

A scenario lists them under `api.faults`; they are tried in order: a delay is added to what follows, the others end the
request. Health addresses are spared, so that a start can be told from a fault.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sensei_tui.base.errors import UsageError
from sensei_tui.rehearsal.errors import ApiError

Kind = Literal["latency", "error", "drop", "hang"]
_KINDS: tuple[Kind, ...] = ("latency", "error", "drop", "hang")
_SPARED = ("/healthz", "/livez", "/readyz")
_MESSAGES = {500: "etcdserver: request timed out", 502: "bad gateway", 504: "gateway timeout"}


class DroppedError(Exception):
    """The connection is to be cut without an answer."""


@dataclass
class HttpFault:
    """One rule. `rate` is the share of requests struck; `seconds` the delay; `code` the HTTP error.

    `path` is a regular expression searched in the address; `after` and `until` are seconds since the start of the
    server (`until` 0 means for ever); `times` ends the rule after so many strikes (0: never).
    """

    kind: Kind
    rate: float = 1.0
    seconds: float = 0.0
    code: int = 503
    path: str = ""
    methods: tuple[str, ...] = ()
    after: float = 0.0
    until: float = 0.0
    times: int = 0
    struck: int = field(default=0, repr=False)

    def strikes(self, method: str, path: str, age: float, chance: random.Random) -> bool:
        """Whether this request is hit; counts it."""
        if self.times and self.struck >= self.times:
            return False
        if age < self.after or (self.until and age >= self.until):
            return False
        if (self.methods and method not in self.methods) or (self.path and not re.search(self.path, path)):
            return False
        hit = self.rate >= 1 or chance.random() < self.rate
        self.struck += hit
        return hit


@dataclass
class HttpFaults:
    """The rules of a scenario; with the same seed the same sequence of requests suffers the same faults."""

    rules: Sequence[HttpFault] = ()
    clock_skew: float = 0.0
    """Seconds by which the Date header is ahead of the true time."""
    seed: int = 1
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    async def suffer(self, method: str, path: str, age: float) -> None:
        """Wait, raise ApiError (an error answer) or DroppedError, or wait for ever. `age`: the server's, in seconds."""
        if path.startswith(_SPARED):
            return
        for rule in self.rules:
            if not rule.strikes(method, path, age, self._chance):
                continue
            sys.stderr.write(f"fault {rule.kind}: {method} {path}\n")
            if rule.kind == "latency":
                await asyncio.sleep(rule.seconds)
            elif rule.kind == "error":
                raise failure(rule.code)
            elif rule.kind == "drop":
                raise DroppedError
            else:
                await asyncio.get_running_loop().create_future()


def failure(code: int) -> ApiError:
    """The error answer of an API server in trouble."""
    reasons = {429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}
    message = _MESSAGES.get(code, "the server is currently unable to handle the request")
    return ApiError(code, reasons.get(code, "InternalError"), message)


def read(section: Mapping[str, Any] | None) -> HttpFaults:
    """The `api` section of a scenario: `faults` (rules), `clockSkew` (seconds), `seed`. Raises UsageError."""
    section = section or {}
    try:
        rules = tuple(_rule(row) for row in section.get("faults") or ())
        return HttpFaults(rules, float(section.get("clockSkew") or 0.0), int(section.get("seed", 1)))
    except (TypeError, ValueError, re.error) as error:
        remedy = f"each fault has: kind ({', '.join(_KINDS)}), rate, seconds, code, path, methods, after, until, times"
        raise UsageError("The scenario's api section is wrong.", why=str(error), remedy=remedy) from error


def _rule(row: Mapping[str, Any]) -> HttpFault:
    if row.get("kind") not in _KINDS:
        raise ValueError(f"fault kind {row.get('kind')!r} is not one of {', '.join(_KINDS)}")
    re.compile(str(row.get("path", "")))
    methods = tuple(str(method).upper() for method in row.get("methods", ()))
    return HttpFault(**{**row, "methods": methods})
