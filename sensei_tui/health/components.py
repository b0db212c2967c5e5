"""The components of the vendor's drawing (the guide, "Architecture"), in its order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

NAME_LABEL = "app.kubernetes.io/name"
COMPONENT_LABEL = "app.kubernetes.io/component"
PLATFORM = "sensei"
"""Value of the name label on everything both charts make."""

CONTROL_PLANE = "Control plane"
DATA_PLANE = "Data plane"
DATA_STORES = "Data stores"
LLM = "LLM"


class Component(msgspec.Struct, frozen=True):
    """One box of the drawing, and the workload that the charts make for it."""

    name: str
    """Value of the component label."""
    title: str
    group: str
    workload: str
    """`Deployment/sensei-kora`."""
    external: tuple[str, ...] = ()
    """The setting that says a server of the operator's is used instead: `("redis", "external", "enabled")`."""

    @property
    def release(self) -> str:
        """Which chart it comes from: its parts come and go together."""
        return "dependencies" if self.group == DATA_STORES else "sensei-full"


def _deployed(group: str, **titles: str) -> tuple[Component, ...]:
    names = {name.replace("_", "-"): title for name, title in titles.items()}
    return tuple(Component(name, title, group, f"Deployment/sensei-{name}") for name, title in names.items())


def _store(name: str, title: str, workload: str, key: str) -> Component:
    return Component(name, title, DATA_STORES, f"StatefulSet/{workload}", (key, "external", "enabled"))


COMPONENTS: tuple[Component, ...] = (
    *_deployed(
        CONTROL_PLANE, dashboard="Dashboard", api="API", orchestration="Orchestration",
        pattern_library="Pattern Library",
    ),
    *_deployed(DATA_PLANE, maba="MABA", kora="KORA", amani="AMANI", workers="Workers", agents="Agents"),
    _store("postgresql", "PostgreSQL", "sensei-postgresql", "postgresql"),
    _store("redis", "Redis", "sensei-redis", "redis"),
    _store("vector-db", "Vector DB", "sensei-weaviate", "vectorDb"),
    _store("object-storage", "Object Storage", "sensei-minio", "storage"),
    Component("llm", "LLM (local)", LLM, "Deployment/sensei-llm"),
)  # fmt: skip


def component_of(labels: Mapping[str, str]) -> str:
    """The component an object belongs to, by its labels; empty where it is none of ours."""
    return labels.get(COMPONENT_LABEL, "") if labels.get(NAME_LABEL) == PLATFORM else ""


def is_ours(labels: Mapping[str, str]) -> bool:
    """Whether one of the charts made the object."""
    return labels.get(NAME_LABEL) == PLATFORM


def is_external(component: Component, values: Mapping[str, Any] | None) -> bool:
    """Whether the values say that a server outside the charts does this component's work."""
    if component.group == LLM:
        return bool(_get(values, ("llm", "provider")) == "anthropic")
    return bool(component.external and _get(values, component.external) is True)


def is_wanted(component: Component, values: Mapping[str, Any] | None) -> bool:
    """Whether the charts make it with these values."""
    if component.group == LLM:
        return bool(_get(values, ("llm", "provider")) == "local")
    return not is_external(component, values)


def _get(values: Mapping[str, Any] | None, path: tuple[str, ...]) -> Any:
    found: Any = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
