"""A rehearsed install through the runner, and the same charts through the bare Helm engine, on one simulated cluster."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sensei_tui.cluster.client import connect
from sensei_tui.cluster.target import Target
from sensei_tui.deploy.prepare import prepare
from sensei_tui.helm.engine import open_engine
from sensei_tui.rehearsal import launch
from sensei_tui.site.new import create_site
from sensei_tui.site.site import Site

ROOMY = "nodes: [{name: node, count: 60}]\n"
"""Every install goes into a namespace of its own and stays: there must be room for all of them."""
TIMEOUT = 300


@dataclass
class Simulated:
    """A site on a running simulated cluster; each install takes the next namespace."""

    site: Site
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next(self) -> Site:
        """The site, pointed at a namespace nobody has used."""
        self.site = self.site.configure(namespace=f"bench-{next(self.numbers)}")
        return self.site


@contextmanager
def simulated_site(root: Path) -> Iterator[Simulated]:
    """The guide's own values on a simulated cluster, which ends with the block."""
    os.environ.setdefault("ANTHROPIC_API_KEY", "not-a-key")
    site = create_site(root, name="bench", rehearsal=True)
    (root / "license.yaml").write_text("license:\n  key: 'not-a-licence'\n  organization: 'Bench'\n")
    (root / "scenario.yaml").write_text(ROOMY)
    launch.start(site.rehearsal_dir, scenario=root / "scenario.yaml")
    try:
        yield Simulated(site)
    finally:
        launch.stop(site.rehearsal_dir)


def rehearsed_install(simulated: Simulated) -> None:
    """`sensei install`, the whole of it: plan, runner, preflight, secrets, both releases, waits, verification, record."""
    command = [sys.executable, "-m", "sensei_tui", "--site", str(simulated.next().root), "install", "--yes"]
    subprocess.run(command, check=True, capture_output=True)


def bare_install(simulated: Simulated) -> None:
    """Both charts with the same values by the engine alone, waiting as `helm install --wait` does."""
    prepared = prepare(simulated.next())
    namespace = prepared.site.config.namespace
    target = Target(str(prepared.site.kubeconfig), "", namespace)
    with connect(target) as cluster:
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        for secret in prepared.resolved.secrets:
            data = {key: value.reveal() for key, value in secret.data.items()}
            metadata = {"name": secret.name, "namespace": namespace}
            cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    with open_engine(target) as engine:
        for release in prepared.releases:
            values = prepared.resolved.helm_values
            engine.install(release.name, release.chart, values, timeout=TIMEOUT, wait="watcher")
