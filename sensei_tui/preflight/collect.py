"""Collects every fact, one named step after another, so that progress can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from sensei_tui.base.errors import UsageError
from sensei_tui.base.text import plural
from sensei_tui.cluster.client import Cluster, connect
from sensei_tui.cluster.kinds import Kind, Kinds
from sensei_tui.preflight import access, cluster_facts, fsync, host_facts, needs, nvml, secret_needs
from sensei_tui.preflight.cluster_facts import ask
from sensei_tui.preflight.facts import ClusterFacts, Facts, HostFacts, Needs, Unknown
from sensei_tui.site.charts import CHARTS
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_of
from sensei_tui.site.validate import validate
from sensei_tui.site.values import load_values


class Progress(Protocol):
    """Told before each step: how many are done, of how many, and what comes now."""

    def __call__(self, done: int, total: int, title: str, /) -> None: ...


def silent(done: int, total: int, title: str, /) -> None:
    """Tells nobody."""


@dataclass
class _Step:
    title: str
    do: Callable[[], Any]


class Collector:
    """One preflight's facts. Nothing is changed in the cluster; on this host one nameless file is written and gone."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._found: dict[str, Any] = {}
        self._cluster: Cluster | Unknown = Unknown("the cluster was not asked")

    def collect(self, on_progress: Progress = silent) -> Facts:
        """All of them. What fails becomes Unknown; only a defect of ours raises."""
        with ExitStack() as stack:
            steps = list(self._steps(stack))
            for number, step in enumerate(steps):
                on_progress(number, len(steps), step.title)
                step.do()
        return self._facts()

    def _steps(self, stack: ExitStack) -> Iterator[_Step]:
        yield _Step("connecting to the cluster", lambda: self._connect(stack))
        yield _Step("rendering the charts", lambda: self._keep("needs", self._needs))
        yield _Step("API server", lambda: self._ask("server", cluster_facts.server))
        yield _Step("nodes", lambda: self._ask("nodes", cluster_facts.nodes))
        yield _Step("pods of all namespaces", lambda: self._ask("pods", cluster_facts.pods))
        yield _Step("storage classes", lambda: self._ask("storage_classes", cluster_facts.storage_classes))
        yield _Step("volumes of the namespace", lambda: self._ask("claims", cluster_facts.claims))
        yield _Step("RuntimeClasses", lambda: self._ask("runtimes", cluster_facts.runtimes))
        yield _Step("Secrets", lambda: self._ask("secrets", self._secrets))
        yield _Step("permissions", lambda: self._ask("denied", self._denied))
        yield _Step("CPU and memory of this host", self._processor)
        yield _Step("disks of this host", self._disks)
        yield _Step("fdatasync latency", lambda: self._keep("fsync", self._fsync))
        yield _Step("GPUs of this host", lambda: self._keep("nvml", nvml.collect))

    def _connect(self, stack: ExitStack) -> None:
        self._cluster = ask(lambda: connect(target_of(self._site)))
        if isinstance(self._cluster, Cluster):
            stack.callback(self._cluster.close)

    def _keep(self, name: str, function: Callable[[], Any]) -> None:
        self._found[name] = ask(function)

    def _ask(self, name: str, function: Callable[[Cluster], Any]) -> None:
        cluster = self._cluster
        self._found[name] = cluster if isinstance(cluster, Unknown) else ask(lambda: function(cluster))

    # The site.

    def _needs(self) -> Needs:
        values = load_values(self._site)
        errors = [problem for problem in validate(values) if problem.severity == "error"]
        if errors:
            first = errors[0]
            raise UsageError(
                f"The configuration has {plural(len(errors), 'error')}:", why=f"{first.path}: {first.message}",
                remedy="sensei config validate lists all of them.",
            )  # fmt: skip
        return needs.needs_of(self._site, values, self._kind)

    def _kind(self, name: str, version: str) -> Kind:
        """Where objects of the charts live: the cluster knows its own kinds; without one, those known by heart."""
        if isinstance(self._cluster, Cluster):
            return self._cluster.kind(name, version)
        found = Kinds(lambda _: {"resources": []}).find(name, version)
        return found or Kind(name, version, f"{name.lower()}s")

    def _denied(self, cluster: Cluster) -> Any:
        found = self._found["needs"]
        if isinstance(found, Unknown):
            return found
        there = ask(lambda: cluster.exists("Namespace", self._site.config.namespace)) is True
        wanted = [item for item in found.permissions if not (there and item == access.CREATE_NAMESPACE)]
        return cluster_facts.denied(cluster, wanted)

    def _secrets(self, cluster: Cluster) -> Any:
        found = self._found["needs"]
        return found if isinstance(found, Unknown) else secret_needs.keys_there(cluster, found.secrets)

    # This host.

    def _processor(self) -> None:
        self._keep("cores", host_facts.cores)
        self._keep("flags", host_facts.flags)
        self._keep("memory", host_facts.memory)

    def _disks(self) -> None:
        self._keep("disk", lambda: host_facts.disk(self._site.root))
        self._keep("nvme", host_facts.nvme)

    def _fsync(self) -> Any:
        disk = self._found["disk"]
        return disk if isinstance(disk, Unknown) else fsync.measure(self._site.state, disk.filesystem)

    def _facts(self) -> Facts:
        found = dict(self._found)
        memory = found.pop("memory")
        total, available = (memory, memory) if isinstance(memory, Unknown) else memory
        asked = ("server", "nodes", "pods", "storage_classes", "claims", "runtimes", "denied", "secrets")
        cluster = {name: found[name] for name in asked}
        host = {name: found[name] for name in ("cores", "flags", "disk", "nvme", "fsync", "nvml")}
        return Facts(
            cluster=ClusterFacts(**cluster),
            host=HostFacts(
                name=host_facts.name(), machine_id=host_facts.machine_id(), memory=total, available=available, **host
            ),
            needs=found["needs"],
            releases=tuple(CHARTS),
            namespace=self._site.config.namespace,
        )
