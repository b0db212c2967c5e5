"""One simulated cluster a module; a namespace of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.fixtures_cluster import RunningCluster, running_cluster

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """The default scenario, served on a random loopback port."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def namespace(cluster: RunningCluster) -> str:
    """A new namespace in the module's cluster."""
    from sensei_tui.rehearsal import kinds

    name = f"test-{next(_numbers)}"
    cluster.call(lambda store: store.create(kinds.named("Namespace"), {"metadata": {"name": name}}))
    return name
