"""What the API says of a name, a label or a number that is none (apimachinery's pkg/util/validation), and causes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sensei_tui.rehearsal.errors import cause

Causes = Iterator[dict[str, str]]
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_CONFIG_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
PERCENT_RULE = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)
PORT_RULE = "must be between 1 and 65535, inclusive"
NOT_NEGATIVE = "must be greater than or equal to 0"
IMMUTABLE = "field is immutable"


def subdomain(name: str) -> list[str]:
    """What is wrong with a DNS subdomain."""
    long = ["must be no more than 253 characters"] if len(name) > 253 else []
    return long if _SUBDOMAIN.fullmatch(name) else [*long, _SUBDOMAIN_RULE]


def label(name: str) -> list[str]:
    """What is wrong with a DNS label."""
    long = ["must be no more than 63 characters"] if len(name) > 63 else []
    if _LABEL.fullmatch(name):
        return long
    return [*long, "must not contain dots" if _SUBDOMAIN.fullmatch(name) else _LABEL_RULE]


def qualified(key: str) -> list[str]:
    """What is wrong with the key of a label or an annotation."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        prefixed = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_QUALIFIED_RULE} {prefixed}"]
    wrong = []
    if slash:
        wrong = ["prefix part must be non-empty"] if not prefix else [f"prefix part {why}" for why in subdomain(prefix)]
    if not name:
        wrong.append("name part must be non-empty")
    if len(name) > 63:
        wrong.append("name part must be no more than 63 bytes")
    return wrong if _QUALIFIED.fullmatch(name) else [*wrong, f"name part {_QUALIFIED_RULE}"]


def label_value(value: str) -> list[str]:
    """What is wrong with the value of a label."""
    long = ["must be no more than 63 bytes"] if len(value) > 63 else []
    return long if not value or _QUALIFIED.fullmatch(value) else [*long, _VALUE_RULE]


def config_key(key: str) -> list[str]:
    """What is wrong with a key of a ConfigMap or Secret."""
    return [] if _CONFIG_KEY.fullmatch(key) else [_CONFIG_KEY_RULE]


def port_name(name: str) -> list[str]:
    """What is wrong with the name of a port."""
    checks = (
        (len(name) <= 15, "must be no more than 15 characters"),
        (re.fullmatch(r"[-a-z0-9]+", name), "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
        (re.search(r"[a-z]", name), "must contain at least one letter (a-z)"),
        ("--" not in name, "must not contain consecutive hyphens"),
        (name.strip("-") == name, "must not begin or end with a hyphen"),
    )
    return [why for fine, why in checks if not fine]


def port(value: Any, field: str) -> Causes:
    """Of a port's number, or its name where one may stand."""
    if isinstance(value, str):
        yield from every(port_name(value), value, field)
    elif not isinstance(value, int) or not 1 <= value <= 65535:
        yield invalid(field, value or 0, PORT_RULE)


def labels(found: dict[str, str] | None, field: str) -> Causes:
    for key, value in (found or {}).items():
        yield from every(qualified(key), key, field)
        yield from every(label_value(value), value, field)


def shown(value: Any) -> str:
    """A value as messages show it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def printed(value: Any) -> str:
    """A value as Go's fmt prints it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{printed(item)}' for key, item in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(printed(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else "<nil>" if value is None else str(value)


def invalid(field: str, value: Any, why: str) -> dict[str, str]:
    return cause("FieldValueInvalid", f"Invalid value: {shown(value)}: {why}", field)


def every(reasons: Iterable[str], value: Any, field: str) -> Causes:
    """A cause for each reason."""
    return (invalid(field, value, why) for why in reasons)


def required(field: str, why: str = "") -> dict[str, str]:
    return cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def forbidden(field: str, why: str) -> dict[str, str]:
    return cause("FieldValueForbidden", f"Forbidden: {why}", field)


def duplicate(field: str, value: Any) -> dict[str, str]:
    return cause("FieldValueDuplicate", f"Duplicate value: {shown(value)}", field)


def unsupported(field: str, value: Any, supported: str) -> dict[str, str]:
    """`supported` is a list of words."""
    listed = ", ".join(f'"{one}"' for one in supported.split())
    return cause("FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {listed}", field)


def one_of(value: Any, supported: str, field: str) -> Causes:
    """A value that may be absent, but not another word."""
    if value is not None and value not in supported.split():
        yield unsupported(field, value, supported)


def not_negative(value: Any, field: str) -> Causes:
    if isinstance(value, int) and value < 0:
        yield invalid(field, value, NOT_NEGATIVE)
