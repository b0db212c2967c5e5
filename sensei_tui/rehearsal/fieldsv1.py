"""Sets of fields, as managedFields keeps them (the format FieldsV1 of structured-merge-diff).

A path is a tuple of names as in FieldsV1: `("f:spec", "f:containers", 'k:{"name":"web"}', "f:image")`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.structure import Place, children

Path = tuple[str, ...]
Paths = frozenset[Path]
_ABSENT: Any = object()


@dataclass
class Comparison:
    """The paths in which two objects differ. Members of what was added or removed as a whole are named too."""

    added: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)

    @property
    def changed(self) -> Paths:
        """What the second object says otherwise than the first."""
        return frozenset(self.added | self.modified)


def of(place: Place, value: Any) -> Paths:
    """The fields that a value has: its leaves, and the items of its lists."""
    return frozenset(_leaves(place, value, ()))


def _leaves(place: Place, value: Any, path: Path) -> Iterator[Path]:
    parts = children(place, value)
    if not parts:
        yield path
        return
    for name, (below, item) in parts.items():
        inside = (*path, name)
        if not name.startswith("f:"):
            yield inside
        yield from _leaves(below, item, inside)


def compare(place: Place, before: Any, after: Any) -> Comparison:
    """How `after` differs from `before`."""
    seen = Comparison()
    _compare(place, before, after, (), seen)
    return seen


def _compare(place: Place, before: Any, after: Any, path: Path, seen: Comparison) -> None:
    old, new = _parts(place, before), _parts(place, after)
    if before is None and new:
        old = {}
    if before is _ABSENT:
        seen.added.add(path)
    elif after is _ABSENT:
        seen.removed.add(path)
    elif old is None or new is None:
        if before != after:
            seen.modified.add(path)
        return
    for name in {**(old or {}), **(new or {})}:
        below, was = (old or {}).get(name, (None, _ABSENT))
        beside, now = (new or {}).get(name, (None, _ABSENT))
        _compare(beside or below or place, was, now, (*path, name), seen)


def _parts(place: Place, value: Any) -> dict[str, tuple[Place, Any]] | None:
    return None if value is _ABSENT else children(place, value)


def without(place: Place, value: Any, gone: Paths, path: Path = ()) -> Any:
    """The value less the parts at these paths. A map or list that is emptied by that goes too (as None)."""
    parts = children(place, value)
    if not parts:
        return value
    kept: dict[str, Any] = {}
    for name, (below, item) in parts.items():
        inside = (*path, name)
        if inside in gone:
            continue
        left = without(below, item, _spared(place, item, gone, inside), inside)
        if left is not None or item is None:
            kept[name] = left
    if not kept and path:
        return None
    return {name[2:]: item for name, item in kept.items()} if isinstance(value, dict) else list(kept.values())


def _spared(place: Place, item: Any, gone: Paths, path: Path) -> Paths:
    """An item that stays keeps the members that tell it apart, whoever owns them."""
    return gone - {(*path, f"f:{key}") for key in place.keys} if place.keys and isinstance(item, dict) else gone


def ordered(paths: Iterable[Path]) -> list[Path]:
    """In the order of structured-merge-diff: at every level what ends there, then what goes deeper."""
    return sorted(paths, key=lambda path: [(end < len(path), _rank(name)) for end, name in enumerate(path, start=1)])


def _rank(name: str) -> tuple[int, str]:
    return "fkvi".index(name[0]), name


def prefixes(paths: Iterable[Path]) -> Paths:
    """The paths and everything they lie in."""
    return frozenset(path[:end] for path in paths for end in range(1, len(path) + 1))


def named_structs(place: Place, paths: Iterable[Path]) -> Paths:
    """The paths, and the structs they lie in: who takes back all of a struct's fields takes back the struct."""
    found: set[Path] = set()
    for path in paths:
        at = place
        found.add(path)
        for end, name in enumerate(path[:-1], start=1):
            at = at.member(name[2:]) if name.startswith("f:") else at.item
            if name.startswith("f:") and at.is_struct:
                found.add(path[:end])
    return frozenset(found)


def encode(paths: Paths) -> Object:
    """The set as managedFields writes it: nested, `"."` for a path that is in the set and has others below it."""
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for name in path:
            node = node.setdefault(name, {})
        node["."] = {}
    return {name: _folded(node) for name, node in tree.items() if name != "."}


def _folded(node: Object) -> Object:
    return {} if set(node) == {"."} else {name: _folded(below) if name != "." else {} for name, below in node.items()}


def decode(tree: Object) -> Paths:
    """The inverse of `encode`."""
    return frozenset(_decoded(tree, ()))


def _decoded(tree: Object, path: Path) -> Iterator[Path]:
    if not tree and path:
        yield path
    for name, below in tree.items():
        if name == ".":
            yield path
        else:
            yield from _decoded(below or {}, (*path, name))


def text(path: Path) -> str:
    """`.spec.containers[name="web"].image`."""
    return "".join(_element_text(name) for name in path)


def _element_text(name: str) -> str:
    if name.startswith("f:"):
        return f".{name[2:]}"
    if name.startswith("v:"):
        return f"[={name[2:]}]"
    if name.startswith("i:"):
        return f"[{name[2:]}]"
    keys = json.loads(name[2:])
    return f"[{','.join(f'{key}={json.dumps(value, ensure_ascii=False)}' for key, value in sorted(keys.items()))}]"
