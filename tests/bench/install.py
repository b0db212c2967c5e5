"""The same installation twice, each on a fresh simulated cluster: by a run of ours, and by the Helm engine alone."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensei_tui.cluster.client import Cluster, connect
from sensei_tui.deploy.prepare import Prepared, prepare
from sensei_tui.runs.model import RunState
from sensei_tui.runs.registry import RunDirectory
from sensei_tui.site.target import target_of
from tests.bench.measure import Cost, stopwatch
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import SiteUnderTest

TIMEOUT = 120
HELMS_PART = ("release:", "wait:")
"""Steps of a run that do what Helm does: send both charts and wait until their workloads are ready."""


@dataclass
class Installs:
    """Installs, and keeps how long the steps of our runs took."""

    seconds: list[dict[str, float]] = field(default_factory=list)
    """Of every run of ours: step -> seconds."""

    def ours(self) -> Cost:
        """`sensei install`, from the start of its process to its end; CPU of the console, the runner and the engine."""
        with _fresh() as site:
            with stopwatch() as watch:
                site.sensei("install", "--yes", timeout=TIMEOUT)
                watch.stop()
                known = _reap(site.run())
            view = site.run().view()
        assert view.state is RunState.DONE, view.error
        self.seconds.append({step.id: step.seconds for step in view.steps})
        return watch.cost if known else Cost(watch.cost.wall, 0)

    def theirs(self) -> Cost:
        """Helm alone in a process of its own; namespace and Secrets are there before it starts."""
        with _fresh() as site:
            site.sensei("install", "--plan-only")  # keeps the secrets, so that the next line needs no environment
            prepared = prepare(site.site)
            with connect(target_of(site.site)) as cluster:
                _make_ready(cluster, prepared, site.site.config.namespace)
            order = json.dumps(_order(site, prepared))
            command = [sys.executable, "-m", "tests.bench.helm_alone"]
            with stopwatch() as watch:
                subprocess.run(command, input=order, text=True, check=True, timeout=TIMEOUT)
        return watch.cost

    def steps(self, count: int) -> list[Cost]:
        """The release and wait steps of the last runs; their CPU time cannot be told from the other steps'."""
        chosen = [
            {id: taken for id, taken in run.items() if id.startswith(HELMS_PART)} for run in self.seconds[-count:]
        ]
        return [Cost(sum(run.values()), 0) for run in chosen]

    def shares(self, whole: list[Cost]) -> str:
        """Median seconds of every step, and what was spent outside of them, in one line."""
        runs = self.seconds[-len(whole) :]
        steps = {id: statistics.median(run[id] for run in runs) for id in runs[0]}
        outside = statistics.median(cost.wall - sum(run.values()) for cost, run in zip(whole, runs, strict=True))
        told = [f"{id} {seconds:.2f}" for id, seconds in steps.items()]
        return ", ".join([*told, f"outside the steps (plan, start of the runner, end of the console) {outside:.2f}"])


@contextmanager
def _fresh() -> Iterator[SiteUnderTest]:
    with tempfile.TemporaryDirectory() as name, rehearsed(Path(name) / "site") as site:
        yield site


def _reap(run: RunDirectory) -> bool:
    """Wait for the runner, which was left to us; False if it was left to somebody else (systemd)."""
    assert run.runner is not None
    try:
        os.waitpid(run.runner.pid, 0)
    except ChildProcessError:
        return False
    return True


def _make_ready(cluster: Cluster, prepared: Prepared, namespace: str) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for secret in prepared.resolved.secrets:
        data = {key: value.reveal() for key, value in secret.data.items()}
        metadata = {"name": secret.name, "namespace": namespace}
        cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})


def _order(site: SiteUnderTest, prepared: Prepared) -> dict[str, Any]:
    return {
        "kubeconfig": str(site.site.kubeconfig),
        "namespace": site.site.config.namespace,
        "charts": {item.name: str(item.chart) for item in prepared.releases},
        "values": prepared.resolved.helm_values,
        "timeout": TIMEOUT,
    }
