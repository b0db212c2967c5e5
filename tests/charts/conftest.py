"""The scenarios, each rendered once."""

from __future__ import annotations

import pytest

from tests.charts.helpers import EXTERNAL, GPUS, Scenario, guide_values, render

SCENARIOS = ("guide", "airgapped", "external", "everything")


@pytest.fixture(scope="session")
def guide_default(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """The guide's values.yaml and a licence."""
    return render(guide_values(tmp_path_factory.mktemp("guide"), "values"))


@pytest.fixture(scope="session")
def airgapped(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """The guide's air-gapped site, with GPUs for the local model."""
    return render(guide_values(tmp_path_factory.mktemp("airgapped"), "values", "values_airgapped", extra=GPUS))


@pytest.fixture(scope="session")
def all_external() -> Scenario:
    """Every store is the operator's own."""
    return render(dict(EXTERNAL))


@pytest.fixture(scope="session")
def everything() -> Scenario:
    """Every switch is on, and names are such that YAML would take them for numbers."""
    return render({
        "global": {"domain": "sensei.lan", "imagePullSecrets": ["123"], "storageClass": "1e3"},
        "ingress": {"enabled": True, "className": "0", "tlsSecret": "42"},
        "networkPolicy": {"enabled": True},
        "license": {"existingSecret": "12"},
        "credentials": {"existingSecret": "13"},
        "llm": {"provider": "local", "model": "70", "gpu": {"enabled": True, "runtimeClassName": "1"}},
        "controlPlane": {"api": {"replicas": 3, "resources": {"cpu": 2, "memory": "2"}}, "image": {"tag": "2026"}},
        "redis": {"image": {"registry": "", "digest": f"sha256:{'a' * 64}"}},
        "storage": {"minio": {"replicas": 1, "drivesPerReplica": 1}},
        "vectorDb": {"replicas": 1},
    })  # fmt: skip


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """Each of them."""
    names = {"guide": "guide_default", "external": "all_external"}
    found: Scenario = request.getfixturevalue(names.get(request.param, request.param))
    return found
