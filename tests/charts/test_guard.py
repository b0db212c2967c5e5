"""What a deployed store can't become, refused by the chart on a simulated cluster; tests/cluster has a real one's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import open_engine
from sensei_tui.helm.errors import HelmError
from tests.charts.helpers import DIRECTORIES, NAMESPACE
from tests.fixtures_cluster import running_cluster

CHART = DIRECTORIES["sensei-deps"]
Node = dict[str, Any]


def minio(**changed: Any) -> Node:
    return {"storage": {"minio": changed}}


REFUSED: list[tuple[Node, str]] = [
    (minio(replicas=4), "drivesPerReplica is 4 x 2, the object storage was made with 3 x 2"),
    (minio(replicas=1), "drivesPerReplica is 1 x 2, the object storage was made with 3 x 2"),
    (minio(drivesPerReplica=4), "drivesPerReplica is 3 x 4, the object storage was made with 3 x 2"),
    ({"vectorDb": {"replicas": 1}}, "vectorDb.replicas is 1, the vector database has 3 pods"),
    ({"redis": {"persistence": {"size": "20Gi"}}}, "redis.persistence.size is 20Gi, the volumes of sensei-redis were"),
    (minio(persistence={"size": "20Gi"}), "storage.minio.persistence.size is 20Gi, the volumes of sensei-minio were"),
    ({"global": {"storageClass": "other"}}, 'global.storageClass is "other", the volumes of sensei-'),
]


def test_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    with running_cluster(tmp_path / "cluster", "speed: 500") as cluster:
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets"
        with open_engine(Target(str(cluster.kubeconfig), "", NAMESPACE)) as engine:
            engine.install("sensei-deps", CHART, {}, timeout=30)
            before = [item["metadata"]["generation"] for item in cluster.request("GET", path).body["items"]]
            for values, told in REFUSED:
                with pytest.raises(HelmError) as caught:
                    engine.upgrade("sensei-deps", CHART, values, timeout=30)
                assert told in str(caught.value), values
            engine.upgrade("sensei-deps", CHART, {"vectorDb": {"replicas": 5}}, timeout=30)
        assert [item["metadata"]["generation"] for item in cluster.request("GET", path).body["items"]][:3] == before[:3]
