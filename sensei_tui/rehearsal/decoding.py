"""Bodies that hold an object: JSON, YAML or protobuf, refused as kube-apiserver's decoder refuses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from sensei_tui.rehearsal import kinds, protobuf
from sensei_tui.rehearsal.errors import ApiError, bad_request, unsupported_media_type
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCHEME = 'in scheme "pkg/runtime/scheme.go:111"'
_TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
_SHOWN = 30
"""Bytes of a body that a message shows."""
_NAMES = {list: "array", str: "string", int: "number", float: "number", bool: "bool"}
_PLACES = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Extra data": "after top-level value",
}
YAML_TYPES = ("application/yaml", "text/yaml")


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def read(kind: Kind, body: bytes, content_type: str) -> tuple[Object, list[str]]:
    """The object in a body, and what it says twice. Raises ApiError 400, 415."""
    media = media_type(content_type) or "application/json"
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode(body), []
    if media not in ("application/json", *YAML_TYPES):
        served = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
        raise unsupported_media_type(
            f"the body of the request was in an unknown format - accepted media types include: {served}"
        )
    try:
        value, twice = json_value(body) if media == "application/json" else yaml_value(body)
    except ValueError as error:
        told = f"couldn't get version/kind; json parse error: {error}" if media == "application/json" else str(error)
        raise _unrecognized(kind, told, body) from None
    if value is not None and not isinstance(value, dict):
        wrong = f"json: cannot unmarshal {_NAMES[type(value)]} into Go value of type {_TYPE_META}"
        raise _unrecognized(kind, f"couldn't get version/kind; json parse error: {wrong}", body)
    return value or {}, [f'duplicate field "{path}"' for path in twice] if media == "application/json" else twice


def _unrecognized(kind: Kind, why: str, body: bytes) -> ApiError:
    return bad_request(f"the object provided is unrecognized (must be of type {kind.kind}): {why} ({_summary(body)})")


def _summary(body: bytes) -> str:
    if not body:
        return "<empty>"
    more = " ..." if len(body) > _SHOWN else ""
    plain = body[:_SHOWN]
    return (plain.decode(errors="replace") if body[:1] == b"{" else plain.hex()) + more


class _Members(dict[str, Any]):
    """A map that knows which of its members were given twice."""

    twice: tuple[str, ...] = ()


def json_value(body: bytes) -> tuple[Any, list[str]]:
    """A JSON value, and the paths of members given twice. Raises ValueError in Go's words."""
    try:
        value = json.loads(body, object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        raise ValueError(_syntax(error)) from None
    return value, [*_twice(value, "")]


def _members(pairs: list[tuple[str, Any]]) -> _Members:
    found, twice = _Members(), []
    for key, value in pairs:
        if key in found:
            twice.append(key)
            value = _joined(found[key], value)
        found[key] = value
    found.twice = tuple(twice)
    return found


def _joined(first: Any, second: Any) -> Any:
    """As Go decodes into a map that is there already."""
    if not isinstance(first, _Members) or not isinstance(second, _Members):
        return second
    joined = _Members({**first, **second})
    joined.twice = (*first.twice, *second.twice)
    return joined


def _twice(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, _Members):
        for key, item in value.items():
            yield from _twice(item, f"{path}.{key}" if path else key)
        yield from (f"{path}.{key}" if path else key for key in value.twice)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _twice(item, f"{path}[{index}]")


def _syntax(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos :].strip()
    place = next((words for said, words in _PLACES.items() if error.msg.startswith(said)), "in value")
    return f"invalid character {rest[0]!r} {place}" if rest else "unexpected end of JSON input"


def yaml_value(body: bytes) -> tuple[Any, list[str]]:
    """A YAML value, and what it says twice. Raises ValueError in the words of Go's package."""
    loader = _Careful(body)
    try:
        return msgspec.to_builtins(loader.get_single_data()), loader.twice
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"line {mark.line + 1}: " if mark and mark.line else ""
        raise ValueError(f"yaml: {line}{error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"yaml: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


class _Careful(_Loader):  # type: ignore[misc]
    """A loader that notes keys given twice."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.twice: list[str] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys: set[Any] = set()
        for key, _ in node.value:
            if key.value in keys:
                self.twice.append(f'line {key.start_mark.line + 1}: key "{key.value}" already set in map')
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def check_type(kind: Kind, obj: Object) -> None:
    """The object is of this kind, or does not say. Raises ApiError 400."""
    version, name = obj.get("apiVersion") or kind.api_version, obj.get("kind") or kind.kind
    obj["apiVersion"], obj["kind"] = version, name
    if (version, name) == (kind.api_version, kind.kind):
        return
    known = kinds.by_kind(version, name)
    if name == kind.kind and (known or version.startswith("extensions/")):
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
        )
    shown = version.rpartition("/")[2]
    why = f'no kind "{name}" is registered for version "{version}" {_SCHEME}'
    if known:
        why = f"converting ({shown}.{name}) to ({_package(kind)}.{kind.kind}): unknown conversion"
    raise bad_request(f'{name} in version "{shown}" cannot be handled as a {kind.kind}: {why}')


def _package(kind: Kind) -> str:
    """The Go package of the internal type."""
    return kind.group.partition(".")[0] or "core"
