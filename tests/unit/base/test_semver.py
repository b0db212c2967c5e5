"""Versions in their order, and ranges."""

from __future__ import annotations

import itertools

import pytest

from sensei_tui.base.semver import Version, is_older, is_within

ORDER = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0",
         "1.0.1", "1.2.0", "1.10.0", "2.0.0"]  # fmt: skip


def test_the_order_of_semver_and_of_more() -> None:
    for one, other in itertools.combinations(ORDER, 2):
        assert Version(one) < Version(other), (one, other)
        assert is_older(one, other)
        assert not is_older(other, one)


def test_what_does_not_count() -> None:
    assert Version("v1.2.3+build.5") == Version("1.2.3")
    assert Version("1.2") == Version("1.2.0")
    assert not is_older("latest", "1.0.0")


@pytest.mark.parametrize("text", ["", "latest", "1.2.3.4", "1.x", "1.0.0-"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version(text)


@pytest.mark.parametrize(("wanted", "within"), [
    ("", True), (">=1.0.0", True), (">=1.0.0 <2.0.0", True), (">= 1.0.0, < 1.2.0", False), ("1.2.0", True), ("=1.2.1", False),
    ("<1.0.0 || >=1.2.0", True), ("!=1.2.0", False), (">1.2.0-rc.1", True), ("<=1.1", False),
])  # fmt: skip
def test_ranges(wanted: str, within: bool) -> None:
    assert is_within("1.2.0", wanted) is within


@pytest.mark.parametrize("wanted", ["~1.2", ">=x", "^1.0.0"])
def test_a_range_that_is_not_understood(wanted: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        is_within("1.2.0", wanted)
