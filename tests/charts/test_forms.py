"""The forms that settings are held to: the same in this program's validator and in Helm's, whose regular expressions are others."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.helm.engine import render_offline
from sensei_tui.helm.errors import HelmError
from sensei_tui.site.schema import rule, schema
from sensei_tui.site.tree import set_path
from sensei_tui.site.validate import check_value, schema_errors
from tests.charts.erasure import survives
from tests.charts.helpers import DIRECTORIES, NAMESPACE

HOST, URL = "postgresql.external.host", "storage.external.endpoint"
CPU, MEMORY, SIZE = "llm.resources.cpu", "redis.resources.memory", "redis.persistence.size"
PATH, CRON, NETWORKS = "patternLibrary.snapshotPath", "backup.schedule", "networkPolicy.databases"
TOLERATIONS, GRPC = "global.tolerations", "vectorDb.external.grpc"
DOMAIN, REGISTRY, CLASS = "global.domain", "global.imageRegistry", "global.storageClass"
BUCKET = "backup.bucket.name"
SELECTOR, ANNOTATIONS = "global.nodeSelector", "ingress.annotations"
SECRET_KEY, GPU, GATEWAY = "redis.external.passwordKey", "llm.gpu.resourceName", "gateway.namespace"
TAKEN: dict[str, list[Any]] = {
    HOST: ["db", "db.lan", "10.0.0.1", "fd00::1", "::1", "fe80::a:b:c:d", "64:ff9b::10.0.0.1", "::ffff:1", "DB-1.3com", ""],
    DOMAIN: ["sensei.internal.example.com", "a", "1.2.3a", "a-1.b--c", "1-a", "x" * 63 + ".lan", ""],
    REGISTRY: ["registry.lan:65535/a/b", "10.0.0.5:5000", "Reg", "r:1", ""],
    CLASS: ["fast", "fast.ssd-1", "1e3", ""],
    URL: ["https://s3.lan", "http://10.0.0.1:9000/", "https://[fd00::1]:9443/s3", "https://s3.lan:65535", "http://S3.lan:1", ""],
    SECRET_KEY: ["password", ".pw", "a.b-c_D1", "_"],
    GPU: ["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.5gb", "gpu.example.com/A_b"],
    BUCKET: ["abc", "a" * 63, "our.sensei-1", "1.2.3", "2026"],
    GATEWAY: ["gateways", "g-1", ""],
    GRPC: ["vectors.lan:50051", "[fd00::1]:50051", ""],
    CPU: ["1", "500m", "0.5", "0.05", "2.125", 2, 0.5],
    MEMORY: ["16Mi", "512Mi", "1.5Gi", "0.5Gi", "2G", "1Ti"],
    SIZE: ["1Gi", "1G", "1024Mi", "1.5Ti", "100Gi"],
    PATH: ["/data", "/data/patterns", "/srv/sensei/v1.2_a-b", "/etcetera", "/variants/x", ""],
    CRON: ["0 2 * * *", "*/15 0-5,22-23 1,15 * mon-fri", "5 4 * * 0", "@daily", "0 0 1 JAN,jul ?", "59 23 31 12 6"],
    NETWORKS: [["10.0.0.0/8", "192.168.1.7/32", "0.0.0.0/0", "::/0", "fd00:20::/64", "fd00::1/128"], []],
    TOLERATIONS: [[{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}, {"operator": "Exists"}],
                  [{"key": "a/b", "value": "c", "effect": "NoSchedule"}, {"key": "a", "operator": "Equal"}, {"operator": "Exists", "value": ""}]],
    SELECTOR: [["disk=ssd", "a.b/c_D=", "x=1"], []],
    ANNOTATIONS: [["a=b=c d", "Nginx.Ingress.kubernetes.io/x=", 'json={"a": 1}'], []],
}  # fmt: skip
REFUSED: dict[str, list[Any]] = {
    HOST: ["[fd00::1]", "db:5432", "http://db", "a b", "user@db", "1:2", "300.1.1.1", "010.0.0.1", "1.2.3", "a..b", "a.-b", "db.lan.",
           "::ffff:10.0.0.1", "::FFFF:a00:1", "0:0:0:0:0:ffff:a00:1", "0000::0:ffff:10.0.0.1"],
    DOMAIN: ["Sensei.Example.Com", "a..b", "10.1.2.3", "sensei.1", "a.b.", "-a", "a_b", "https://a", "x" * 254],
    REGISTRY: ["reg:99999999", "reg:65536", "reg:0", "a..b", "https://r"],
    CLASS: ["a..b", "a.-b", "A", "a_b", "x" * 254],
    "postgresql.external.passwordKey": ["a/b", "", "a b", ".", "..", "..a"],
    SECRET_KEY: ["a/b", "", "a b", ".", "..", "..a"],
    "global.caBundle.key": ["a/b", "", "a b", ".", "..", "..a"],
    GPU: ["gpu", "cpu", "nvidia.com/gpu x", "Nvidia.com/gpu", "a/b/c", "/gpu", "nvidia.com/", "a..b/c", "requests.a/b", ""],
    BUCKET: ["a..b", "10.1.2.3", "ab", "a" * 64, "a.-b", "-ab", "Abc", "a_b", ""],
    GATEWAY: ["a.b", "A"],
    URL: ["https://user:pw@s3.lan", "https://user@s3.lan", "https://s3.lan/a@b", "s3.lan", "ftp://s3.lan", "https://", "https://a b",
          "https://fd00::1", "https://s3.lan:99999", "https://s3.lan:65536", "https://s3.lan:0", "https://a..b", "https://[::ffff:10.0.0.1]:9000",
          "https://300.1.1.1"],
    GRPC: ["fd00::1", "vectors.lan", "https://vectors.lan:1", "u@vectors.lan:1", "vectors.lan:65536", "[::ffff:10.0.0.1]:1"],
    CPU: ["0", "0m", "0.0", "0.000", "1Gi", "-1", "1e3", "500M", 0, -1, 0.0],
    MEMORY: ["2000m", "0", "1Mi", "15Mi", "0Gi", "0.0Gi", "8", "1k", "512Ki", "1e9", "8GB", 1e9, 512],
    SIZE: ["2000m", "0", "0Gi", "1Mi", "999Mi", "0.5Gi", "10", "10GB"],
    PATH: ["/", "/tmp", "/usr", "/usr/share/x", "/etc/sensei/registry", "/var/lib", "/proc/1", "data", "/data/../etc", "/data/..", "/data/.x",
           "/a:b", "/data/", "//data", "/data//x", "/data x"],
    CRON: ["61 25 * * *", "* * * *", "* * * * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 7", "0 0 * foo *", "a b c d e",
           "*/0 * * * *", "TZ=UTC 0 0 * * *", ""],
    NETWORKS: [["10.0.0.0/99"], ["10.0.0.0/33"], ["300.0.0.0/8"], ["fd00::/129"], ["10.0.0.0"], ["10.0.0/8"], ["a/8"], ["::ffff:a00:0/104"],
               ["010.0.0.0/8"], "[10.0.0.0/8]"],
    TOLERATIONS: [[{"kye": "a"}], [{"operator": "exists"}], [{"effect": "NoSchedul"}], [{"tolerationSeconds": "60"}], ["a"],
                  [{"operator": "Exists", "value": "x"}], [{"key": "a", "operator": "Exists", "value": "x"}], [{}], [{"operator": "Equal"}],
                  [{"key": "", "value": "x"}], [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5}],
                  [{"operator": "Exists", "tolerationSeconds": 5}], [{"key": "a b", "operator": "Exists"}], [{"key": "a", "value": "b c"}]],
    SELECTOR: [["a b=c"], ["a=c d"], ["a"], ["=b"], ["a/b/c=d"], ["A/b=c"], ["a=-"]],
    ANNOTATIONS: [["a b c=d"], ["a"], ["=b"], ["a/b/c=d"], ["a..b/c=d"], ["-a=b"]],
    "llm.artifact.registry": [""],
    "patternLibrary.artifact.registry": [""],
}  # fmt: skip


def pairs(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(path, value) for path, values in table.items() for value in values]


@pytest.mark.parametrize(("path", "value"), pairs(TAKEN))
def test_taken(path: str, value: Any) -> None:
    assert check_value(path, value) == ""


@pytest.mark.parametrize(("path", "value"), pairs(REFUSED))
def test_refused_in_words(path: str, value: Any) -> None:
    said = check_value(path, value)
    assert "Allowed: " in said
    assert "^" not in said, "no regular expression"


def rounds(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Values with one of each path's, until each has been there."""
    found: list[dict[str, Any]] = []
    for number in range(max(map(len, table.values()))):
        found.append({})
        for path, values in table.items():
            set_path(found[-1], path, values[number % len(values)])
    return found


def helm(values: dict[str, Any]) -> str:
    """What Helm says against these values; empty where it renders both charts."""
    try:
        render_offline(DIRECTORIES, values, NAMESPACE)
    except HelmError as error:
        return str(error)
    return ""


def test_helm_takes_the_same() -> None:
    for values in rounds(TAKEN):
        assert helm(values) == "", values


def test_helm_refuses_the_same() -> None:
    for values in rounds(REFUSED):
        said = helm(values)
        for path in REFUSED:
            assert f"'/{path.replace('.', '/')}" in said, (path, values)


@pytest.mark.parametrize("group", [key for key, sub in schema()["properties"].items() if sub["type"] == "object"])
def test_helm_refuses_a_null_for_a_group_and_names_it(group: str) -> None:
    assert f"'{group}'" in helm({group: None})


def test_helm_refuses_a_null_deeper() -> None:
    assert "'bucket'" in helm({"backup": {"bucket": None}})
    assert "'size'" in helm({"redis": {"persistence": {"size": None}}})
    assert helm({"controlPlane": {"api": {"replicas": None}}}) == "", "which is its default"


@pytest.mark.parametrize("replicas", (rule("storage.minio.replicas") or {})["enum"])
def test_a_layout_of_the_object_storage_is_taken_where_it_survives_the_loss_of_a_pod(replicas: int) -> None:
    def taken(drives: int) -> bool:
        layout = {"replicas": replicas, "drivesPerReplica": drives}
        return not list(schema_errors({"storage": {"minio": layout}}))

    assert {drives for drives in range(1, 9) if taken(drives)} == {
        drives for drives in range(1, 9) if replicas == 1 or survives(replicas, drives)
    }
