"""How large volumes may be, and how small."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.bundle.create import SHAPES, file_size
from sensei_tui.bundle.volumes import parse_size, split, write_volumes
from tests.bundle.samples import built
from tests.bundle.test_volumes import UNIT, layout, written


@pytest.mark.parametrize(("text", "size"), [("DVD", 4_690_000_000), ("fat32", 4_294_967_295), ("4700MB", 4_700_000_000),
                                            ("650MiB", 681_574_400), ("1.5 GB", 1_500_000_000), ("2gib", 2 << 30)])  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4700", "4G", "-1MB", "1e3MB", "MB", "four GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="no size of a volume"):
        parse_size(text)


def test_a_size_that_is_too_small_says_which_would_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too small") as caught:
        written(tmp_path, limit=150_000)
    least = int("".join(filter(str.isdigit, caught.value.remedy)))
    assert written(tmp_path, limit=least)
    with pytest.raises(UsageError, match="too small"):
        written(tmp_path, limit=least - 1)


def test_a_bundle_smaller_than_a_segment_needs_no_volume_of_one(tmp_path: Path) -> None:
    made = built(tmp_path, layout(tmp_path / "layout"))
    for form, shape in SHAPES.items():
        with pytest.raises(UsageError, match="too small") as caught:
            split(made, shape, 150_000)
        least = int("".join(filter(str.isdigit, caught.value.remedy)))
        assert 1_500_000 < least < file_size(made, shape) + 200_000
        assert write_volumes(split(made, shape, least), tmp_path / f"bundle.{form}", shape, least)
        with pytest.raises(UsageError, match="too small"):
            split(made, shape, least - 1)


def test_charts_alone_can_need_the_most(tmp_path: Path) -> None:
    made = built(tmp_path, layout(tmp_path / "layout"))
    made.files["charts/large-1.0.0.tgz"] = bytes(900_000)
    with pytest.raises(UsageError, match="too small") as caught:
        split(made, SHAPES["tar"], 900_000, UNIT)
    least = int("".join(filter(str.isdigit, caught.value.remedy)))
    assert write_volumes(split(made, SHAPES["tar"], least, UNIT), tmp_path / "bundle.tar", SHAPES["tar"], least)
