"""The one schema that rules the values of both charts, and how to find a setting's rules in it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from sensei_tui.site.charts import chart_dir

Schema = dict[str, Any]


@functools.cache
def schema() -> Schema:
    """`values.schema.json` of the charts this program came with."""
    loaded: Schema = json.loads((chart_dir("sensei-full") / "values.schema.json").read_text(encoding="utf-8"))
    return loaded


def rule(path: str) -> Schema | None:
    """The sub-schema of a dotted path, or None if there is no such setting."""
    found: Schema | None = schema()
    for key in path.split("."):
        found = (found or {}).get("properties", {}).get(key)
    return found


def settings(root: Schema | None = None, at: tuple[str, ...] = ()) -> Iterator[tuple[str, Schema]]:
    """Dotted path and rule of every setting that is not a group of others."""
    for key, sub in (root or schema()).get("properties", {}).items():
        if sub.get("type") == "object":
            yield from settings(sub, (*at, key))
        else:
            yield ".".join((*at, key)), sub


@functools.cache
def secret_paths() -> frozenset[str]:
    """Dotted paths whose values are secrets."""
    return frozenset(path for path, sub in settings() if sub.get("x-secret"))


def is_secret(path: str) -> bool:
    """Whether a value at this path is a secret, or stands where one should."""
    return any(path == secret or path.startswith(secret + ".") for secret in secret_paths())


def may_be_shown(path: str) -> bool:
    """Whether a value can be shown: only a setting that exists and is no secret. A mistyped key may hold anything."""
    sub = rule(path)
    return sub is not None and sub.get("type") != "object" and not sub.get("x-secret")
