"""Mistakes in values: where, what is wrong, what is allowed. Never the value of a secret, never a whole object."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from sensei_tui.base.redaction import MASK
from sensei_tui.site.schema import rule, schema, secret_paths
from sensei_tui.site.values import Keys, Values, get_path, leaves, set_path

PLACEHOLDERS = ("your-license-key-here", "changeme", "REPLACE-ME")
_TYPES = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false",
          "object": "keys and values", "array": "a list", "null": "nothing"}  # fmt: skip
_LONGEST = 40
"""Characters of a wrong value that are shown."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `severity` is `error` (refused) or `warning` (works, probably not wanted)."""

    file: Path | None
    line: int
    column: int
    path: str
    message: str
    allowed: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file else ""
        allowed = f" Allowed: {self.allowed}." if self.allowed else ""
        return f"{place}{self.path}: {self.message}{allowed}"


def validate(values: Values) -> tuple[Problem, ...]:
    """Every mistake, errors first, in the order of the files."""
    found = [_problem(values, path, message, allowed) for path, message, allowed in schema_errors(values.tree)]
    found += _warnings(values)
    unique = {(problem.path, problem.message): problem for problem in found}.values()
    order = {path: number for number, path in enumerate(values.files)}
    return tuple(sorted(unique, key=lambda item: (item.severity, order.get(item.file or Path(), 0), item.line)))


def check_value(path: str, value: Any) -> str:
    """Why this value is not allowed at this path; empty if it is. For checking while it is typed."""
    sub = rule(path)
    if sub is None:
        return "There is no such setting."
    errors = list(Draft7Validator(sub).iter_errors(value))
    if not errors:
        return ""
    message, allowed = _describe(errors[0], secret=path in secret_paths())
    return f"{message} Allowed: {allowed}." if allowed else message


def schema_errors(tree: dict[str, Any]) -> Iterator[tuple[Keys, str, str]]:
    """Path, message and what is allowed, of everything the schema refuses."""
    for error in Draft7Validator(schema()).iter_errors(tree):
        yield from _explain(error)


def _explain(error: Any) -> Iterator[tuple[Keys, str, str]]:
    path: Keys = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in (key for key in error.instance if key not in known):
            yield (*path, key), *_unknown(key, known)
        return
    if error.absolute_schema_path and error.absolute_schema_path[0] == "allOf":
        yield _condition(error)
        return
    dotted = ".".join(str(key) for key in path)
    yield path, *_describe(error, secret=dotted in secret_paths())


def _unknown(key: str, known: Iterable[str]) -> tuple[str, str]:
    near = difflib.get_close_matches(key, list(known), n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"There is no such setting.{meant}", ", ".join(sorted(known))


def _condition(error: Any) -> tuple[Keys, str, str]:
    """A rule that joins two settings; its sentence stands in the schema."""
    number = int(error.absolute_schema_path[1])
    condition = schema()["allOf"][number]
    wanted = _target(condition["then"])
    allowed = ""
    if error.validator == "enum":
        allowed = ", ".join(str(item) for item in error.validator_value)
    return wanted, str(condition["$comment"]), allowed


def _target(then: dict[str, Any]) -> Keys:
    keys: list[str] = []
    while then.get("properties"):
        key, then = next(iter(then["properties"].items()))
        keys.append(key)
    return tuple(keys)


def _describe(error: Any, *, secret: bool) -> tuple[str, str]:
    given = "" if secret else _shown(error.instance)
    limit = error.validator_value
    if error.validator == "type":
        wanted = [limit] if isinstance(limit, str) else [kind for kind in limit if kind != "null"]
        words = " or ".join(_TYPES.get(kind, kind) for kind in wanted)
        hint = " Take the quotes away." if _only_quoted(error.instance, wanted) else ""
        return f"{given} is not {words}.{hint}".strip(), words
    if error.validator == "enum":
        return f"{given} is not one of the choices.", ", ".join(str(item) for item in limit)
    if error.validator in ("minimum", "maximum"):
        low, high = error.schema.get("minimum", ""), error.schema.get("maximum", "")
        size = "small" if error.validator == "minimum" else "large"
        return f"{given} is too {size}.", f"{low} to {high}"
    if error.validator == "minLength":
        return "This must not be empty.", ""
    if error.validator == "not":
        return f"{given} is refused here.", "a fixed version"
    example = error.schema.get("examples", [""])[0]
    return f"{given} does not have the right form.", f"for example {example}" if example else _form(error.schema)


def _form(sub: dict[str, Any]) -> str:
    return str(sub.get("description", "")).rstrip(".")


def _only_quoted(value: Any, wanted: list[str]) -> bool:
    numeric = isinstance(value, str) and value.strip("-").isdigit() and "integer" in wanted
    return numeric or (value in ("true", "false") and "boolean" in wanted)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "This"
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + '.."'


def _problem(values: Values, path: Keys, message: str, allowed: str, severity: str = "error") -> Problem:
    origin = values.origin(path)
    dotted = ".".join(str(key) for key in path)
    if origin is None:
        return Problem(None, 0, 0, dotted, message, allowed, severity)
    return Problem(origin.file, origin.line, origin.column, dotted, message, allowed, severity)


def _warnings(values: Values) -> Iterator[Problem]:
    for path, value in leaves(values.tree):
        keys = tuple(path.split("."))
        if isinstance(value, str) and value in PLACEHOLDERS:
            yield _problem(values, keys, "This is a placeholder.", "the real value", "warning")
        if path in secret_paths() and isinstance(value, str) and value and not value.startswith("${"):
            yield from _readable(values, keys)
    domain = get_path(values.tree, "global.domain")
    if isinstance(domain, str) and domain.endswith("example.com"):
        yield _problem(values, ("global", "domain"), "example.com is an example.", "your own domain", "warning")


def _readable(values: Values, keys: Keys) -> Iterator[Problem]:
    origin = values.origin(keys)
    if origin and origin.file.is_file() and origin.file.stat().st_mode & 0o044:
        message = "A secret in a file that others can read."
        yield _problem(values, keys, message, f"chmod 600 {origin.file.name}, or ${{NAME}}", "warning")


def without_secrets(tree: dict[str, Any]) -> dict[str, Any]:
    """A copy without the secret values, to compare with what Helm was given."""
    kept: dict[str, Any] = {}
    for path, value in leaves(tree):
        if path not in secret_paths():
            set_path(kept, path, value)
    return kept


def masked(tree: dict[str, Any]) -> dict[str, Any]:
    """A copy in which every secret is a mask."""
    shown: dict[str, Any] = {}
    for path, value in leaves(tree):
        set_path(shown, path, MASK if path in secret_paths() and value else value)
    return shown
