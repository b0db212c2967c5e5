"""The configuration form, made from the schema: groups of fields with what each is for and what it may be."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

import yaml

from sensei_tui.site.schema import Schema, schema, settings


@dataclass(frozen=True, slots=True)
class Field:
    """One setting."""

    path: str
    """Dotted: `llm.gpu.count`."""
    title: str
    description: str
    kind: str
    """`text`, `integer`, `boolean`, `choice`, `secret`, `quantity` or `yaml`."""
    default: Any = None
    choices: tuple[Any, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    unit: str = ""
    when: tuple[tuple[str, Any], ...] = ()
    """Shown only if every one of these paths has this value."""


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together."""

    key: str
    title: str
    description: str
    fields: tuple[Field, ...]


@functools.cache
def form() -> tuple[Group, ...]:
    """Every group, in the order of the schema's `x-groups`."""
    root = schema()
    fields: dict[str, list[Field]] = {name: [] for name in root["x-groups"]}
    for path, sub in settings():
        group = _group(path, root)
        fields[group].append(_field(path, sub, root, group))
    return tuple(
        Group(name.lower().replace(" ", "-"), name, about, tuple(fields[name]))
        for name, about in root["x-groups"].items()
    )


def parse_text(field: Field, text: str) -> Any:
    """What an operator typed, as the value the file will hold; text that is not of the kind stays text."""
    text = text.strip()
    if field.kind == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if field.kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if field.kind == "choice":
        number = re.fullmatch(r"[0-9]+", text) and any(isinstance(choice, int) for choice in field.choices)
        return next((choice for choice in field.choices if str(choice) == text), int(text) if number else text)
    if field.kind == "yaml":
        try:
            return yaml.safe_load(text) if text else []
        except yaml.YAMLError:
            return text
    return text


def _group(path: str, root: Schema) -> str:
    """The innermost `x-group` on the way to the setting."""
    found, sub = "Advanced", root
    for key in path.split("."):
        sub = sub["properties"][key]
        found = sub.get("x-group", found)
    return str(found)


def _field(path: str, sub: Schema, root: Schema, group: str) -> Field:
    return Field(
        path=path,
        title=_title(path, sub, root, group),
        description=sub.get("description", ""),
        kind=_kind(sub),
        default=sub.get("default"),
        choices=tuple(sub.get("enum", ())),
        minimum=sub.get("minimum"),
        maximum=sub.get("maximum"),
        unit=_unit(sub),
        when=tuple(sub.get("x-when", {}).items()),
    )


def _unit(sub: Schema) -> str:
    """Bytes are written with their own suffix; other units stand behind the number."""
    unit = str(sub.get("x-unit", ""))
    return "" if unit in ("bytes", "cores") else unit


_PLAIN = ("Image", "Resources")
"""Parts whose settings say by themselves what they are: `KORA: Memory`, `KORA: Tag`."""


def _title(path: str, sub: Schema, root: Schema, group: str) -> str:
    """The setting's own title, after that of the innermost part it belongs to, where that is not the group itself."""
    parts, parent = [], root
    for name in path.split(".")[:-1]:
        parent = parent["properties"][name]
        if name != "external" and parent.get("title") not in (*_PLAIN, group, None):
            parts.append(str(parent["title"]))
    title = str(sub["title"])
    return title if not parts or parts[-1] in title else f"{parts[-1]}: {title}"


def _kind(sub: Schema) -> str:
    if sub.get("x-secret"):
        return "secret"
    if "enum" in sub:
        return "choice"
    kinds = sub["type"] if isinstance(sub["type"], list) else [sub["type"]]
    for kind, name in (("boolean", "boolean"), ("array", "yaml"), ("string", "text"), ("integer", "integer")):
        if kind in kinds:
            return "quantity" if name == "text" and sub.get("x-unit") in ("bytes", "cores") else name
    return "text"
