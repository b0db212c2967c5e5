"""What an applied configuration must be before it is merged: of the type of its kind (structured-merge-diff).

Server-side apply refuses fields that the type does not have whatever `fieldValidation` says, in words of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sensei_tui.rehearsal import fieldsv1, structure, wording
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.fieldsv1 import Path
from sensei_tui.rehearsal.objects import Object, metadata
from sensei_tui.rehearsal.structure import Place, children, element


def check(kind_name: str, applied: Object) -> None:
    """Raises ApiError 500, worded as by the real server, with all that is wrong."""
    place = structure.root(kind_name)
    assert place.type is not None
    wrong = [*_misfits(place, applied, ()), *_duplicates(place, applied, ())]
    if not wrong:
        return
    found = metadata(applied)
    name = f"{found.get('namespace', '')}/{found.get('name', '')}"
    version = applied["apiVersion"]
    gvk = f"{version if '/' in version else f'/{version}'}, Kind={applied['kind']}"
    said = wrong[0] if len(wrong) == 1 else "errors:\n" + "\n".join(f"  {line}" for line in wrong)
    raise ApiError(500, "", f"failed to create typed patch object ({name}; {gvk}): {said}")


def _misfits(place: Place, value: Any, path: Path) -> Iterator[str]:
    """Fields that the type has not, and values of another type."""
    type_ = place.type
    if value is None or type_ is None:
        return
    if type_.shape in ("struct", "map"):
        yield from _map_misfits(place, value, path)
    elif type_.shape == "list":
        if not isinstance(value, list):
            yield f"{fieldsv1.text(path)}: expected list, got {_go(value)}"
            return
        for index, item in enumerate(value):
            name = element(place, item) if place.keys and isinstance(item, dict) else f"i:{index}"
            yield from _misfits(place.item, item, (*path, name))
    elif (expected := _EXPECTED.get(type_.shape)) and (said := expected(value)):
        yield f"{fieldsv1.text(path)}: {said}"


def _map_misfits(place: Place, value: Any, path: Path) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{fieldsv1.text(path)}: expected map, got {_go(value)}"
        return
    for name, item in value.items():
        inside, below = (*path, f"f:{name}"), place.member(name)
        if below.type is not None:
            yield from _misfits(below, item, inside)
        elif place.is_struct:
            yield f"{fieldsv1.text(inside)}: field not declared in schema"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else f"expected string, got {_go(value)}"


def _numeric(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ""
    names = {str: "string", bool: "bool", dict: "map[string]interface {}", list: "[]interface {}"}
    return f"expected numeric (int or float), got {names[type(value)]}"


def _boolean(value: Any) -> str:
    return "" if isinstance(value, bool) else f"expected boolean, got {_go(value)}"


_EXPECTED: dict[str, Callable[[Any], str]] = {
    "string": _text,
    "bytes": _text,
    "integer": _numeric,
    "number": _numeric,
    "boolean": _boolean,
}


def _go(value: Any) -> str:
    """A value as the server's own type prints it."""
    if isinstance(value, dict | list):
        return f"&{{{wording.printed(value)}}}"
    shown = f'"{value}"' if isinstance(value, str) else wording.printed(value)
    return f"&value.valueUnstructured{{Value:{shown}}}"


def _duplicates(place: Place, value: Any, path: Path) -> Iterator[str]:
    parts = children(place, value) or {}
    if isinstance(value, list) and len(parts) != len(value) and parts:
        names = [element(place, item) for item in value]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield f"{fieldsv1.text(path)}: duplicate entries for key {fieldsv1.text((name,))}"
    for name, (below, item) in parts.items():
        yield from _duplicates(below, item, (*path, name))
