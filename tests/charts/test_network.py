"""Who may talk to whom: a table, decided from the rendered policies."""

from __future__ import annotations

import copy
import functools
import re

import pytest

from sensei_tui.health.components import COMPONENTS, DATA_PLANE, DATA_STORES, LLM
from tests.charts import helpers
from tests.charts.network import End, Network, Outside, Pod
from tests.charts.test_labels import PREFIX

INTERNET, DATABASE, DATABASE_6 = Outside("93.184.215.14"), Outside("10.20.3.4"), Outside("fd00:20::7")
STRANGER = Pod({"app": "else"})
"""A pod of somebody else in the namespace of the platform."""
ELSEWHERE = Pod({"app": "else"}, namespace="default")
CONTROLLER = Pod({"app.kubernetes.io/name": "ingress-nginx"}, namespace="ingress-nginx")
IMPOSTOR = Pod({"app.kubernetes.io/name": "sensei"}, namespace="default")
"""Our labels in another namespace are none of ours."""
OTHERS: dict[str, End] = {"internet": INTERNET, "a database": DATABASE, "a database, IPv6": DATABASE_6, "stranger": STRANGER, "elsewhere": ELSEWHERE,
          "ingress controller": CONTROLLER, "impostor": IMPOSTOR}  # fmt: skip
EVERY = tuple(component.name for component in COMPONENTS if component.group not in (DATA_STORES, LLM))
DATA = tuple(component.name for component in COMPONENTS if component.group == DATA_PLANE)
JOBS = ("buckets", "migrations", "backup", "restore", "test")

MAY = """
guide                internet            dashboard         8080
guide                elsewhere           api               8080
guide                stranger            dashboard         8080
guide                dashboard           api               8080
guide                api                 orchestration     8080
guide                workers             pattern-library   8080
guide                agents              kora              8080
guide                EVERY               postgresql        5432
guide                EVERY               redis             6379
guide                EVERY               object-storage    9000
guide                EVERY               vector-db         8080
guide                EVERY               vector-db         50051
guide                JOBS                postgresql        5432
guide                JOBS                object-storage    9000
guide                test                dashboard         8080
guide                vector-db           vector-db         7103
guide                object-storage      object-storage    9001
guide                api                 internet          443
guide                orchestration       internet          443
guide                test                internet          443
guide                DATA                a database        1521
guide                DATA                a database, IPv6  3306
guide                DATA                internet          5432
guide                JOBS                internet          8443
airgapped            api                 llm               8000
airgapped            test                llm               8000
airgapped            llm                 internet          443
airgapped            pattern-library     internet          443
local-llm            llm                 internet          443
pull-secret          pattern-library     internet          8443
closed-network       ingress controller  dashboard         8080
closed-network       ingress controller  api               8080
closed-network       dashboard           api               8080
closed-network       DATA                a database        1521
closed-network       DATA                a database, IPv6  3306
closed-network       backup              internet          9443
closed-network       restore             internet          9443
external-postgresql  EVERY               internet          5432
external-redis       dashboard           internet          6380
external-storage     api                 internet          9443
external-storage     buckets             internet          9443
external-vector-db   pattern-library     internet          443
external-vector-db   pattern-library     internet          50051
"""
MAY_NOT = """
guide                internet            orchestration     8080
guide                internet            postgresql        5432
guide                stranger            postgresql        5432
guide                elsewhere           redis             6379
guide                impostor            object-storage    9000
guide                impostor            kora              8080
guide                internet            vector-db         8080
guide                EVERY               object-storage    9001
guide                postgresql          object-storage    9001
guide                EVERY               postgresql        22
guide                EVERY               workers           8080
guide                EVERY               agents            8080
guide                internet            workers           8080
guide                stranger            JOBS              8080
guide                api                 orchestration     9999
guide                internet            dashboard         22
guide                postgresql          redis             5432
guide                redis               postgresql        5432
guide                vector-db           object-storage    9001
guide                dashboard           internet          443
guide                dashboard           internet          80
guide                dashboard           internet          22
guide                api                 internet          80
guide                orchestration       a database        5432
guide                postgresql          internet          443
guide                redis               internet          443
guide                object-storage      internet          443
guide                vector-db           internet          443
guide                api                 stranger          8080
airgapped            api                 internet          443
airgapped            dashboard           internet          443
airgapped            orchestration       internet          443
airgapped            llm                 internet          80
airgapped            internet            llm               8000
pull-secret          pattern-library     internet          5000
pull-secret          api                 internet          8443
closed-network       elsewhere           dashboard         8080
closed-network       stranger            api               8080
closed-network       internet            dashboard         8080
closed-network       ingress controller  orchestration     8080
closed-network       ingress controller  postgresql        5432
closed-network       impostor            dashboard         8080
closed-network       DATA                internet          1521
closed-network       DATA                internet          22
closed-network       api                 internet          9443
closed-network       dashboard           a database        1521
external-postgresql  api                 internet          6379
external-redis       dashboard           internet          443
external-storage     dashboard           internet          443
"""
_SEVERAL = {"EVERY": EVERY, "DATA": DATA, "JOBS": JOBS}


@functools.cache
def network(name: str) -> Network:
    return Network(helpers.scenario(name))


def rows(table: str) -> list[tuple[str, str, str, int]]:
    """(scenario, source, target, port), one for each pod that a row is about."""
    cells = [re.split(" {2,}", line) for line in table.strip().splitlines()]
    return [
        (name, one, other, int(port))
        for name, source, target, port in cells
        for one in _SEVERAL.get(source, (source,))
        for other in _SEVERAL.get(target, (target,))
    ]


def passes(name: str, source: str, target: str, port: int) -> bool:
    ends: dict[str, End] = {**OTHERS, **network(name).pods}
    return network(name).passes(ends[source], ends[target], port)


@pytest.mark.parametrize("row", rows(MAY), ids=lambda row: " ".join(map(str, row)))
def test_may(row: tuple[str, str, str, int]) -> None:
    assert passes(*row)


@pytest.mark.parametrize("row", rows(MAY_NOT), ids=lambda row: " ".join(map(str, row)))
def test_may_not(row: tuple[str, str, str, int]) -> None:
    assert not passes(*row)


@pytest.mark.parametrize("name", helpers.SCENARIOS)
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_every_pod_may_ask_for_names(name: str, protocol: str) -> None:
    """Kubernetes' own DNS and, on 5353, that of OpenShift."""
    dns = Pod({"k8s-app": "kube-dns"}, namespace="kube-system")
    for component, pod in network(name).pods.items():
        assert network(name).passes(pod, dns, 53, protocol), component
        assert network(name).passes(pod, dns, 5353, protocol), component
        assert network(name).passes(pod, Outside("10.96.0.10"), 53, protocol), component


@pytest.mark.parametrize("name", helpers.SCENARIOS)
def test_nothing_is_open_that_no_row_is_about(name: str) -> None:
    """Every pod is under policies of both directions, and nobody outside reaches one that is not for callers."""
    for component, pod in network(name).pods.items():
        for port in (1, 22, 5432, 8080, 9000):
            assert not network(name).passes(ELSEWHERE, pod, port) or (
                component in ("dashboard", "api") and port == 8080
            )
        if component not in (*DATA, *JOBS):
            assert not network(name).passes(pod, INTERNET, 25), component


BY_ADDRESS = {
    "postgresql": {"external": {"enabled": True, "host": "10.9.8.7", "existingSecret": "a"}},
    "redis": {"external": {"enabled": True, "host": "fd00::5"}},
    "storage": {"external": {"enabled": True, "endpoint": "https://[fd00::6]:9443/s3", "existingSecret": "a"}},
    "vectorDb": {"external": {"enabled": True, "url": "http://10.9.8.9", "grpc": "vectors.lan:50051"}},
}


@pytest.mark.parametrize(
    ("host", "port"), [("10.9.8.7", 5432), ("fd00::5", 6379), ("fd00::6", 9443), ("10.9.8.9", 80), ("10.1.1.1", 50051)]
)
def test_a_server_with_an_address_is_the_only_one_on_its_port(host: str, port: int) -> None:
    found = Network(by_address())
    assert found.passes(found.pods["api"], Outside(host), port)
    assert not found.passes(found.pods["api"], Outside(host), port + 1)
    assert found.passes(found.pods["api"], Outside("10.9.8.8"), port) == (port == 50051), "a name says no address"


@functools.cache
def by_address() -> helpers.Scenario:
    return helpers.render(BY_ADDRESS)


IN_CLUSTER = {
    "storage": {"external": {"enabled": True, "endpoint": "https://minio.minio-tenant.svc", "existingSecret": "a"}},
    "vectorDb": {"external": {"enabled": True, "url": "http://weaviate.vectors.svc.cluster.local"}},
    "redis": {"external": {"enabled": True, "host": "our-redis"}},
    "postgresql": {"external": {"enabled": True, "host": "db.svc.example.com", "existingSecret": "a"}},
}


def test_the_pods_of_a_service_of_this_cluster_are_reached_on_their_own_port() -> None:
    """What a pod listens on is not what its Service is asked on, and networks compare after the Service is resolved."""
    found = Network(helpers.render(IN_CLUSTER))
    api = found.pods["api"]
    assert found.passes(api, Pod({"app": "minio"}, namespace="minio-tenant"), 9000)
    assert found.passes(api, Pod({"app": "weaviate"}, namespace="vectors"), 8080)
    assert found.passes(api, STRANGER, 16379), "the Service is one of this namespace"
    assert not found.passes(api, ELSEWHERE, 9000)
    assert not found.passes(api, Pod({"app": "else"}, namespace="svc"), 9000)
    assert not found.passes(api, INTERNET, 9000)


def test_an_address_is_told_as_it_was_written() -> None:
    told = by_address().of("ConfigMap")["sensei-config"]["data"]
    assert (told["DATABASE_HOST"], told["REDIS_HOST"]) == ("10.9.8.7", "fd00::5")
    assert told["S3_ENDPOINT"] == "https://[fd00::6]:9443/s3"


def test_switched_off_there_are_none(guide_default: helpers.Scenario) -> None:
    found = helpers.render({**guide_default.values, "networkPolicy": {"enabled": False}})
    assert found.of("NetworkPolicy") == {}


def test_a_hole_would_be_found(guide_default: helpers.Scenario) -> None:
    """The evaluator itself: without the policy that refuses, what it refused passes."""
    holed = guide_default._replace(sensei=[item for item in guide_default.sensei if item["kind"] != "NetworkPolicy"])
    assert Network(holed).passes(INTERNET, network("guide").pods["kora"], 8080)
    wide = copy.deepcopy(guide_default.sensei)
    out = next(item for item in wide if item["metadata"]["name"] == "sensei-out")
    out["spec"]["egress"].append({"ports": [{"port": 1, "endPort": 65535}]})
    assert Network(guide_default._replace(sensei=wide)).passes(network("guide").pods["dashboard"], INTERNET, 443)
    policy = next(item for item in wide if item["metadata"]["name"] == "sensei-clients")
    policy["spec"]["podSelector"]["matchLabels"][f"{PREFIX}instance"] = "another"
    assert not Network(guide_default._replace(sensei=wide)).passes(INTERNET, network("guide").pods["dashboard"], 8080)
