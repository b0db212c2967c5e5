"""The life of both releases on a real cluster, as an operator who has what `sensei access` grants."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.charts.life import live
from tests.cluster.real import Place


@pytest.mark.timeout(600)
def test_life_of_both_releases(place: Place, tmp_path: Path) -> None:
    live(place.admin, place.operator, place.namespace, tmp_path)
