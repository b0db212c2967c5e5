"""What the charts render to."""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import Any

import pytest

from sensei_tui.rehearsal import schemas
from sensei_tui.rehearsal.kinds import by_kind
from sensei_tui.site.resolve import GENERATED
from tests.charts.helpers import EXTERNAL, NAMESPACE, Scenario, external, render
from tests.unit.site.helpers import API_KEY, KEY

SERVICES = {
    "sensei-dashboard": 80, "sensei-api": 8080, "sensei-orchestration": 8080, "sensei-pattern-library": 8080,
    "sensei-maba": 8080, "sensei-kora": 8080, "sensei-amani": 8080,
    "sensei-postgresql": 5432, "sensei-redis": 6379, "sensei-minio": 9000, "sensei-weaviate": 8080,
}  # fmt: skip
STORES = {
    "postgresql": "sensei-postgresql",
    "redis": "sensei-redis",
    "storage": "sensei-minio",
    "vectorDb": "sensei-weaviate",
}


def secret_references(scenario: Scenario) -> set[tuple[str, str]]:
    """Secret and key of every variable that comes from one."""
    sources = [entry.get("valueFrom", {}) for _, box in scenario.containers() for entry in box.get("env", [])]
    return {(ref["name"], ref["key"]) for source in sources if (ref := source.get("secretKeyRef"))}


def config(scenario: Scenario) -> dict[str, str]:
    found: dict[str, str] = scenario.of("ConfigMap")["sensei-config"]["data"]
    return found


def test_every_object_is_one_the_api_takes(scenario: Scenario) -> None:
    for item in copy.deepcopy(scenario.all):
        kind = by_kind(item["apiVersion"], item["kind"])
        assert kind is not None, item["kind"]
        schemas.validate(kind, item, "Strict")
        assert item["metadata"]["namespace"] == NAMESPACE
    names = Counter((item["kind"], item["metadata"]["name"]) for item in scenario.all)
    assert names.most_common(1)[0][1] == 1, "two objects with one name"


def test_services_have_the_names_and_ports_of_the_guide(guide_default: Scenario) -> None:
    services = {name: item for name, item in guide_default.of("Service").items() if not name.endswith("-headless")}
    assert {name: item["spec"]["ports"][0]["port"] for name, item in services.items()} == SERVICES
    assert {item["spec"]["type"] for item in services.values()} == {"ClusterIP"}


def test_every_service_finds_pods_and_their_port(scenario: Scenario) -> None:
    pods = [(item["spec"]["template"]["metadata"]["labels"], pod) for item, pod in scenario.lasting()]
    for name, service in scenario.of("Service").items():
        chosen = [pod for labels, pod in pods if service["spec"]["selector"].items() <= labels.items()]
        assert len(chosen) == 1, name
        ports = {port["name"] for port in chosen[0]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name


def test_all_components_of_the_drawing_run(guide_default: Scenario) -> None:
    replicas = {item["metadata"]["name"]: item["spec"].get("replicas") for item, _ in guide_default.workloads()}
    jobs = {name for name in replicas if replicas[name] is None}
    assert jobs == {"sensei-backup", "sensei-restore", "sensei-backup-before-upgrade", "sensei-buckets", "sensei-migrations",
                    "sensei-test"}  # fmt: skip
    assert {name: count for name, count in replicas.items() if name not in jobs} == {
        "sensei-dashboard": 2, "sensei-api": 2, "sensei-orchestration": 2, "sensei-pattern-library": 2,
        "sensei-maba": 2, "sensei-kora": 2, "sensei-amani": 2, "sensei-workers": 4, "sensei-agents": 2,
        "sensei-postgresql": 1, "sensei-redis": 1, "sensei-minio": 3, "sensei-weaviate": 3,
    }  # fmt: skip


def test_probes_on_every_workload(scenario: Scenario) -> None:
    for item, pod in scenario.lasting():
        for container in pod["containers"]:
            assert {"startupProbe", "readinessProbe"} <= container.keys(), item["metadata"]["name"]
            probes = [container[name] for name in container if name.endswith("Probe")]
            ports = {port["name"] for port in container["ports"]}
            asked = {probe[way]["port"] for probe in probes for way in ("httpGet", "tcpSocket") if way in probe}
            assert asked <= ports


def test_a_pod_is_never_promised_less_memory_than_it_may_use(scenario: Scenario) -> None:
    for name, container in scenario.containers():
        resources = container["resources"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"], name
        assert "cpu" not in resources["limits"], name


def test_air_gapped_site_runs_its_model_on_gpus(airgapped: Scenario) -> None:
    pod = airgapped.of("Deployment")["sensei-llm"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["resources"]["requests"]["nvidia.com/gpu"] == 2
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert "--tensor-parallel-size=2" in container["args"]
    assert {"name": "HF_HUB_OFFLINE", "value": "1"} in container["env"]
    assert [item["key"] for item in pod["tolerations"]] == ["nvidia.com/gpu"]
    assert airgapped.of("Deployment")["sensei-llm"]["spec"]["strategy"] == {"type": "Recreate"}
    assert config(airgapped)["LLM_URL"] == "http://sensei-llm:8000/v1"
    assert config(airgapped)["PATTERN_LIBRARY_SNAPSHOT"] == "/data/patterns"


def test_a_user_without_a_name_has_one(airgapped: Scenario) -> None:
    """PyTorch asks getpass.getuser(), which looks into these before it looks the user id up."""
    box = airgapped.of("Deployment")["sensei-llm"]["spec"]["template"]["spec"]["containers"][0]
    told = {entry["name"]: entry.get("value") for entry in box["env"]}
    assert (told["USER"], told["LOGNAME"]) == ("sensei", "sensei")


def test_postgresql_is_asked_where_it_does_not_listen_before_it_is_prepared(guide_default: Scenario) -> None:
    box = guide_default.of("StatefulSet")["sensei-postgresql"]["spec"]["template"]["spec"]["containers"][0]
    for probe in ("startupProbe", "readinessProbe"):
        assert "-h 127.0.0.1" in " ".join(box[probe]["exec"]["command"])


@pytest.mark.parametrize("store", EXTERNAL)
def test_external_store_replaces_the_bundled_one_and_no_other(store: str, guide_default: Scenario) -> None:
    found, bundled = external(store), STORES[store]
    names = {item["metadata"]["name"] for item in found.dependencies}
    expected = {item["metadata"]["name"] for item in guide_default.dependencies}
    assert names == {name for name in expected if not name.startswith(bundled)}
    assert not [value for value in config(found).values() if bundled in value]
    address = EXTERNAL[store]["external"].get("host") or EXTERNAL[store]["external"].get("endpoint")
    assert str(address or EXTERNAL[store]["external"]["url"]) in config(found).values()
    assert str(EXTERNAL[store]["external"]["existingSecret"]) in {name for name, _ in secret_references(found)}


def test_nothing_is_left_where_every_store_is_external(all_external: Scenario) -> None:
    assert all_external.dependencies == []
    assert {name for name, _ in secret_references(all_external)} == {
        "our-db", "our-redis", "our-s3", "our-vectors", "sensei-credentials", "sensei-license",
    }  # fmt: skip


def test_bundled_addresses_are_services_of_the_dependencies(guide_default: Scenario) -> None:
    services = {item["metadata"]["name"] for item in guide_default.dependencies if item["kind"] == "Service"}
    named = {host for value in config(guide_default).values() for host in re.findall(r"sensei-[a-z]+", value)}
    buckets = {"sensei-checkpoints", "sensei-artifacts"}
    assert named - buckets - {"sensei-internal"} == set(STORES.values())
    assert set(STORES.values()) <= services


def test_secrets_are_referred_to_and_never_rendered(guide_default: Scenario, airgapped: Scenario) -> None:
    for found in (guide_default, airgapped):
        assert "Secret" not in {item["kind"] for item in found.all}
        assert KEY not in found.text
        assert API_KEY not in found.text
        for name, container in found.containers():
            plain = [entry["name"] for entry in container.get("env", []) if "value" in entry]
            assert not [item for item in plain if re.search(r"PASSWORD|SECRET|TOKEN|_KEYS?$", item)], name
    expected = {("sensei-credentials", key) for key in GENERATED} | {("sensei-license", "license-key")}
    assert secret_references(guide_default) == expected | {("sensei-llm", "api-key")}
    assert secret_references(airgapped) == expected


def test_every_mount_has_its_volume(scenario: Scenario) -> None:
    for item, pod in scenario.workloads():
        claims = {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in pod["volumes"]} | claims
        boxes = [*pod.get("initContainers", []), *pod["containers"]]
        mounted = [{mount["name"] for mount in container["volumeMounts"]} for container in boxes]
        assert set().union(*mounted) == volumes, item["metadata"]["name"]


def test_only_components_with_several_pods_have_a_budget(scenario: Scenario) -> None:
    several = {item["metadata"]["name"] for item, _ in scenario.workloads() if item["spec"].get("replicas", 1) > 1}
    budgets: dict[str, dict[str, Any]] = scenario.of("PodDisruptionBudget")
    assert budgets.keys() == several
    assert {budget["spec"]["maxUnavailable"] for budget in budgets.values()} <= {1}


def test_every_switch_at_once(everything: Scenario) -> None:
    ingress = everything.of("Ingress")["sensei-dashboard"]["spec"]
    assert ingress["ingressClassName"] == "0"
    assert ingress["rules"][0]["host"] == "sensei.lan"
    assert "sensei-deps-deny" in everything.of("NetworkPolicy")
    assert everything.of("Deployment")["sensei-api"]["spec"]["replicas"] == 3
    images = {container["image"] for _, container in everything.containers()}
    assert f"valkey/valkey@sha256:{'a' * 64}" in images
    assert "registry.sensei.ai/sensei/control-plane:2026" in images
    assert {("12", "license-key"), ("13", "session-key")} <= secret_references(everything)


def test_pods_start_anew_when_an_address_changes(guide_default: Scenario) -> None:
    def checksum(found: Scenario) -> str:
        template = found.of("Deployment")["sensei-api"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum(guide_default) != checksum(external("redis"))


def test_migrations_have_the_time_that_the_values_say() -> None:
    jobs = render({"migrations": {"timeoutSeconds": 7200}}).of("Job")
    assert jobs["sensei-migrations"]["spec"]["activeDeadlineSeconds"] == 7200
    assert jobs["sensei-buckets"]["spec"]["activeDeadlineSeconds"] == 900
