"""OpenAPI v3 documents of the served groups: what kubectl explain, kubectl apply and Helm read of them."""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal import fields, kinds
from sensei_tui.rehearsal.fields import Struct, Type
from sensei_tui.rehearsal.kinds import Kind

_SHAPES: dict[str, dict[str, str]] = {
    "string": {"type": "string"}, "integer": {"type": "integer", "format": "int32"}, "number": {"type": "number"},
    "boolean": {"type": "boolean"}, "time": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"}, "quantity": {"type": "string"}, "any": {},
}  # fmt: skip
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_OPERATIONS = {"post": "create", "patch": "patch", "put": "update", "get": "get"}


def document(group: str, version: str) -> dict[str, Any]:
    """The document of one group and version."""
    served = [kind for kind in kinds.KINDS if (kind.group, kind.version) == (group, version)]
    schemas: dict[str, Any] = {}
    for kind in served:
        schema = _collect(fields.of_kind(kind), schemas)
        schema["x-kubernetes-group-version-kind"] = [_gvk(kind)]
    paths = {path: item for kind in served for path, item in _paths(kind).items()}
    info = {"title": "Kubernetes", "version": "v1.36.2"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _gvk(kind: Kind) -> dict[str, str]:
    return {"group": kind.group, "kind": kind.kind, "version": kind.version}


def _paths(kind: Kind) -> dict[str, Any]:
    prefix = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    base = f"{prefix}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{prefix}/{kind.plural}"
    return {
        base: {method: _operation(kind, method) for method in ("get", "post")},
        f"{base}/{{name}}": {method: _operation(kind, method) for method in ("get", "put", "patch")},
    }


def _operation(kind: Kind, method: str) -> dict[str, Any]:
    wanted = () if method == "get" else _PARAMETERS
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in wanted]
    return {
        "operationId": f"{_OPERATIONS[method]}{kind.kind}", "parameters": parameters,
        "responses": {"200": {"description": "OK"}}, "x-kubernetes-group-version-kind": _gvk(kind),
    }  # fmt: skip


def _name(model: str) -> str:
    return f"io.k8s.api.{model}"


def _collect(struct: Struct, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; it and all it contains are put into `schemas`."""
    name = _name(struct.model)
    if name in schemas:
        return schemas[name]  # type: ignore[no-any-return]
    schema: dict[str, Any] = {"type": "object", "description": struct.description, "properties": {}}
    schemas[name] = schema
    if required := [member.name for member in struct.members.values() if member.required]:
        schema["required"] = required
    for member in struct.members.values():
        schema["properties"][member.name] = {"description": member.description, **_shape(member.type, schemas)}
    return schema


def _shape(type_: Type, schemas: dict[str, Any]) -> dict[str, Any]:
    if type_.shape == "struct":
        _collect(fields.struct(type_.struct), schemas)
        return {"allOf": [{"$ref": f"#/components/schemas/{_name(type_.struct)}"}]}
    if type_.shape == "list" and type_.of:
        return {"type": "array", "items": _shape(type_.of, schemas)}
    if type_.shape == "map" and type_.of:
        return {"type": "object", "additionalProperties": _shape(type_.of, schemas)}
    return dict(_SHAPES[type_.shape])
