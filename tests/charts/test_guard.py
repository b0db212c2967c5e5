"""What only the templates can refuse: what a deployed store can't become (tests/cluster has a real cluster's part), and values for Helm alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensei_probe.settings import place
from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import open_engine
from sensei_tui.helm.errors import HelmError
from tests.charts.helpers import DIRECTORIES, NAMESPACE, render
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


CLAIMS = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims"
KEPT = {"backup": {"to": "volume"}}


def test_volumes_that_an_uninstalled_store_left(tmp_path: Path) -> None:
    """The claims say what the StatefulSets would; volumes of backups stay in their class whatever is asked."""
    with running_cluster(tmp_path / "cluster", "speed: 500") as cluster:
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        with open_engine(Target(str(cluster.kubeconfig), "", NAMESPACE)) as engine:
            engine.install("sensei-deps", CHART, KEPT, timeout=30)
            claims = {item["metadata"]["name"]: item for item in cluster.request("GET", CLAIMS).body["items"]}
            was = claims["sensei-backups"]["spec"]["storageClassName"]
            engine.uninstall("sensei-deps", timeout=30)
            for values, told in REFUSED:
                with pytest.raises(HelmError) as caught:
                    engine.install("sensei-deps", CHART, KEPT | values, timeout=30)
                assert told in str(caught.value), values
            for name in claims:
                if name.startswith("data-"):
                    cluster.request("DELETE", f"{CLAIMS}/{name}")
            engine.install("sensei-deps", CHART, KEPT | {"global": {"storageClass": "other"}}, timeout=30)
            assert cluster.request("GET", f"{CLAIMS}/sensei-backups").body["spec"]["storageClassName"] == was
            smaller = {"backup": {"to": "volume", "volume": {"size": "50Gi"}}, "global": {"storageClass": "other"}}
            with pytest.raises(
                HelmError, match=r"backup\.volume\.size is 50Gi, the volume sensei-backups was made with 100Gi"
            ):
                engine.upgrade("sensei-deps", CHART, smaller, timeout=30)


def backups(endpoint: str, store: str) -> Node:
    """Into a bucket that has the name of one of the storage's."""
    external = {"external": {"enabled": True, "existingSecret": "a", "endpoint": store}} if store else {}
    bucket = {"name": "sensei-artifacts", "endpoint": endpoint, "existingSecret": "a"}
    return {"storage": external, "backup": {"bucket": bucket}}


# The address of the backup's bucket, and the storage's own; none: the bundled one.
SAME = {
    "https://s3.lan/": "https://s3.lan", "https://S3.Lan": "https://s3.lan", "https://s3.lan:443": "https://s3.lan",
    "http://s3.lan:80/": "http://s3.lan", "https://s3.lan/s3//": "https://S3.lan:443/s3", "https://[FD00::1]": "https://[fd00::1]:443/",
    "http://s3.sensei.svc": "http://s3", "http://sensei-minio:9000": "", "http://Sensei-MinIO.sensei:9000/": "",
    "http://sensei-minio.sensei.svc:9000": "", "http://sensei-minio.sensei.svc.cluster.local:9000": "",
}  # fmt: skip
OTHERS = {
    "https://other.lan": "https://s3.lan", "http://s3.lan": "https://s3.lan", "https://s3.lan:9000": "https://s3.lan",
    "https://s3.lan/b": "https://s3.lan/a", "http://sensei-minio.other.svc:9000": "", "http://sensei-minio.sensei.lan:9000": "",
}  # fmt: skip
OTHER = {"external": {"enabled": True, "endpoint": "https://s3.lan", "existingSecret": "a"}}
ALONE: list[tuple[Node, str]] = [
    ({"license": {"key": "${LICENSE_KEY}"}}, "license.key holds ${...}, which Helm takes as it stands"),
    ({"llm": {"apiKey": "key-${A}"}}, "make a Secret with the key api-key and name it in llm.existingSecret"),
    ({"license": {"key": "k", "existingSecret": "ours"}}, "license.key and license.existingSecret are both set"),
    ({"llm": {"apiKey": "k", "existingSecret": "ours"}}, "llm.apiKey and llm.existingSecret are both set"),
    ({"backup": {"bucket": {"name": "sensei-artifacts"}}}, "backup.bucket.name is sensei-artifacts"),
    ({"storage": OTHER, "backup": {"bucket": {"name": "sensei-checkpoints", "endpoint": "https://s3.lan/", "existingSecret": "a"}}},
     "backup.bucket.name is sensei-checkpoints"),
    *((backups(endpoint, store), "backup.bucket.name is sensei-artifacts") for endpoint, store in SAME.items()),
    ({"storage": {"buckets": {"checkpoints": "ours", "artifacts": "ours"}}}, "storage.buckets.artifacts are both ours"),
    ({"global": {"nodeSelector": ["a/x=b", "c=d", "a/x=e"]}}, "global.nodeSelector has a/x twice"),
    ({"global": {"domain": "a"}, "ingress": {"enabled": True, "annotations": ["a=b", "a=b"]}}, "ingress.annotations has a twice"),
    *(({"networkPolicy": {"databases": ["10.0.0.0/8", network]}}, f"networkPolicy.databases has {network}, which is no network")
      for network in ("10.20.0.5/16", "10.0.0.1/31", "128.0.0.0/0", "fd00:20::1/64", "fd00:0:0:1::/63", "1:2:3:4:5:6:7:9/127", "::1/0",
                      "1:2:3/48", "::::/64")),
]  # fmt: skip


@pytest.mark.parametrize(("values", "told"), ALONE)
def test_refused_to_helm_alone(values: Node, told: str) -> None:
    with pytest.raises(HelmError) as caught:
        render(values)
    assert told in str(caught.value)


def test_keys_become_secrets_of_ours_alone() -> None:
    found = render({"license": {"key": "k$1"}, "llm": {"provider": "anthropic", "apiKey": "$HOME"}})
    assert {name: item["stringData"] for name, item in found.of("Secret").items()} == {
        "sensei-license": {"license-key": "k$1"}, "sensei-llm": {"api-key": "$HOME"}}  # fmt: skip


@pytest.mark.parametrize("endpoint", OTHERS)
def test_a_bucket_of_the_same_name_elsewhere_is_taken(endpoint: str) -> None:
    assert render(backups(endpoint, OTHERS[endpoint])).of("CronJob")


@pytest.mark.parametrize("endpoint", [*SAME, *OTHERS])
def test_the_probe_refuses_the_same(endpoint: str) -> None:
    store = (SAME | OTHERS)[endpoint] or "http://sensei-minio:9000"
    same = place(endpoint, NAMESPACE) == place(store, NAMESPACE)
    assert same == (endpoint in SAME)


def test_a_network_is_taken_as_it_is_written() -> None:
    networks = ["0.0.0.0/0", "10.20.0.0/16", "10.0.0.2/31", "::/0", "::1/128", "fd00:20::/64", "fd00:0:0:2::/63"]
    policy = render({"networkPolicy": {"databases": networks}}).of("NetworkPolicy")["sensei-databases"]
    assert [rule["to"][0]["ipBlock"]["cidr"] for rule in policy["spec"]["egress"]] == networks
