"""Claims and RuntimeClasses that the operator names and the rendered charts use, without making them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sensei_tui.helm.images import pod_of
from sensei_tui.preflight.facts import Named
from sensei_tui.site.tree import leaves
from sensei_tui.site.values import Values


def claims_named(objects: Iterable[Mapping[str, Any]], values: Values) -> Iterator[Named]:
    """Those that pods mount and no chart makes, by name."""
    objects = list(objects)
    made = {item["metadata"]["name"] for item in objects if item["kind"] == "PersistentVolumeClaim"}
    volumes = (volume for item in objects for volume in pod_of(item).get("volumes") or ())
    used = {source["claimName"] for volume in volumes if (source := volume.get("persistentVolumeClaim"))}
    for name in sorted(used - made):
        yield Named(name, place(values, name, "existingClaim"))


def runtimes_named(objects: Iterable[Mapping[str, Any]], values: Values) -> Iterator[Named]:
    """The RuntimeClasses of pods, by name."""
    used = {str(name) for item in objects if (name := pod_of(item).get("runtimeClassName"))}
    for name in sorted(used):
        yield Named(name, place(values, name, "runtimeClassName"))


def place(values: Values, name: str, key: str = "") -> str:
    """`postgresql.external.existingSecret (values.yaml:12)`; empty where the values do not name it.

    `key` is how the setting ends, where it is known: the same word may stand elsewhere too.
    """
    for path, value in leaves(values.tree):
        if path.endswith(key) and name in (value if isinstance(value, list) else (value,)):
            origin = values.origin(path.split("."))
            return f"{path} ({origin.file.name}:{origin.line})" if origin else path
    return ""
