"""Who else set fields that the charts set: found before an upgrade, not in the middle of it.

Helm applies on the server's side and does not force: after a `kubectl scale` its upgrade, and the rollback too, fail.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import Any

import msgspec
import yaml

from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import ConflictError

FIELD_MANAGER = "helm"
_TRIES, _BETWEEN = 30, 0.1
"""Times, and seconds between them: while an object rolls out, its status is written many times a second."""


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """One field owned by somebody else."""

    object: str
    field: str
    manager: str

    @property
    def sentence(self) -> str:
        """For a plan."""
        return f"{self.object}: {self.field} was set by {self.manager}"


def conflicts(cluster: Cluster, manifest: str, release: str = "") -> tuple[Conflict, ...]:
    """Every conflict an apply of this rendered manifest would meet; nothing is changed. Raises ClusterError."""
    return tuple(
        found for item in as_applied(manifest, cluster.target.namespace, release) for found in _probe(cluster, item)
    )


def release(cluster: Cluster, found: Collection[Conflict]) -> None:
    """Take these fields from their managers: their values stay, and the next apply may set them. Raises ClusterError.

    Only metadata.managedFields is written: an apply by force would bring the new values before Helm and its hooks.
    """
    for name in sorted({item.object for item in found}):
        taken = {(item.manager, item.field) for item in found if item.object == name}
        _disown(cluster, name, taken)


def _disown(cluster: Cluster, named: str, taken: Collection[tuple[str, str]]) -> None:
    """One object (`Kind/name`); tried again where it was written meanwhile."""
    kind, _, name = named.partition("/")
    for left in reversed(range(_TRIES)):
        metadata = cluster.object(kind, name)["metadata"]
        entries = [_without(item, taken) for item in metadata["managedFields"]]
        kept = [item for item in entries if item["fieldsV1"]]
        changes = {"metadata": {"resourceVersion": metadata["resourceVersion"], "managedFields": kept}}
        try:
            cluster.patch(kind, name, changes)
            return
        except ConflictError:
            if not left:
                raise
            time.sleep(_BETWEEN)


def _without(entry: dict[str, Any], taken: Collection[tuple[str, str]]) -> dict[str, Any]:
    fields = {field for manager, field in taken if manager == entry["manager"]}
    return {**entry, "fieldsV1": _pruned(entry["fieldsV1"], fields, "")}


def _pruned(tree: dict[str, Any], fields: Collection[str], place: str) -> dict[str, Any]:
    """A FieldsV1 tree without these fields. `"."` and an empty branch both say that the place itself is owned."""
    found: dict[str, Any] = {}
    for key, below in tree.items():
        here = place + _element(key)
        if key == ".":
            if place not in fields:
                found[key] = below
        elif below:
            if rest := _pruned(below, fields, here):
                found[key] = rest
        elif here not in fields:
            found[key] = below
    return found


def _element(key: str) -> str:
    """One step of a path as an error of the API server writes it: `.spec`, `[name="a"]`, `[="a"]`, `[0]`."""
    kind, _, said = key.partition(":")
    if kind == "k":
        return f"[{','.join(f'{name}={json.dumps(value)}' for name, value in json.loads(said).items())}]"
    return {"f": f".{said}", "v": f"[={said}]", "i": f"[{said}]"}.get(kind, "")


def _probe(cluster: Cluster, item: dict[str, Any]) -> list[Conflict]:
    try:
        cluster.apply(item, field_manager=FIELD_MANAGER, dry_run=True)
    except ConflictError as error:
        return [Conflict(object=_name(item), field=field, manager=manager) for manager, field in error.conflicts]
    return []


def as_applied(manifest: str, namespace: str, release: str) -> list[dict[str, Any]]:
    """The objects of a manifest as Helm sends them; hooks are made anew each time and cannot conflict."""
    found = [item for item in yaml.safe_load_all(manifest) if item]
    plain = [item for item in found if "helm.sh/hook" not in (item["metadata"].get("annotations") or {})]
    for item in plain:
        item["metadata"].setdefault("namespace", namespace)
        item["metadata"].setdefault("labels", {})["app.kubernetes.io/managed-by"] = "Helm"
        if release:
            notes = item["metadata"].setdefault("annotations", {})
            notes |= {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    return plain


def _name(item: dict[str, Any]) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"
