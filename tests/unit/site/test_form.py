"""The form that is made from the schema."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.site.form import Field, form, parse_text
from sensei_tui.site.schema import schema, secret_paths, settings
from sensei_tui.site.tree import get_path
from sensei_tui.site.validate import check_value

FIELDS = {field.path: field for group in form() for field in group.fields}


def shown(group: str, values: dict[str, Any]) -> set[str]:
    """Paths of the fields that are shown while these values are set."""

    def holds(path: str, wanted: Any) -> bool:
        given = get_path(values, path)
        return bool((FIELDS[path].default if given is None else given) == wanted)

    fields = next(item for item in form() if item.key == group).fields
    return {field.path for field in fields if all(holds(path, wanted) for path, wanted in field.when)}


def test_every_setting_is_in_one_group_in_the_schemas_order() -> None:
    assert [group.title for group in form()] == [*schema()["x-groups"]]
    paths = [field.path for group in form() for field in group.fields]
    assert sorted(paths) == sorted(path for path, _ in settings())
    assert all(group.fields for group in form())
    assert len({group.key for group in form()}) == len(form())


def test_every_field_and_group_says_what_it_is() -> None:
    for group in form():
        assert group.description.endswith("."), group.title
        titles = [field.title for field in group.fields]
        assert len(set(titles)) == len(titles), "two fields with one title"
    for field in FIELDS.values():
        assert field.title, field.path
        assert field.description.endswith("."), field.path
        assert field.kind in ("text", "integer", "boolean", "choice", "secret", "quantity", "yaml"), field.path


def test_kinds_limits_and_choices() -> None:
    assert FIELDS["llm.provider"].choices == ("none", "anthropic", "local")
    assert FIELDS["llm.provider"].default == "none"
    replicas = FIELDS["dataPlane.maba.replicas"]
    assert (replicas.kind, replicas.default, replicas.minimum, replicas.maximum) == ("integer", 2, 1, 50)
    assert FIELDS["postgresql.persistence.size"].kind == "quantity"
    assert FIELDS["global.imagePullSecrets"].kind == "yaml"
    assert {path for path, field in FIELDS.items() if field.kind == "secret"} == secret_paths()
    assert FIELDS["llm.startupTimeoutSeconds"].unit == "seconds"
    assert not [field.default for field in FIELDS.values() if field.kind == "secret" and field.default]


def test_numbers_have_both_limits() -> None:
    for field in FIELDS.values():
        assert (field.minimum is None) == (field.maximum is None), field.path
        assert field.kind != "integer" or field.maximum is not None, field.path


def test_defaults_are_allowed() -> None:
    for path, field in FIELDS.items():
        assert field.default is None or check_value(path, field.default) == "", path


@pytest.mark.parametrize(
    ("group", "switch", "revealed"),
    [
        ("postgresql", {"postgresql": {"external": {"enabled": True}}}, {"host", "port", "database", "username", "existingSecret", "passwordKey", "mode"}),
        ("redis", {"redis": {"external": {"enabled": True}}}, {"host", "port", "existingSecret", "passwordKey"}),
        ("storage", {"storage": {"external": {"enabled": True}}}, {"endpoint", "region", "pathStyle", "existingSecret"}),
        ("vector-db", {"vectorDb": {"external": {"enabled": True}}}, {"url", "existingSecret"}),
        ("llm", {"llm": {"provider": "anthropic"}}, {"apiKey", "existingSecret"}),
        ("llm", {"llm": {"provider": "local", "gpu": {"enabled": True}}}, {"model", "count", "enabled"}),
        ("patterns", {"patternLibrary": {"source": "local"}}, {"snapshotPath"}),
        ("access", {"ingress": {"enabled": True}}, {"className", "tlsSecret"}),
    ],
)  # fmt: skip
def test_switch_reveals_its_fields(group: str, switch: dict[str, Any], revealed: set[str]) -> None:
    before, after = shown(group, {}), shown(group, switch)
    names = {path.rpartition(".")[2] for path in after - before}
    assert revealed <= names
    assert not {path.rpartition(".")[2] for path in before} & revealed - {"enabled"}


def test_conditions_name_settings_that_exist() -> None:
    for field in FIELDS.values():
        for path, wanted in field.when:
            assert check_value(path, wanted) == "", field.path


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("dataPlane.maba.replicas", " 3 ", 3),
        ("dataPlane.maba.replicas", "-1", -1),
        ("dataPlane.maba.replicas", "--1", "--1"),
        ("dataPlane.maba.replicas", "²", "²"),
        ("dataPlane.maba.replicas", "", ""),
        ("redis.external.enabled", "True", True),
        ("redis.external.enabled", "false", False),
        ("redis.external.enabled", "maybe", "maybe"),
        ("llm.provider", "local", "local"),
        ("llm.provider", "locl", "locl"),
        ("global.imagePullSecrets", "[a, b]", ["a", "b"]),
        ("global.imagePullSecrets", "", []),
        ("global.imagePullSecrets", "[a", "[a"),
        ("postgresql.resources.cpu", "2", "2"),
        ("llm.apiKey", " k ", "k"),
    ],
)
def test_typed_text_becomes_the_value_of_its_kind(path: str, text: str, value: Any) -> None:
    found = parse_text(FIELDS[path], text)
    assert found == value
    assert type(found) is type(value)


def test_text_of_the_wrong_kind_is_refused_by_the_rule_not_lost() -> None:
    field: Field = FIELDS["dataPlane.maba.replicas"]
    assert "is not a whole number" in check_value(field.path, parse_text(field, "two"))
    assert "1 to 50" in check_value(field.path, parse_text(field, "99"))
