"""Who else set fields that the charts set: found before an upgrade, not in the middle of it.

Helm applies on the server's side and does not force: after a `kubectl scale` its upgrade, and the rollback too, fail.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import ConflictError

FIELD_MANAGER = "helm"


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
        found for item in _objects(manifest, cluster.target.namespace, release) for found in _probe(cluster, item)
    )


def adopt(cluster: Cluster, manifest: str, objects: set[str], release: str) -> None:
    """Take the conflicting fields of these objects back for Helm. Raises ClusterError."""
    for item in _objects(manifest, cluster.target.namespace, release):
        if _name(item) in objects:
            cluster.apply(item, field_manager=FIELD_MANAGER, force=True)


def _probe(cluster: Cluster, item: dict[str, Any]) -> list[Conflict]:
    try:
        cluster.apply(item, field_manager=FIELD_MANAGER, dry_run=True)
    except ConflictError as error:
        return [Conflict(object=_name(item), field=field, manager=manager) for manager, field in error.conflicts]
    return []


def _objects(manifest: str, namespace: str, release: str) -> list[dict[str, Any]]:
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
