"""Both charts, rendered by the real engine in its child process, for the scenarios a site can be in."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sensei_tui.helm.engine import render_offline
from sensei_tui.helm.manifest import key, objects
from sensei_tui.site.charts import CHARTS, chart_dir, charts_dir
from sensei_tui.site.resolve import resolve
from sensei_tui.site.values import load_values
from tests.unit.site.helpers import API_KEY, LICENSED, guide, site_with

NAMESPACE = "sensei"
DIRECTORIES = {release: chart_dir(chart) for release, chart in CHARTS.items()}
EXTERNAL = {
    "postgresql": {"external": {"enabled": True, "host": "db.lan", "existingSecret": "our-db"}},
    "redis": {"external": {"enabled": True, "host": "redis.lan", "existingSecret": "our-redis"}},
    "storage": {"external": {"enabled": True, "endpoint": "https://s3.lan", "existingSecret": "our-s3"}},
    "vectorDb": {"external": {"enabled": True, "url": "https://vectors.lan", "existingSecret": "our-vectors"}},
}
GPUS = "llm:\n  gpu:\n    enabled: true\n    count: 2\n"
FILES = {path.stem: path for path in sorted(charts_dir().glob("scenarios/*.yaml"))}
"""Values that an operator can put on top of the guide's."""
GUIDE = {"guide": ("values",), "airgapped": ("values", "values_airgapped")}
"""The vendor's guide has the values of these itself."""
SCENARIOS = (*GUIDE, *FILES)


class Scenario(NamedTuple):
    """The objects of both releases."""

    values: dict[str, Any]
    dependencies: list[dict[str, Any]]
    sensei: list[dict[str, Any]]
    text: str

    @property
    def all(self) -> list[dict[str, Any]]:
        return [*self.dependencies, *self.sensei]

    @property
    def releases(self) -> dict[str, list[dict[str, Any]]]:
        return dict(zip(CHARTS, (self.dependencies, self.sensei), strict=True))

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Every object of a kind by name."""
        return {item["metadata"]["name"]: item for item in self.all if item["kind"] == kind}

    def workloads(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Every object that makes pods, and the pods' spec."""
        return ((item, template["spec"]) for item in self.all if (template := template_of(item)))

    def pods(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """`Kind/name` of every object that makes pods, and the pods' template."""
        return ((key(item), template) for item in self.all if (template := template_of(item)))

    def lasting(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Those whose pods are there to stay."""
        return ((item, pod) for item, pod in self.workloads() if item["kind"] in ("Deployment", "StatefulSet"))

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every container, with its workload's name."""
        for item, pod in self.workloads():
            for container in [*pod.get("initContainers", []), *pod["containers"]]:
                yield item["metadata"]["name"], container


def template_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The pod template of an object, or nothing."""
    found: dict[str, Any] = item.get("spec", {}).get("jobTemplate", item).get("spec", {}).get("template", {})
    return found


def render(values: dict[str, Any], directories: Mapping[str, Path] = DIRECTORIES) -> Scenario:
    """Both charts with these values. Raises HelmError."""
    manifests = render_offline(directories, values, NAMESPACE)
    dependencies, sensei = (objects(manifests[release]) for release in CHARTS)
    return Scenario(values, dependencies, sensei, "\n".join(manifests.values()))


@functools.cache
def scenario(name: str) -> Scenario:
    """One of SCENARIOS."""
    return render(values_of(name))


def values_of(name: str) -> dict[str, Any]:
    """What Helm gets for one of SCENARIOS: a file's values are put on top of the guide's own."""
    with tempfile.TemporaryDirectory() as root:
        if name in FILES:
            return guide_values(Path(root), "values", extra=FILES[name].read_text())
        return guide_values(Path(root), *GUIDE[name], extra=GPUS if name == "airgapped" else "")


def guide_values(root: Path, *files: str, extra: str = "") -> dict[str, Any]:
    """What Helm gets for the guide's own files."""
    texts = {name: guide(f"{name.replace('_', '-')}.yaml") for name in files}
    site = site_with(root, **texts, extra=extra, license=LICENSED)
    return resolve(site, load_values(site), {"ANTHROPIC_API_KEY": API_KEY}).helm_values


@functools.cache
def external(store: str) -> Scenario:
    """One store is the operator's own."""
    return render({store: EXTERNAL[store]})
