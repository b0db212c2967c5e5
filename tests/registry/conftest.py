"""Registries that several tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.registry.client import Registry
from tests.registry.kinds import registry_kind as registry_kind
from tests.registry.real import Real, started


@pytest.fixture(scope="module")
def real(registry_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Plain HTTP, no login, no http.secret."""
    with started(Real(tmp_path_factory.mktemp("registry"))) as found:
        yield found


@pytest.fixture
def registry(real: Real) -> Iterator[Registry]:
    with real.client() as found:
        yield found


@pytest.fixture
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One of its own for each test."""
    return f"tests/{tmp_path.name.lower().replace('_', '-').strip('-')}"
