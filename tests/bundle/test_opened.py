"""A bundle at hand: nothing of it is used that is not what was signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.base.errors import SenseiError
from sensei_tui.bundle.archive import INDEX, SECTOR, Plain, open_archive
from sensei_tui.bundle.contents import BLOBS, SUMS
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.opened import Bundle
from tests.bundle.samples import bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("made"), "tar")


def test_every_small_file_is_compared_before_anything_is_used(made: Path, tmp_path: Path) -> None:
    content, entries = made.read_bytes(), open_archive(made).entries
    # What SHA256SUMS says is for the signature to prove.
    rest = {name: entry for name, entry in entries.items() if not name.startswith(BLOBS) and name not in (INDEX, SUMS)}
    small = [entry for entry in rest.values() if entry.size]
    assert len(small) >= 8
    for entry in small:
        spoiled = bytearray(content)
        spoiled[entry.offset + Plain().span(SECTOR) + entry.size // 2] ^= 1
        path = tmp_path / "b"
        path.write_bytes(spoiled)
        with pytest.raises(SenseiError) as caught:
            Bundle.open(path).documents  # noqa: B018
        assert isinstance(caught.value, BadBundle), entry.name
        assert entry.name in f"{caught.value.where} {caught.value.why}"


def test_every_damaged_file_is_told_with_its_bytes_read(made: Path, tmp_path: Path) -> None:
    content, entries = bytearray(made.read_bytes()), open_archive(made).entries
    blobs = [entry for name, entry in entries.items() if name.startswith(BLOBS)]
    for entry in blobs[:2]:
        content[entry.offset + SECTOR] ^= 1
    path, read = tmp_path / "b", list[int]()
    path.write_bytes(content)
    found = Bundle.open(path).damaged(read.append)
    assert [text.partition(":")[0] for text in found] == [entry.name for entry in blobs[:2]]
    assert sum(read) == sum(entry.size for entry in entries.values())
    assert Bundle.open(made).damaged(lambda _: None) == []
