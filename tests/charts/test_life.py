"""The life of both releases on a simulated cluster."""

from __future__ import annotations

from pathlib import Path

from tests.charts.helpers import NAMESPACE
from tests.charts.life import live
from tests.fixtures_cluster import running_cluster


def test_life_of_both_releases(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster", "speed: 500") as cluster:
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        live(cluster, cluster, NAMESPACE, tmp_path)
