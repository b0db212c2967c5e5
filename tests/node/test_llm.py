"""A local model and local patterns, from a registry with a login and a certificate of the site's own authority."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.node import registry
from tests.node.engine import Node
from tests.node.images import REGISTRY
from tests.node.place import Place
from tests.node.registry import Registry

pytestmark = pytest.mark.timeout(900)
MODEL = {"config.json": b'{"model_type": "none"}', "weights/one.safetensors": os.urandom(3_000_000)}
PATTERNS = {"patterns/index.json": b"[]", "VERSION": b"1"}
VALUES = """
global:
  imagePullSecrets: [our-registry]
  caBundle: {existingSecret: our-ca}
llm:
  provider: local
  model: Tiny-1
  gpu: {enabled: false}
  shmSize: 16Mi
  resources: {cpu: 20m, memory: 128Mi}
  persistence: {size: 1Gi}
patternLibrary:
  source: local
  snapshotPath: /data/patterns
"""


@pytest.fixture(scope="module")
def source(node: Node) -> Iterator[Registry]:
    with registry.registry(node.directory / "registry") as found:
        found.push("sensei/models/tiny-1", "1.0.0", MODEL)
        found.push("sensei/pattern-library", "1.0.0", PATTERNS)
        yield found


@pytest.fixture(scope="module")
def local(here: Place, source: Registry) -> Place:
    """The installation with both, as `values-airgapped.yaml` beside the tests' values."""
    login = [
        f"--docker-server={REGISTRY}",
        f"--docker-username={registry.USER}",
        f"--docker-password={registry.PASSWORD}",
    ]
    here.admin.kubectl("create", "secret", "docker-registry", "our-registry", *login)
    here.admin.kubectl("create", "secret", "generic", "our-ca", f"--from-file=ca.crt={source.authority}")
    (here.directory / "values-airgapped.yaml").write_text(VALUES)
    here.install()
    return here


def _files(place: Place, workload: str, directory: str) -> dict[str, int]:
    """Files in a pod, and how long they are."""
    code = "import json,os,sys; print(json.dumps({os.path.relpath(os.path.join(d, f), sys.argv[1]): "
    code += "os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(sys.argv[1]) for f in fs}))"
    said = place.admin.kubectl("exec", f"deploy/{workload}", "--", "python3", "-c", code, directory)
    found: dict[str, int] = json.loads(said)
    return {name: size for name, size in found.items() if name != ".artifact"}


def test_the_model_is_on_its_volume(local: Place) -> None:
    wanted = {name: len(content) for name, content in MODEL.items()}
    assert _files(local, "sensei-llm", "/models/Tiny-1") == wanted


def test_the_patterns_are_in_the_pattern_library(local: Place) -> None:
    wanted = {name: len(content) for name, content in PATTERNS.items()}
    assert _files(local, "sensei-pattern-library", "/data/patterns") == wanted


def test_the_model_completes(local: Place) -> None:
    """The chart's tests ask it."""
    local.sensei("test")
    assert "--model=/models/Tiny-1" in local.admin.kubectl("exec", "deploy/sensei-llm", "--", "cat", "/proc/1/cmdline")


def test_a_new_pod_fetches_nothing_again(local: Place) -> None:
    local.admin.kubectl("rollout", "restart", "deployment/sensei-llm")
    local.admin.kubectl("rollout", "status", "deployment/sensei-llm", "--timeout=120s", timeout=130)
    assert "is there already" in local.admin.kubectl("logs", "deploy/sensei-llm", "-c", "load")
