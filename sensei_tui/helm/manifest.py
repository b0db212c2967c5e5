"""Rendered manifests: which objects are in them, and how two of them differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from sensei_tui.site.diff import diff_values

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
"""Kinds a wait step waits for."""
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def objects(manifest: str) -> list[dict[str, Any]]:
    """Every object, in order. Raises yaml.YAMLError."""
    return [item for item in yaml.load_all(manifest, Loader=_LOADER) if item]


def key(item: dict[str, Any]) -> str:
    """`Deployment/sensei-kora`."""
    return f"{item['kind']}/{item['metadata']['name']}"


def is_hook(item: dict[str, Any]) -> bool:
    """Whether Helm runs it as a hook, so that it is not part of the release."""
    return "helm.sh/hook" in (item["metadata"].get("annotations") or {})


def workloads(manifest: str) -> tuple[str, ...]:
    """The objects to wait for, `Kind/name`."""
    return tuple(key(item) for item in objects(manifest) if item["kind"] in WORKLOADS and not is_hook(item))


def counted(manifest: str) -> str:
    """`14 Deployments, 9 Services, 3 others`, most first."""
    found: dict[str, int] = {}
    for item in objects(manifest):
        found[item["kind"]] = found.get(item["kind"], 0) + 1
    most = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{count} {kind}" for kind, count in most[:4]]
    others = sum(count for _, count in most[4:])
    return ", ".join([*shown, f"{others} others"] if others else shown)


def by_name(value: Any) -> Any:
    """Lists of named things (containers, variables, volumes, ports) as mappings: what differs is then one of them."""
    if isinstance(value, dict):
        return {name: by_name(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    names = [item.get("name") if isinstance(item, dict) else None for item in value]
    if not value or None in names or len(set(names)) < len(names):
        return [by_name(item) for item in value]
    return {f"[{name}]": by_name(item) for name, item in zip(names, value, strict=True)}


def differences(old: str, new: str) -> list[str]:
    """One line each: `+ Service/x`, `- Service/x`, `~ Deployment/x spec.replicas: 2 -> 3`."""
    before = {key(item): by_name(item) for item in objects(old)}
    after = {key(item): by_name(item) for item in objects(new)}
    lines = [f"- {name}" for name in before if name not in after]
    lines += [f"+ {name}" for name in after if name not in before]
    for name in (name for name in after if name in before):
        for change in diff_values(before[name], after[name]):
            plain = replace(change, path=change.path.replace(".[", "["))
            lines += [f"~ {name} {line.strip()}" for line in plain.lines()]
    return lines
