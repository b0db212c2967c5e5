"""Dotted paths in plain trees of dicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def get_path(tree: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for key in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(key)
    return tree


def set_path(tree: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted path, making the mappings on the way."""
    *parents, last = path.split(".")
    for key in parents:
        if not isinstance(tree.get(key), dict):
            tree[key] = {}
        tree = tree[key]
    tree[last] = value


def remove_path(tree: dict[str, Any], path: str) -> None:
    """Take a dotted path out, if it is there."""
    *parents, last = path.split(".")
    for key in parents:
        found = tree.get(key)
        if not isinstance(found, dict):
            return
        tree = found
    tree.pop(last, None)


def leaves(tree: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Dotted path and value of everything that is not a mapping."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*at, key))
        else:
            yield ".".join((*at, key)), value
