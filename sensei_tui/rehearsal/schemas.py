"""Decoding as kube-apiserver does it: types are checked, unknown fields dropped, refused or warned of."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Callable
from typing import Any

from sensei_tui.base import quantity
from sensei_tui.rehearsal import defaults, fields, openapi, rules, zeros
from sensei_tui.rehearsal.errors import bad_request
from sensei_tui.rehearsal.fields import Member, Struct, Type
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

openapi_v3 = functools.cache(openapi.document)
_GO = {"integer": "int32", "boolean": "bool", "number": "float64", "string": "string", "bytes": "[]uint8"}
_JSON = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}

_KEPT_EMPTY = ("ObjectMeta.managedFields", "Role.rules", "ClusterRole.rules", "EndpointSlice.ports")


class _TypeError(Exception):
    """A value of the wrong type, in the words of Go's decoder."""


def validate(kind: Kind, obj: Object, mode: str) -> list[str]:
    """Check an object and drop the fields that its type has not. Returns warnings.

    `mode` is "Strict" (unknown fields are refused), "Warn" or "Ignore". Raises ApiError 400 (wrong types, unknown
    fields) and 422 (wrong values).
    """
    found = [f'unknown field "{path}"' for path in normalize(kind, obj)]
    if found and mode == "Strict":
        raise bad_request(f"strict decoding error: {', '.join(found)}")
    rules.check(kind, obj)
    return found if mode == "Warn" else []


def normalize(kind: Kind, obj: Object) -> list[str]:
    """Put an object into the form that the API keeps, in place. Returns the paths of dropped, unknown fields.

    Raises ApiError 400 for wrong types.
    """
    unknown: list[str] = []
    try:
        _struct(fields.of_kind(kind), obj, "", unknown)
    except _TypeError as error:
        head = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise bad_request(f"{head}: {error}") from None
    return unknown


def default(kind: Kind, obj: Object) -> None:
    """Fill in the defaults of the API in place."""
    defaults.fill(fields.of_kind(kind), obj)
    complete(kind, obj)


def complete(kind: Kind, obj: Object) -> None:
    """Fill in what the API writes of every object of this kind, be it empty."""
    zeros.fill(fields.of_kind(kind), obj, top=True)


def _struct(struct: Struct, value: Object, path: str, unknown: list[str]) -> None:
    for name in list(value):
        inside = f"{path}.{name}" if path else name
        member = struct.members.get(name)
        if member is None:
            unknown.append(inside)
            del value[name]
        elif value[name] is not None:
            value[name] = _value(member.type, value[name], inside, f"{struct.name}.{inside}", unknown)
            if value[name] in ({}, []) and _omits_empty(struct, member):
                del value[name]


def _omits_empty(struct: Struct, member: Member) -> bool:
    """Whether an empty list or map is the same as none (`omitempty` in Go); an empty struct is not."""
    if member.required or member.type.shape not in ("list", "map"):
        return False
    return f"{struct.name}.{member.name}" not in _KEPT_EMPTY


def _value(type_: Type, value: Any, path: str, place: str, unknown: list[str]) -> Any:
    """The value, or what the API makes of it. Raises _TypeError."""
    if type_.shape == "struct":
        _expect(value, dict, place, fields.go_name(type_.struct))
        _struct(fields.struct(type_.struct), value, path, unknown)
    elif type_.shape == "list" and type_.of:
        _expect(value, list, place, "[]" + _go(type_.of))
        return [_value(type_.of, item, f"{path}[{i}]", place, unknown) for i, item in enumerate(value)]
    elif type_.shape == "map" and type_.of:
        _expect(value, dict, place, "map[string]" + _go(type_.of))
        of = type_.of
        return {key: _value(of, item, f"{path}.{key}", place, unknown) for key, item in value.items()}
    elif check := _SCALARS.get(type_.shape):
        return check(value, place)
    return value


def _expect(value: Any, wanted: type, place: str, go: str) -> None:
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise _TypeError(
            f"json: cannot unmarshal {_JSON.get(type(value), 'null')} into Go struct field {place} of type {go}"
        )


def _go(type_: Type) -> str:
    return fields.go_name(type_.struct) if type_.struct else _GO.get(type_.shape, "string")


def _scalar(wanted: type, go: str) -> Callable[[Any, str], Any]:
    def check(value: Any, place: str) -> Any:
        _expect(value, wanted, place, go)
        return value

    return check


def _number(value: Any, place: str) -> Any:
    _expect(value + 0.0 if type(value) is int else value, float, place, "float64")
    return value


def _bytes(value: Any, place: str) -> Any:
    _expect(value, str, place, "[]uint8")
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _TypeError("illegal base64 data at input byte 0") from None
    return value


def _quantity(value: Any, place: str) -> Any:
    """A number is taken too; what can be read is kept in its canonical form."""
    if type(value) not in (int, float):
        _expect(value, str, place, "resource.Quantity")
    try:
        return quantity.canonical(value)
    except ValueError:
        return value


_SCALARS: dict[str, Callable[[Any, str], Any]] = {
    "string": _scalar(str, "string"),
    "integer": _scalar(int, "int32"),
    "boolean": _scalar(bool, "bool"),
    "time": _scalar(str, "time.Time"),
    "number": _number,
    "bytes": _bytes,
    "quantity": _quantity,
}
