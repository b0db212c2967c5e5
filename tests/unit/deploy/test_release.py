"""How long Helm waits for the hooks of a chart."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sensei_tui.deploy.release import InstallRelease
from sensei_tui.deploy.world import World


class Asked(Exception):
    """What the engine was asked."""


def _install(*_: Any, timeout: int, **__: Any) -> None:
    raise Asked(timeout)


@pytest.mark.parametrize(("release", "values", "seconds"), [
    ("sensei", {}, 900), ("sensei", {"migrations": {"timeoutSeconds": 7200}}, 7200),
    ("sensei", {"migrations": {"timeoutSeconds": 60}}, 900), ("sensei-deps", {"migrations": {"timeoutSeconds": 7200}}, 900),
])  # fmt: skip
def test_helm_waits_as_long_as_migrations_may_take(
    release: str, values: dict[str, Any], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensei_tui.deploy.release.heal", lambda *_: None)
    engine = SimpleNamespace(history=lambda _: [], install=_install, cancel=None)
    chart = SimpleNamespace(chart="", version="1.0.0")
    prepared = SimpleNamespace(release=lambda _: chart, resolved=SimpleNamespace(helm_values=values))
    world = SimpleNamespace(engine=engine, timeout=900, prepared=prepared, narrator=SimpleNamespace())
    context = SimpleNamespace(stop=SimpleNamespace(calling=lambda _: nullcontext()))
    monkeypatch.setattr("sensei_tui.deploy.release.hooks_explained", lambda *_: nullcontext())
    with pytest.raises(Asked) as asked:
        InstallRelease(cast("Any", None), cast("World", world), release).do(cast("Any", context))
    assert asked.value.args == (seconds,)
