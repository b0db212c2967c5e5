"""The kinds of patch that an API server takes: JSON patch, merge patch, strategic merge patch and apply."""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal.apply import server_side_apply
from sensei_tui.rehearsal.errors import ApiError, bad_request, generic
from sensei_tui.rehearsal.objects import Object, clone
from sensei_tui.rehearsal.ownership import track_update
from sensei_tui.rehearsal.strategic import strategic_merge

__all__ = ["json_patch", "merge_patch", "server_side_apply", "strategic_merge", "track_update"]

_MOST_OPERATIONS = 10000
"""apiserver pkg/endpoints/handlers: maxJSONPatchOperations."""


def json_patch(obj: Object, ops: object) -> Object:
    """RFC 6902. Raises ApiError 400 (not a list of operations), 413 (too many), 422 (one cannot be done)."""
    if not isinstance(ops, list):
        raise undecoded(ops, "[]handlers.jsonPatchOp")
    if odd := [op for op in ops if not isinstance(op, dict)]:
        raise undecoded(odd[0], "handlers.jsonPatchOp")
    if len(ops) > _MOST_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(ops)}"
        raise ApiError(413, "RequestEntityTooLarge", message)
    document: Any = obj
    for op in ops:
        document = _operate(document, op)
    if not isinstance(document, dict):
        raise _rejected()
    return document


def merge_patch(obj: Object, patch: Object) -> Object:
    """RFC 7396."""
    merged = dict(obj)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            live = merged.get(key)
            merged[key] = merge_patch(live if isinstance(live, dict) else {}, value)
        else:
            merged[key] = value
    return merged


_JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def undecoded(value: Any, go: str) -> ApiError:
    found = _JSON_NAMES.get(type(value), "null")
    return bad_request(f"error decoding patch: json: cannot unmarshal {found} into Go value of type {go}")


def checked_map(patch: object, media: str) -> Object:
    """A merge patch, which must be a map. Raises ApiError 400."""
    if isinstance(patch, dict):
        return patch
    error = undecoded(patch, "map[string]interface {}")
    strategic = media.startswith("application/strategic")
    raise bad_request(error.message.removeprefix("error decoding patch: ")) if strategic else error


def _rejected() -> ApiError:
    """What the real server says of any operation that fails; it does not tell which."""
    return generic(422, "Invalid", "the server rejected our request due to an error in our request")


def _operate(document: Any, op: Object) -> Any:
    """One operation, in place where it can be."""
    name, path = op.get("op"), _pointer(op.get("path"))
    if name in ("move", "copy"):
        source = _pointer(op.get("from"))
        value = clone(_read(document, source))
        if name == "move":
            document = _remove(document, source)
        return _add(document, path, value)
    if name == "remove":
        return _remove(document, path)
    if name not in ("add", "replace", "test"):
        raise _rejected()
    if name == "test":
        return _tested(document, path, op.get("value"))
    if name == "add":
        return _add(document, path, clone(op.get("value")))
    _read(document, path[:-1] if isinstance(_read(document, path[:-1]), dict) else path)
    return _replace(document, path, clone(op.get("value")))


def _tested(document: Any, path: list[str], wanted: Any) -> Any:
    """The document, if it holds the value; a test for null holds where there is nothing."""
    try:
        found = _read(document, path)
    except ApiError:
        if wanted is not None:
            raise
        return document
    if found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
        raise _rejected()
    return document


def _pointer(text: Any) -> list[str]:
    """RFC 6901."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _rejected()
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _read(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, len(document))]
        else:
            raise _rejected()
    return document


def _index(part: str, length: int) -> int:
    if not part.isdecimal() or (part != "0" and part.startswith("0")) or int(part) >= length:
        raise _rejected()
    return int(part)


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    holder, last = _read(document, path[:-1]), path[-1]
    if isinstance(holder, dict):
        holder[last] = value
    elif isinstance(holder, list):
        holder.insert(len(holder) if last == "-" else _index(last, len(holder) + 1), value)
    else:
        raise _rejected()
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    holder, last = _read(document, path[:-1]), path[-1]
    holder[last if isinstance(holder, dict) else int(last)] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        raise _rejected()
    _read(document, path)
    holder, last = _read(document, path[:-1]), path[-1]
    del holder[last if isinstance(holder, dict) else int(last)]
    return document
