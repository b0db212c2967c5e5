"""What the tests of bundles share with those of the registry client."""

from pathlib import Path

import pytest

from tests.registry.kinds import registry_kind as registry_kind


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for other volumes waits here."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
