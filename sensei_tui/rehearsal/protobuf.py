"""Request bodies in the Kubernetes protobuf encoding, as Go clients send them, read into plain objects.

The envelope is `k8s\\0` and a runtime.Unknown message. Messages are read through `protobuf_messages`; a kind or field
that is not described there is refused with 415, never dropped.
Encoding: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sensei_tui.rehearsal.errors import bad_request, unsupported_media_type
from sensei_tui.rehearsal.objects import timestamp
from sensei_tui.rehearsal.protobuf_messages import MESSAGES

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def decode(body: bytes) -> dict[str, Any]:
    """The object in a protobuf body. Raises ApiError 400 (malformed) or 415 (a kind that is not described)."""
    if not body.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        envelope = _message("Unknown", body[len(_MAGIC) :])
        declared = envelope.get("typeMeta", {})
        name = declared.get("kind", "")
        if name not in MESSAGES:
            raise unsupported_media_type(f"protobuf bodies of kind {name!r} are not read here: send JSON")
        raw = base64.b64decode(envelope.get("raw", ""))
        return {"apiVersion": declared.get("apiVersion", ""), "kind": name, **_message(name, raw)}
    except (IndexError, UnicodeDecodeError) as error:
        raise bad_request(f"couldn't read the protobuf body: {error}") from error


def _message(name: str, data: bytes) -> dict[str, Any]:
    fields, found = MESSAGES[name], dict[str, Any]()
    for number, value in _fields(data):
        if number not in fields:
            raise unsupported_media_type(f"field {number} of protobuf message {name} is not read here: send JSON")
        field, form = fields[number]
        _put(found, field, form, value)
    return found


def _put(found: dict[str, Any], field: str, form: str, value: int | bytes) -> None:
    if form.startswith("map:"):
        entry = dict(_fields(_octets(value)))
        found.setdefault(field, {})[_text(entry.get(1, b""))] = _value(form[4:], entry.get(2, b""))
    elif form.startswith("list:"):
        found.setdefault(field, []).append(_value(form[5:], value))
    elif form.startswith("inline:"):
        found.update(_message(form[7:], _octets(value)))
    elif (read := _value(form, value)) not in ("", None):
        found[field] = read


def _value(form: str, value: int | bytes) -> Any:
    """One value: empty strings, zero `int0`, false `bool0` and zero times come back as None or "" (left out)."""
    if form == "string":
        return _text(value)
    if form == "bytes":
        return base64.b64encode(_octets(value)).decode()
    if form in ("int", "int0"):
        return _signed(value) if value or form == "int" else None
    if form in ("bool", "bool0"):
        return bool(value) if value or form == "bool" else None
    if form == "Quantity":
        return _message("QuantityValue", _octets(value)).get("string", "0")
    if form == "IntOrString":
        either = _message("IntOrStringValue", _octets(value))
        return either.get("strVal", "") if either.get("type") else either.get("intVal", 0)
    if form == "FieldsV1":
        return _message("FieldsV1Value", _octets(value)).get("Raw")
    if form in ("Time", "MicroTime"):
        return _time(form, _message("TimeValue", _octets(value)))
    return _message(form, _octets(value))


def _time(form: str, parts: dict[str, int]) -> str | None:
    if not parts.get("seconds"):
        return None
    moment = datetime.fromtimestamp(parts["seconds"], UTC)
    if form == "Time":
        return timestamp(moment)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{parts.get('nanos', 0) // 1000:06d}Z"


def _octets(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise bad_request("couldn't read the protobuf body: wrong wire type")
    return value


def _text(value: int | bytes) -> str:
    return _octets(value).decode()


def _signed(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise bad_request("couldn't read the protobuf body: wrong wire type")
    return value - (1 << 64) if value >> 63 else value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a message. Raises IndexError when it is cut short."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise bad_request(f"couldn't read the protobuf body: wire type {wire}")
        if at + size > len(data):
            raise IndexError("message is cut short")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        if shift > 63:
            raise IndexError("varint is too long")
