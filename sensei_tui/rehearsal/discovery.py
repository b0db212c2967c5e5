"""Discovery: versions, groups and resources, in the legacy form and in the aggregated one (v2)."""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.kinds import Kind

VERSION: dict[str, str] = {
    "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35", "gitVersion": "v1.36.2+sensei.rehearsal", "gitCommit": "", "gitTreeState": "clean",
    "buildDate": "2026-11-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
}  # fmt: skip

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_SUBRESOURCES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "binding": ("", "", "Binding", ("create",)),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "exec": ("", "", "PodExecOptions", ("create", "get")),
    "finalize": ("", "", "Namespace", ("update",)),
    "log": ("", "", "Pod", ("get",)),
    "portforward": ("", "", "PodPortForwardOptions", ("create", "get")),
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
}
"""name -> (group, version, kind, verbs); the others are the kind itself with get, patch and update."""


def _subresource(kind: Kind, name: str) -> tuple[str, str, str, tuple[str, ...]]:
    return _SUBRESOURCES.get(name, ("", "", kind.kind, ("get", "patch", "update")))


def core_versions(address: str) -> dict[str, Any]:
    clients = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": clients}


def group_list() -> dict[str, Any]:
    groups = [_group(group, version) for group, version, _ in kinds.groups() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(name: str) -> dict[str, Any] | None:
    """The APIGroup of this name; None when it is not served."""
    for one, version, _ in kinds.groups():
        if one and one == name:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(one, version)}
    return None


def _group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def resource_list(group: str, version: str) -> dict[str, Any] | None:
    """The APIResourceList of a group version; None when it is not served."""
    for name, served, members in kinds.groups():
        if (name, served) == (group, version):
            head = {"kind": "APIResourceList", "groupVersion": members[0].api_version}
            if group:
                head["apiVersion"] = "v1"
            return {**head, "resources": [row for kind in members for row in _resources(kind)]}
    return None


def _resources(kind: Kind) -> list[dict[str, Any]]:
    row = {
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": list(kind.verbs), "shortNames": list(kind.short_names), "categories": list(kind.categories),
    }  # fmt: skip
    parts = [_part(kind, name) for name in kind.subresources]
    return [{key: value for key, value in row.items() if value != []}, *parts]


def _part(kind: Kind, name: str) -> dict[str, Any]:
    group, version, target, verbs = _subresource(kind, name)
    row = {
        "name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "group": group,
        "version": version, "kind": target, "verbs": list(verbs),
    }  # fmt: skip
    return {key: value for key, value in row.items() if value != "" or key == "singularName"}


def aggregated(*, core: bool) -> dict[str, Any]:
    """APIGroupDiscoveryList of the core group, or of all others."""
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [{"version": version, "resources": _sorted(members), "freshness": "Current"}],
        }
        for group, version, members in kinds.groups()
        if core == (not group)
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _sorted(members: list[Kind]) -> list[dict[str, Any]]:
    return [_aggregated(kind) for kind in sorted(members, key=lambda kind: kind.plural)]


def _aggregated(kind: Kind) -> dict[str, Any]:
    row: dict[str, Any] = {
        "resource": kind.plural, "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "responseKind": {"group": "", "version": "", "kind": kind.kind}, "verbs": list(kind.verbs),
        "shortNames": list(kind.short_names), "categories": list(kind.categories),
        "subresources": [_aggregated_part(kind, name) for name in sorted(kind.subresources)],
    }  # fmt: skip
    return {key: value for key, value in row.items() if value != []}


def _aggregated_part(kind: Kind, name: str) -> dict[str, Any]:
    group, version, target, verbs = _subresource(kind, name)
    response = {"group": group, "version": version, "kind": target}
    return {"subresource": name, "responseKind": response, "verbs": list(verbs)}
