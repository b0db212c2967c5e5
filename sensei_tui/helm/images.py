"""What the rendered charts pull: images of containers, and OCI artifacts that their loaders fetch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sensei_tui.helm.engine import render_offline
from sensei_tui.helm.manifest import key, objects
from sensei_tui.site.charts import CHARTS, chart_dir
from sensei_tui.site.resolve import for_rendering
from sensei_tui.site.site import Site

_LOADER = "load"
"""Name of the init container, and first argument of it, that fetches the artifact named by its second."""


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """One image or artifact."""

    name: str
    """`registry.sensei.ai/sensei/kora:1.0.0`, or with a digest: as it stands in the pod."""
    kind: str
    """`image` or `artifact`."""
    used_by: tuple[str, ...]
    """`Deployment/sensei-kora`, in the order of the charts."""


def needed(values: Mapping[str, Any], site: Site | None = None) -> tuple[Pulled, ...]:
    """What the site's charts (without a site: those of the package) need with these values. Raises HelmError."""
    charts = {release: chart_dir(chart, site) for release, chart in CHARTS.items()}
    return pulled(render_offline(charts, for_rendering(dict(values)), site.config.namespace if site else "sensei"))


def pulled(manifests: Mapping[str, str]) -> tuple[Pulled, ...]:
    """Everything that the rendered charts (hooks and chart tests included) make a cluster pull, by name."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for text in manifests.values():
        for item in objects(text):
            for kind, name in _of_pod(pod_of(item)):
                found.setdefault((kind, name), {})[key(item)] = None
    return tuple(Pulled(name=name, kind=kind, used_by=tuple(users)) for (kind, name), users in sorted(found.items()))


def pod_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod that an object makes, or is; empty if it makes none."""
    spec = item.get("spec") or {}
    spec = (spec.get("jobTemplate") or {}).get("spec", spec)
    found: Mapping[str, Any] = spec if item["kind"] == "Pod" else (spec.get("template") or {}).get("spec", {})
    return found


def _of_pod(pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for box in (*pod.get("initContainers", ()), *pod.get("containers", ())):
        yield "image", str(box["image"])
        arguments = box.get("args") or []
        if box["name"] == _LOADER and arguments[:1] == [_LOADER]:
            yield "artifact", str(arguments[1])
