"""What every scenario renders to is in a file; a change of a chart shows there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.site.validate import validate
from sensei_tui.site.values import load_values
from tests.charts import golden
from tests.charts.helpers import FILES, SCENARIOS
from tests.unit.site.helpers import LICENSED, guide, site_with
from tools.charts.write import CHARTS, main


def test_golden_files_are_what_the_charts_render_to() -> None:
    stale = [path.name for path in golden.stale()]
    assert stale == [], "look at what changed, then: python -m tests.charts.golden --write"


def test_a_change_would_be_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in golden.texts().items():
        (tmp_path / name).write_text(text.replace("cpu: '4'", "cpu: '5'"))
    monkeypatch.setattr(golden, "DIRECTORY", tmp_path)
    assert {path.name for path in golden.stale()} == {"ha.diff"}
    (tmp_path / "gone.diff").write_text("")
    assert "gone.diff" in {path.name for path in golden.stale()}
    assert golden.main([]) == 1
    assert golden.main(["--write"]) == 0
    assert golden.stale() == []


def test_generated_files_are_as_their_source_has_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert main(["--check"]) == 0
    values = CHARTS[1] / "values.yaml"
    monkeypatch.setattr("tools.charts.write.outputs", lambda: {values: values.read_text() + "# Not there.\n"})
    assert main(["--check"]) == 1


def test_there_is_a_scenario_for_each_kind_of_site() -> None:
    assert {
        "guide", "airgapped", "external-postgresql", "external-redis", "external-storage", "external-vector-db", "local-llm",
        "single-node", "ha", "ingress", "gateway", "own-ca", "pull-secret", "minimal",
    } <= set(SCENARIOS)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_scenario_says_whom_it_is_for_and_a_site_takes_it(name: str, tmp_path: Path) -> None:
    text = FILES[name].read_text()
    assert text.startswith("# "), "its first lines say whom it is for"
    site = site_with(tmp_path, values=guide("values.yaml"), license=LICENSED, scenario=text)
    assert [str(problem) for problem in validate(load_values(site)) if problem.severity == "error"] == []
