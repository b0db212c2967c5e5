"""The scenarios, each rendered once."""

from __future__ import annotations

import pytest

from tests.charts import helpers
from tests.charts.helpers import EXTERNAL, SCENARIOS, Scenario, render


@pytest.fixture(scope="session")
def guide_default() -> Scenario:
    """The guide's values.yaml and a licence."""
    return helpers.scenario("guide")


@pytest.fixture(scope="session")
def airgapped() -> Scenario:
    """The guide's air-gapped site, with GPUs for the local model."""
    return helpers.scenario("airgapped")


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
        "controlPlane": {"api": {"replicas": 3, "resources": {"cpu": 2, "memory": "2Gi"}}, "image": {"tag": "2026"}},
        "redis": {"image": {"registry": "", "digest": f"sha256:{'a' * 64}"}},
        "storage": {"minio": {"replicas": 1, "drivesPerReplica": 1}},
        "vectorDb": {"replicas": 1},
    })  # fmt: skip


@pytest.fixture(params=[*SCENARIOS, "all_external", "everything"])
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """Each of them."""
    if request.param in SCENARIOS:
        return helpers.scenario(request.param)
    found: Scenario = request.getfixturevalue(request.param)
    return found
