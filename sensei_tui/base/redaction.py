"""Secrets: a type that does not print itself, and a filter for text from outside."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

MASK = "********"
SHORTEST = 4
"""Shorter values are not searched for: replacing every `1` would destroy a log and hide nothing."""


class Secret:
    """A string that never shows itself in repr, str, format or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class Redactor:
    """Replaces every known secret in text by `MASK`, longest first."""

    def __init__(self, secrets: Iterable[Secret | str] = ()) -> None:
        self._values: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[Secret | str]) -> None:
        """Also hide these from now on."""
        found = (item.reveal() if isinstance(item, Secret) else item for item in secrets)
        known = {form for value in found if len(value) >= SHORTEST for form in _forms(value)} | set(self._values)
        self._values = sorted(known, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, MASK)
        return text


def _forms(value: str) -> set[str]:
    """How a secret may look in text: as it is, in a Kubernetes Secret (base64), inside a JSON or Go string."""
    quoted = {json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    return {value, base64.b64encode(value.encode()).decode(), *quoted}
