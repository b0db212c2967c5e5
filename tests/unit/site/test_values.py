"""Merging values files, and where each value came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sensei_tui.site.values import Values, merge_documents
from sensei_tui.site.yamlfile import parse


def merged(*texts: str) -> Values:
    """Files a.yaml, b.yaml, ... merged."""
    named = [(Path(f"{letter}.yaml"), text) for letter, text in zip("abc", texts, strict=False)]
    return merge_documents([(path, parse(text, path)) for path, text in named])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("&x true", True),
        ("&x 3", 3),
        ("0x10", 16),
        ("1_000", 1000),
        ("1.5e3", 1500.0),
        ("yes", "yes"),
        ("2026-01-31", "2026-01-31"),
        ("!ours text", "text"),
        ("'quoted'", "quoted"),
        ("[&y 1, *y, {k: false}]", [1, 1, {"k": False}]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("~", None),
    ],
)
def test_values_have_the_types_that_json_has(text: str, value: Any) -> None:
    found = merged(f"a: {text}").tree["a"]
    assert found == value
    assert type(found) is type(value)


def test_later_files_win_as_with_helm() -> None:
    found = merged("a: {b: 1, c: [1, 2]}\nd: {e: 1}\nf: 1\n", "a: {c: [3]}\nd: text\nf: {g: 1}\n", "a: {b: null}\n")
    assert found.tree == {"a": {"b": None, "c": [3]}, "d": "text", "f": {"g": 1}}
    assert found.digest != merged("a: {b: 1}").digest
    assert merged("a: 1\nb: 2\n").digest == merged("# other text\nb: 2\na: 1\n").digest


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("base", "replicas"), "a.yaml:2"),
        (("own", "image"), "a.yaml:5"),
        (("own", "replicas"), "a.yaml:4"),
        (("list", 1), "b.yaml:3"),
        (("list", 1, "deeper"), "b.yaml:3"),
        (("own", "missing"), "a.yaml:3"),
        (("nowhere",), "a.yaml:1"),
        (("1",), "b.yaml:4"),
    ],
)
def test_place_of_a_value_or_of_what_is_around_it(path: tuple[str | int, ...], place: str) -> None:
    found = merged(
        "base: &base\n  replicas: 2\nown:\n  <<: *base\n  image: x\n",
        "list:\n  - one\n  - two\n1: number\n",
    )
    assert str(found.origin(path)) == place


def test_no_file_no_place() -> None:
    assert merge_documents([]).origin(("a",)) is None
    assert merged("").tree == {}
