"""What fields each API type has, read from the models of the official Python client.

The client is generated from Kubernetes' own OpenAPI document; only its tables of names and types are used here, never
its classes as values.
"""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass
from typing import Any

from sensei_tui.rehearsal.kinds import Kind

_VERSION = re.compile(r"^(?:Core|Events|Discovery|Rbac|Flowcontrol)?V\d+(?:(?:alpha|beta)\d+)?")
_CONTAINER = re.compile(r"^(List|Dict)\[(?:str, )?(.+)\]$")
_SCALARS = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "datetime": "time", "bytes": "bytes",
    "object": "any",
}  # fmt: skip
_EVENTS = {"": "CoreV1Event", "events.k8s.io": "EventsV1Event"}
_QUANTITIES = frozenset(
    [
        "allocatable",
        "allocatedResources",
        "averageValue",
        "capacity",
        "default",
        "defaultRequest",
        "divisor",
        "hard",
        "limits",
        "max",
        "maximumVolumeSize",
        "maxLimitRequestRatio",
        "min",
        "overhead",
        "requests",
        "sizeLimit",
        "storage",
        "used",
    ]
)
"""Members that hold Quantity values: strings, but numbers are taken too."""


@dataclass(frozen=True)
class Type:
    """`shape` is a JSON Schema type or one of list, map, struct, time, bytes, quantity, any."""

    shape: str
    of: Type | None = None
    struct: str = ""
    """The model's name, for a struct."""


@dataclass(frozen=True)
class Member:
    """One field of a struct."""

    name: str
    type: Type
    required: bool
    description: str


@dataclass(frozen=True)
class Struct:
    """An API type: `name` as in Go (DeploymentSpec)."""

    name: str
    model: str
    description: str
    members: dict[str, Member]


def of_kind(kind: Kind) -> Struct:
    """The type of a kind's objects."""
    if kind.kind == "Event":
        return struct(_EVENTS[kind.group])
    return struct(f"{kind.version.capitalize()}{kind.kind}")


@functools.cache
def struct(model: str) -> Struct:
    """The type of this model name, such as `V1DeploymentSpec`."""
    from sensei_tui.rehearsal import gateway

    if model in gateway.MODELS:
        return gateway.MODELS[model]
    found: Any = getattr(importlib.import_module("kubernetes.client.models"), model)
    members: dict[str, Member] = {}
    for attribute, type_name in found.openapi_types.items():
        name, field = found.attribute_map[attribute], _field(found, attribute)
        type_ = _quantity(_type(type_name)) if name in _QUANTITIES else _type(type_name)
        members[name] = Member(name, type_, field.is_required(), field.description or "")
    description = (found.__doc__ or "").partition("Attributes:")[0].strip()
    return Struct(go_name(model), model, description, members)


def _field(model: Any, attribute: str) -> Any:
    """The model's own field: names that Python keeps for itself (`_exec`) are spelled differently there."""
    if attribute in model.model_fields:
        return model.model_fields[attribute]
    name = model.attribute_map[attribute]
    return next(one for key, one in model.model_fields.items() if name in (key, one.alias, one.serialization_alias))


def go_name(model: str) -> str:
    """`DeploymentSpec` of `V1DeploymentSpec`."""
    return _VERSION.sub("", model)


@functools.cache
def _type(name: str) -> Type:
    if inside := _CONTAINER.match(name):
        return Type("list" if inside[1] == "List" else "map", _type(inside[2]))
    if name in _SCALARS:
        return Type(_SCALARS[name])
    return Type("struct", struct=name)


def _quantity(type_: Type) -> Type:
    """Strings in it are Quantities."""
    if type_.shape == "string":
        return Type("quantity")
    return Type("map", _quantity(type_.of)) if type_.shape == "map" and type_.of else type_
