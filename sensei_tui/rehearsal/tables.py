"""Tables, as kube-apiserver prints them: name and age for now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensei_tui.rehearsal.kinds import Kind


def table(kind: Kind, objects: Sequence[Any], include: str) -> dict[str, Any]:
    """A meta.k8s.io/v1 Table."""
    columns = [
        {"name": name, "type": "string", "format": "", "description": "", "priority": 0}
        for name in ("Name", "Created At")
    ]
    rows = [
        {
            "cells": [item["metadata"]["name"], item["metadata"].get("creationTimestamp", "")],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]},
        }
        for item in objects
    ]
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows}
