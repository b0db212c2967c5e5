"""One schema and one values file rule both charts, and they say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from sensei_tui.helm.errors import HelmError
from sensei_tui.site.charts import CHARTS, chart_dir
from sensei_tui.site.schema import rule, schema, settings
from sensei_tui.site.tree import leaves, set_path
from sensei_tui.site.validate import schema_errors
from tests.charts.helpers import EXTERNAL, render

DEPENDENCIES, SENSEI = (chart_dir(chart) for chart in CHARTS.values())


def default_values() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SENSEI / "values.yaml").read_text())
    return loaded


def groups(sub: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every mapping of the schema, with its path."""
    found = [(path, sub)]
    for key, item in sub.get("properties", {}).items():
        if item.get("type") == "object":
            found += groups(item, f"{path}.{key}".lstrip("."))
    return found


def test_versions_are_equal() -> None:
    ours, theirs = (yaml.safe_load((path / "Chart.yaml").read_text()) for path in (SENSEI, DEPENDENCIES))
    for key in ("version", "appVersion", "kubeVersion", "type", "apiVersion"):
        assert ours[key] == theirs[key]


def test_schema_is_one() -> None:
    Draft7Validator.check_schema(schema())


def test_every_key_of_the_values_file_is_in_the_schema_with_the_same_default() -> None:
    values = dict(leaves(default_values()))
    rules = dict(settings())
    assert values.keys() == rules.keys()
    assert values == {path: sub.get("default") for path, sub in rules.items()}


def test_every_key_has_a_title_and_a_description() -> None:
    for path, sub in [*settings(), *groups(schema())]:
        assert sub["title"], path
        assert sub["description"].endswith("."), path


def test_every_group_refuses_keys_it_does_not_know() -> None:
    assert [path for path, sub in groups(schema()) if sub.get("additionalProperties") is not False] == []


def test_every_rule_between_settings_has_its_sentence_and_names_settings() -> None:
    for condition in schema()["allOf"]:
        assert condition["$comment"].endswith(".")
        target: list[str] = []
        then = condition["then"]
        while then.get("properties"):
            key, then = next(iter(then["properties"].items()))
            target.append(key)
        assert rule(".".join(target)) is not None


def test_defaults_are_valid() -> None:
    assert list(schema_errors(default_values())) == []
    assert list(schema_errors({})) == []
    assert list(schema_errors(dict(EXTERNAL))) == []


@pytest.mark.parametrize(
    "values",
    [
        {"zzz": 1},
        {"controlPlane": {"replicas": "2"}},
        {"redis": {"external": {"enabled": True}}},
        {"llm": {"provider": "local"}},
        {"global": {"domain": "https://sensei"}},
    ],
)
def test_helm_itself_refuses_what_the_schema_refuses(values: dict[str, Any]) -> None:
    with pytest.raises(HelmError):
        render(values)


@pytest.mark.parametrize("key", ["postgresql", "redis", "storage.minio", "vectorDb", "llm"])
def test_an_image_of_others_has_a_version_of_its_own(key: str) -> None:
    values: dict[str, Any] = {}
    set_path(values, f"{key}.image.tag", "")
    assert [".".join(map(str, path)) for path, _, _ in schema_errors(values)] == [f"{key}.image.tag"]
    with pytest.raises(HelmError, match="image/tag"):
        render(values)


@pytest.mark.parametrize("key", ["redis", "storage.minio", "vectorDb", "llm"])
def test_or_a_digest(key: str) -> None:
    values: dict[str, Any] = {"controlPlane": {"image": {"tag": ""}}}
    set_path(values, f"{key}.image", {"tag": "", "digest": f"sha256:{'a' * 64}"})
    assert list(schema_errors(values)) == []
    assert render(values).all


def test_comments_of_the_values_file_are_the_descriptions() -> None:
    text = Path(SENSEI / "values.yaml").read_text()
    for path, sub in settings():
        if not path.endswith(("registry", "repository", "tag", "digest")):
            assert f"# {sub['description']}" in text, path
