"""How a load is told: a journal is no place for every piece that is sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sensei_tui.bundle.load import Tally
from sensei_tui.deploy.loading import _Told


def test_a_load_is_told_now_and_then_and_at_its_end() -> None:
    lines: list[tuple[Any, ...]] = []
    told = _Told(SimpleNamespace(progress=lambda *line: lines.append(line)))  # type: ignore[arg-type]
    for number in range(1, 10_001):
        told(Tally(total=10_000, sent=number))
    assert len(lines) < 50
    assert lines[-1][:3] == (10_000, 10_000, "bytes")
