"""Mistakes in values: where, what is wrong, what is allowed. Never the value of a secret, never a whole object."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from sensei_tui.base.redaction import MASK
from sensei_tui.site.formats import CHECKER, place
from sensei_tui.site.resolve import REFERENCE, unused_secrets
from sensei_tui.site.schema import is_secret, may_be_shown, rule, schema, secret_paths
from sensei_tui.site.tree import get_path, leaves, set_path
from sensei_tui.site.values import Keys, Values

PLACEHOLDERS = ("your-license-key-here", "changeme", "REPLACE-ME")
BUNDLED = "http://sensei-minio:9000"
"""The bundled object storage."""
_TYPES = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false",
          "object": "keys and values", "array": "a list", "null": "nothing"}  # fmt: skip


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
    found += [*_missing(values), *_warnings(values)]
    unique = {(problem.path, problem.message): problem for problem in found}.values()
    order = {path: number for number, path in enumerate(values.files)}
    return tuple(sorted(unique, key=lambda item: (item.severity, order.get(item.file or Path(), 0), item.line)))


def check_value(path: str, value: Any) -> str:
    """Why this value is not allowed at this path; empty if it is. For checking while it is typed."""
    sub = rule(path)
    if sub is None:
        return "There is no such setting."
    errors = list(Draft7Validator(sub, format_checker=CHECKER).iter_errors(value))
    if not errors:
        return ""
    message, allowed = _describe(errors[0], secret=is_secret(path))
    return f"{message} Allowed: {allowed}." if allowed else message


def schema_errors(tree: dict[str, Any]) -> Iterator[tuple[Keys, str, str]]:
    """Path, message and what is allowed, of everything the schema refuses."""
    for error in Draft7Validator(schema(), format_checker=CHECKER).iter_errors(tree):
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
    if error.validator == "required":
        # For Helm, which sees the values with the defaults merged in.
        return
    dotted = ".".join(str(key) for key in path)
    yield path, *_describe(error, secret=is_secret(dotted))


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
    given = "This" if secret else _given(error.instance)
    limit = error.validator_value
    if error.validator == "type":
        return _wrong_type(error, given)
    if error.validator == "enum":
        words = [str(item) for item in limit] if isinstance(error.instance, str) else []
        near = difflib.get_close_matches(str(error.instance), words, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        return f"{given} is not one of the choices.{meant}", ", ".join(str(item) for item in limit)
    if error.validator in ("minimum", "maximum"):
        size = "small" if error.validator == "minimum" else "large"
        return f"{given} is too {size}.", f"{error.schema['minimum']} to {error.schema['maximum']}"
    if error.validator == "minLength":
        return "This must not be empty.", ""
    if error.validator == "not" and "const" in limit:
        return f"{limit['const']} is refused here.", "a fixed version"
    return f"{given} does not have the right form.", _form(error.schema)


def _wrong_type(error: Any, given: str) -> tuple[str, str]:
    value, limit = error.instance, error.validator_value
    wanted = [limit] if isinstance(limit, str) else [kind for kind in limit if kind != "null"]
    words = " or ".join(_TYPES.get(kind, kind) for kind in wanted)
    form = error.schema.get("x-form", words)
    if value is None:
        return "Nothing is written here.", f"{form}, or leave the key out"
    hint = ""
    if "enum" in error.schema:
        form = ", ".join(str(item) for item in error.schema["enum"])
    if isinstance(value, str) and _only_quoted(value, wanted):
        given, hint = (given if given == "This" else f'"{value}"'), " Written with quotes it is text."
    elif value in ("yes", "no", "on", "off") and "boolean" in wanted:
        hint = " YAML 1.2 knows true and false alone."
    elif isinstance(value, int | float) and "x-unit" in error.schema:
        return "A size needs its unit.", form
    return f"{given} is not {words}.{hint}", form


def _form(sub: dict[str, Any]) -> str:
    """What it may be, in words."""
    example = sub.get("examples", [""])[0]
    return str(sub.get("x-form", f"for example {example}" if example else ""))


def _only_quoted(value: str, wanted: list[str]) -> bool:
    numeric = value.strip("-").isdigit() and "integer" in wanted
    return numeric or (value in ("true", "false") and "boolean" in wanted)


def _given(value: Any) -> str:
    """The wrong value. Text is never shown, wherever it stands: it could be a secret in the wrong place."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return "A list" if isinstance(value, list) else "A group of keys" if isinstance(value, dict) else "This text"


def _problem(values: Values, path: Keys, message: str, allowed: str, severity: str = "error") -> Problem:
    origin = values.origin(path)
    dotted = ".".join(str(key) for key in path)
    if origin is None:
        return Problem(None, 0, 0, dotted, message, allowed, severity)
    return Problem(origin.file, origin.line, origin.column, dotted, message, allowed, severity)


def _missing(values: Values) -> Iterator[Problem]:
    """What the schema cannot ask for, since Helm gets the values without it."""
    section = values.get("license")
    if section is None or (isinstance(section, dict) and not section.get("key") and not section.get("existingSecret")):
        allowed = "a key ('sensei license set' writes it), or license.existingSecret"
        yield _problem(values, ("license", "key"), "There is no licence key.", allowed)
    yield from _buckets(values)


def _buckets(values: Values) -> Iterator[Problem]:
    """A backup beside what it is of goes when that goes, and each one would save those before it."""

    def of(path: str) -> Any:
        given = get_path(values.tree, path)
        return (rule(path) or {}).get("default") if given is None else given

    kinds = {kind: of(f"storage.buckets.{kind}") for kind in ("checkpoints", "artifacts")}
    if kinds["checkpoints"] == kinds["artifacts"]:
        message = "This is the bucket of the checkpoints too."
        yield _problem(values, ("storage", "buckets", "artifacts"), message, "a bucket of its own")
    store = of("storage.external.endpoint") if of("storage.external.enabled") is True else BUNDLED
    own = place(str(of("backup.bucket.endpoint") or store)) == place(str(store))
    if not own or of("backup.enabled") is not True or of("backup.to") != "bucket":
        return
    for kind, name in kinds.items():
        if of("backup.bucket.name") == name:
            message = f"This is the bucket of the {kind} too, and backups would lie among what they are of."
            yield _problem(values, ("backup", "bucket", "name"), message, "a bucket of its own")


def _warnings(values: Values) -> Iterator[Problem]:
    unused = unused_secrets(values.tree)
    for path, value in leaves(values.tree):
        keys = tuple(path.split("."))
        if not isinstance(value, str) or not value:
            continue
        if value in PLACEHOLDERS:
            yield _problem(values, keys, "This is a placeholder.", "the real value", "warning")
        if path in unused and get_path(values.tree, f"{keys[0]}.existingSecret"):
            message = f"This is not used, because {keys[0]}.existingSecret is set."
            yield _problem(values, keys, message, "one of the two", "warning")
        elif path in secret_paths():
            yield from _secret_warnings(values, keys, value)
        elif REFERENCE.search(value):
            message = "What ${NAME} stands for will be stored by Helm as it is: this setting is no secret."
            yield _problem(values, keys, message, "", "warning")
    domain = get_path(values.tree, "global.domain")
    if isinstance(domain, str) and domain.endswith("example.com"):
        yield _problem(values, ("global", "domain"), "example.com is an example.", "your own domain", "warning")
    if get_path(values.tree, "llm.provider") == "local" and get_path(values.tree, "llm.gpu.enabled") is not True:
        message = "A local model gets no GPU, and its server does not start on a node without one."
        yield _problem(values, ("llm", "gpu", "enabled"), message, "true", "warning")


def _secret_warnings(values: Values, keys: Keys, value: str) -> Iterator[Problem]:
    if REFERENCE.fullmatch(value):
        return
    if value.startswith("$"):
        message = "This looks like a variable, but is taken as it is."
        yield _problem(values, keys, message, "${NAME} with letters, digits and _", "warning")
    yield from _readable(values, keys)


def _readable(values: Values, keys: Keys) -> Iterator[Problem]:
    origin = values.origin(keys)
    if origin and origin.file.is_file() and origin.file.stat().st_mode & 0o044:
        message = "A secret in a file that others can read."
        yield _problem(values, keys, message, f"chmod 600 {origin.file.name}, or ${{NAME}}", "warning")


def without_secrets(tree: dict[str, Any]) -> dict[str, Any]:
    """A copy without the secret values, to compare with what Helm was given."""
    kept: dict[str, Any] = {}
    for path, value in leaves(tree):
        if not is_secret(path):
            set_path(kept, path, value)
    return kept


def masked(tree: dict[str, Any]) -> dict[str, Any]:
    """A copy in which every secret is a mask, and so is what stands where no setting is."""
    shown: dict[str, Any] = {}
    for path, value in leaves(tree):
        set_path(shown, path, value if may_be_shown(path) or not value else MASK)
    return shown
