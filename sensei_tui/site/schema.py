"""The one schema that rules the values of both charts, and how to find a setting's rules in it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sensei_tui.site.charts import chart_dir
from sensei_tui.site.site import Site

Schema = dict[str, Any]


def schema(site: Site | None = None) -> Schema:
    """`values.schema.json` of sensei-full."""
    return _load(chart_dir("sensei-full", site) / "values.schema.json")


@functools.cache
def _load(path: Path) -> Schema:
    loaded: Schema = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def rule(path: str, root: Schema | None = None) -> Schema | None:
    """The sub-schema of a dotted path, or None if there is no such setting."""
    found: Schema | None = root or schema()
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


@functools.cache
def defaults() -> dict[str, Any]:
    """Default of every setting, by dotted path."""
    return {path: sub.get("default") for path, sub in settings()}
