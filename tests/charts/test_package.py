"""The charts lint and package with the real engine, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import open_engine
from sensei_tui.site.charts import CHARTS, chart_dir
from tests.charts.helpers import DIRECTORIES, EXTERNAL, NAMESPACE, render

PACKAGE = "import sys, helm_python; print(helm_python.package(sys.argv[1], destination=sys.argv[2]))"


@pytest.mark.parametrize(
    "values", [{}, EXTERNAL, {"llm": {"provider": "local", "model": "m"}}], ids=["default", "external", "local"]
)
def test_lint_finds_nothing(values: dict[str, object]) -> None:
    with open_engine(Target("", "", NAMESPACE)) as engine:
        for chart in DIRECTORIES.values():
            found = [text for text in engine.lint(chart, values) if "icon is recommended" not in text]
            assert found == []


@pytest.mark.parametrize("chart", CHARTS.values())
def test_package_holds_every_file_and_renders_the_same(chart: str, tmp_path: Path) -> None:
    source = chart_dir(chart)
    command = [sys.executable, "-c", PACKAGE, str(source), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    archive = Path(done.stdout.strip())
    assert archive.name == f"{chart}-1.0.0.tgz"
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert names == {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    with open_engine(Target("", "", NAMESPACE)) as engine:
        assert engine.render("r", archive, {}) == engine.render("r", source, {})


def test_rendering_twice_gives_the_same() -> None:
    assert render({}).text == render({}).text, "no random value in a template"
