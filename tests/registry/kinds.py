"""The registries that tests run against: Debian's docker-registry 2.8, and CNCF Distribution 3 (`registry:3`).

`both` asks for each in turn. The second needs SENSEI_TEST_STORES=1 and `python -m tests.cluster build stores`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.cluster import build
from tests.registry.real import PROGRAM, Real

THREE = "registry-3"
both = pytest.mark.usefixtures("registry_kind")


def why_not(module: str = "registry") -> str:
    """Why what is built of a module (tests.cluster.build) is not here; empty where it is."""
    if os.environ.get("SENSEI_TEST_STORES") != "1":
        return f"{module} {build.version(module)} needs SENSEI_TEST_STORES: make test-stores"
    return "" if build.built(module) else f"{module} {build.version(module)} is not built: make test-stores"


@pytest.fixture(scope="module", params=["docker-registry", THREE])
def registry_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of every `Real` that is made meanwhile."""
    kind: str = request.param
    if kind == THREE and (why := why_not()):
        pytest.skip(why)
    if kind != THREE and PROGRAM is None:
        pytest.skip("docker-registry is not installed")
    directory = build.built("registry") if kind == THREE else None
    before, Real.program = Real.program, str(directory / "registry") if directory else PROGRAM
    yield kind
    Real.program = before
