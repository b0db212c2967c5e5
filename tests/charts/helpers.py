"""Both charts, rendered by the real engine in its child process, for the scenarios a site can be in."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sensei_tui.helm.engine import render_offline
from sensei_tui.helm.manifest import objects
from sensei_tui.site.charts import CHARTS, chart_dir
from sensei_tui.site.resolve import resolve
from sensei_tui.site.values import load_values
from tests.unit.site.helpers import API_KEY, LICENSED, guide, site_with

NAMESPACE = "sensei"
DIRECTORIES = {release: chart_dir(chart) for release, chart in CHARTS.items()}
REGISTRY = "registry.internal.example.com"
EXTERNAL = {
    "postgresql": {"external": {"enabled": True, "host": "db.lan", "existingSecret": "our-db"}},
    "redis": {"external": {"enabled": True, "host": "redis.lan", "existingSecret": "our-redis"}},
    "storage": {"external": {"enabled": True, "endpoint": "https://s3.lan", "existingSecret": "our-s3"}},
    "vectorDb": {"external": {"enabled": True, "url": "https://vectors.lan", "existingSecret": "our-vectors"}},
}
GPUS = "llm:\n  gpu:\n    enabled: true\n    count: 2\n"


class Scenario(NamedTuple):
    """The objects of both releases."""

    values: dict[str, Any]
    dependencies: list[dict[str, Any]]
    sensei: list[dict[str, Any]]
    text: str

    @property
    def all(self) -> list[dict[str, Any]]:
        return [*self.dependencies, *self.sensei]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Every object of a kind by name."""
        return {item["metadata"]["name"]: item for item in self.all if item["kind"] == kind}

    def workloads(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Every object that makes pods, and the pods' spec."""
        for item in self.all:
            spec = item.get("spec", {}).get("jobTemplate", item).get("spec", {})
            if "template" in spec:
                yield item, spec["template"]["spec"]

    def lasting(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Those whose pods are there to stay."""
        return ((item, pod) for item, pod in self.workloads() if item["kind"] in ("Deployment", "StatefulSet"))

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every container, with its workload's name."""
        for item, pod in self.workloads():
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                yield item["metadata"]["name"], container


def render(values: dict[str, Any]) -> Scenario:
    """Both charts with these values. Raises HelmError."""
    manifests = render_offline(DIRECTORIES, values, NAMESPACE)
    dependencies, sensei = (objects(manifests[release]) for release in CHARTS)
    return Scenario(values, dependencies, sensei, "\n".join(manifests.values()))


def guide_values(root: Path, *files: str, extra: str = "") -> dict[str, Any]:
    """What Helm gets for the guide's own files."""
    texts = {name: guide(f"{name.replace('_', '-')}.yaml") for name in files}
    site = site_with(root, **texts, extra=extra, license=LICENSED)
    return resolve(site, load_values(site), {"ANTHROPIC_API_KEY": API_KEY}).helm_values


@functools.cache
def external(store: str) -> Scenario:
    """One store is the operator's own."""
    return render({store: EXTERNAL[store]})
