"""Decoding as kube-apiserver does it: types are checked, unknown fields dropped, refused or warned of."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable, Sequence
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

_WIDE = frozenset(
    [
        "activeDeadlineSeconds",
        "terminationGracePeriodSeconds",
        "tolerationSeconds",
        "runAsUser",
        "runAsGroup",
        "fsGroup",
        "generation",
        "observedGeneration",
        "expirationSeconds",
        "deletionGracePeriodSeconds",
        "revision",
        "supplementalGroups",
        "seconds",
    ]
)
"""Members that are int64 in Go; the others are int32."""
_INDEX = re.compile(r"\[\d+\]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_VERSION = re.compile(r"^(?:[A-Z][a-z]+)?(V\d+(?:(?:alpha|beta)\d+)?)")
_ZEROS: dict[str, Any] = {
    "string": "",
    "bytes": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "quantity": "0",
    "struct": {},
}
_QUANTITY_RULE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_KEPT_EMPTY = ("ObjectMeta.managedFields", "Role.rules", "ClusterRole.rules", "EndpointSlice.ports")


class _TypeError(Exception):
    """A value of the wrong type, in the words of Go's decoder."""


def decode(kind: Kind, obj: Object, mode: str, twice: Sequence[str] = ()) -> list[str]:
    """Check the types of an object and drop the fields that its type has not. Returns warnings.

    `mode` is "Strict" (unknown fields and what is said `twice` are refused), "Warn" or "Ignore". Raises ApiError 400.
    """
    found = [*twice, *(f'unknown field "{path}"' for path in normalize(kind, obj))]
    if found and mode == "Strict":
        listed = ", ".join(f"yaml: unmarshal errors:\n  {one}" if one.startswith("line ") else one for one in found)
        raise bad_request(f"{_head(kind)}: strict decoding error: {listed}")
    return found if mode == "Warn" else []


def validate(kind: Kind, obj: Object, mode: str) -> list[str]:
    """Decode, fill in the defaults and check the values, in place. Returns warnings. Raises ApiError 400, 422."""
    found = decode(kind, obj, mode)
    default(kind, obj)
    rules.check(kind, obj)
    return found


def normalize(kind: Kind, obj: Object) -> list[str]:
    """Put an object into the form that the API keeps, in place. Returns the paths of dropped, unknown fields.

    Raises ApiError 400 for wrong types.
    """
    unknown: list[str] = []
    try:
        _struct(fields.of_kind(kind), obj, "", unknown)
    except _TypeError as error:
        raise bad_request(f"{_head(kind)}: {error}") from None
    return unknown


def _head(kind: Kind) -> str:
    return f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'


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
        elif value[name] is None:
            del value[name]
        else:
            place = f"{struct.name}.{_INDEX.sub('', inside)}"
            value[name] = _value(member.type, value[name], inside, place, unknown)
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
        _expect(value, dict, place, _go(type_))
        _struct(fields.struct(type_.struct), value, path, unknown)
    elif type_.shape == "list" and type_.of:
        _expect(value, list, place, "[]" + _go(type_.of))
        listed = (_zero(type_.of) if item is None else item for item in value)
        return [_value(type_.of, item, f"{path}[{i}]", place, unknown) for i, item in enumerate(listed)]
    elif type_.shape == "map" and type_.of:
        _expect(value, dict, place, "map[string]" + _go(type_.of))
        of = type_.of
        named = {key: _zero(of) if item is None else item for key, item in value.items()}
        return {key: _value(of, item, f"{path}.{key}", place, unknown) for key, item in named.items()}
    elif check := _SCALARS.get(type_.shape):
        return check(value, place)
    return value


def _expect(value: Any, wanted: type, place: str, go: str) -> None:
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise _TypeError(
            f"json: cannot unmarshal {_JSON.get(type(value), 'null')} into Go struct field {place} of type {go}"
        )


def _zero(type_: Type) -> Any:
    """What null is in a list or a map."""
    return _ZEROS.get(type_.shape)


def _go(type_: Type) -> str:
    if not type_.struct:
        return _GO.get(type_.shape, "string")
    version = _VERSION.match(type_.struct)
    return f"{version[1].lower() if version else 'v1'}.{fields.go_name(type_.struct)}"


def _scalar(wanted: type, go: str) -> Callable[[Any, str], Any]:
    def check(value: Any, place: str) -> Any:
        _expect(value, wanted, place, go)
        return value

    return check


def _integer(value: Any, place: str) -> Any:
    bits = 64 if place.rpartition(".")[2] in _WIDE else 32
    exact = isinstance(value, int) and not isinstance(value, bool) and -(1 << bits - 1) <= value < 1 << bits - 1
    if isinstance(value, int | float) and not isinstance(value, bool) and not exact:
        raise _TypeError(f"json: cannot unmarshal number {value} into Go struct field {place} of type int{bits}")
    _expect(value, int, place, f"int{bits}")
    return value


def _time(value: Any, place: str) -> Any:
    _expect(value, str, place, "time.Time")
    if not _TIME.fullmatch(value):
        layout = "2006-01-02T15:04:05Z07:00"
        raise _TypeError(f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"')
    return value


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
    try:
        return quantity.canonical(value if type(value) in (str, int, float) else "")
    except ValueError:
        raise _TypeError(_QUANTITY_RULE) from None


_SCALARS: dict[str, Callable[[Any, str], Any]] = {
    "string": _scalar(str, "string"),
    "integer": _integer,
    "boolean": _scalar(bool, "bool"),
    "time": _time,
    "number": _number,
    "bytes": _bytes,
    "quantity": _quantity,
}
