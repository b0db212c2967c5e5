"""One real cluster for each test process, and a namespace for each test; `make test-cluster` runs what uses them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.cluster import build

if TYPE_CHECKING:
    from tests.cluster.real import Place, RealCluster


def module() -> str:
    """The go.mod whose Kubernetes the tests use; skips the test where there is none."""
    if not os.environ.get("SENSEI_TEST_CLUSTER"):
        try:
            build.find_go()
        except build.CannotBuild as error:
            pytest.skip(f"no real cluster: {error}")
        pytest.skip("no real cluster: `make test-cluster` builds it and runs this")
    return os.environ.get("SENSEI_TEST_KUBERNETES", "newest")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A real cluster."""
    wanted = module()
    from tests.cluster.real import real_cluster

    with real_cluster(tmp_path_factory.mktemp("real"), wanted) as cluster:
        yield cluster


@pytest.fixture
def place(real: RealCluster) -> Iterator[Place]:
    """This test's namespace and operator."""
    with real.place() as found:
        yield found
