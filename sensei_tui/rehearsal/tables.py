"""Objects as the tables that `kubectl get` shows (meta.k8s.io/v1 Table), as kube-apiserver 1.36 makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sensei_tui.rehearsal import columns, podrow
from sensei_tui.rehearsal.columns import Column
from sensei_tui.rehearsal.errors import bad_request
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object


def table(kind: Kind, objects: Sequence[Object], include: str = "Metadata") -> Object:
    """A Table of `objects`; `include` (None, Metadata, Object) says what each row carries besides its cells."""
    shown = columns.of_kind(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [_definition(column) for column in shown],
        "rows": [_row(kind, shown, obj, include) for obj in objects],
    }


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": "name" if column.name == "Name" else "",
        "description": column.description,
        "priority": column.priority,
    }


def _row(kind: Kind, shown: Sequence[Column], obj: Object, include: str) -> Object:
    row: Object = {"cells": [column.cell(obj) for column in shown]}
    if kind.kind == "Pod" and (conditions := podrow.conditions(obj)):
        row["conditions"] = conditions
    if include not in _CARRIED:
        why = "must be 'Metadata', 'Object', 'None', or empty"
        raise bad_request(f'Unable to convert to Table as requested: includeObject: Invalid value: "{include}": {why}')
    row["object"] = _CARRIED[include](obj)
    return row


def _metadata(obj: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _whole(obj: Object) -> Object:
    return obj


_CARRIED: dict[str, Callable[[Any], Object | None]] = {
    "None": lambda obj: None,
    "Metadata": _metadata,
    "Object": _whole,
}
