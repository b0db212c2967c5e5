"""Volumes and buckets as other hands leave them: what can't be read is not absent, what is not ours is passed over."""

from __future__ import annotations

import errno
import io
import os
import pathlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensei_probe import backup, cleaning, kept, objects, restore
from sensei_probe.settings import Failure
from sensei_probe.shelf import Folder, Lost
from tests.images.test_troubles import complete

OLD, NEW = "20260101T000000Z-manual", "20260102T000000Z-manual"


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Part of a path -> errno with which a directory's reading fails; the superuser may read every one."""
    found: dict[str, int] = {}
    real = os.scandir

    def scandir(path: str) -> object:
        for part, number in found.items():
            if part in str(path):
                raise OSError(number, os.strerror(number), str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    return found


def test_a_directory_that_cannot_be_read_is_not_absent(tmp_path: Path, denied: dict[str, int]) -> None:
    complete(tmp_path, OLD)
    shelf = complete(tmp_path, NEW)
    shelf.write("objects/ab/abc", io.BytesIO(b"of the one that can't be read"))
    denied[OLD] = errno.EACCES
    with pytest.raises(Failure, match="can't be listed: Permission denied"):
        list(cleaning.cleaned(shelf, 5, NEW, backup.LEFT_ALONE))
    with pytest.raises(Failure, match="can't be listed"):
        kept.listing(shelf)
    denied.clear()
    assert (tmp_path / "objects/ab/abc").exists()
    assert len(kept.listing(shelf)) == 2


def test_a_directory_that_goes_meanwhile_is_no_mistake(tmp_path: Path, denied: dict[str, int]) -> None:
    shelf = complete(tmp_path, NEW)
    (tmp_path / "backups" / OLD).mkdir()
    denied[OLD] = errno.ENOENT
    assert kept.names(shelf) == {NEW: True}
    assert list(Folder(tmp_path).list("nothing/")) == []


def test_stray_files_are_passed_over(tmp_path: Path) -> None:
    shelf = complete(tmp_path, NEW)
    for path in ("backups/.DS_Store", "backups/cleaning", "objects/README", f"backups/{OLD}"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
    assert [row["name"] for row in kept.listing(shelf)] == [NEW]
    cleaning.let_begin(shelf, "another")
    assert list(cleaning.cleaned(shelf, 5, NEW, backup.LEFT_ALONE)) == []
    assert (tmp_path / "objects/README").exists()


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": 1}', '{"format": 1, "database": {"size": 1}}'])
def test_a_manifest_that_says_too_little_is_damaged(text: str, tmp_path: Path) -> None:
    shelf = complete(tmp_path, NEW)
    (tmp_path / "backups" / NEW / "manifest.json").write_text(text)
    assert [row["complete"] for row in kept.listing(shelf)] == [False]


def test_every_error_of_a_volume_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Folder(tmp_path)
    shelf.write("objects/ab/abc", io.BytesIO(b"x"))

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    for name in ("unlink", "stat", "open", "iterdir"):
        monkeypatch.setattr(pathlib.Path, name, fails)
    for does in (
        lambda: shelf.delete("objects/ab/abc"), lambda: shelf.size("objects/ab/abc"),
        lambda: shelf.read("objects/ab/abc"), lambda: shelf.write("x", io.BytesIO(b"")),
        lambda: shelf.sweep(datetime.now(UTC)),
    ):  # fmt: skip
        with pytest.raises(Failure, match="Stale file handle") as told:
            does()
        assert not isinstance(told.value, Lost), "the volume is away: nothing is known of its contents"


def test_a_sector_that_cannot_be_read_is_one_lost_content(tmp_path: Path) -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    shelf = Folder(tmp_path)
    shelf.write("objects/ab/abc", io.BytesIO(b"x"))
    file = shelf.read("objects/ab/abc")
    file._file = Broken()  # type: ignore[attr-defined]
    with pytest.raises(Lost, match="Input/output error"):
        file.read(1)


def test_a_dump_is_as_large_as_the_manifest_says(tmp_path: Path) -> None:
    shelf = complete(tmp_path, NEW)
    told = kept.manifest_of(shelf, NEW)
    with pytest.raises(Failure, match=r"has no database\.dump any more: restore another"):
        restore._dump(shelf, told)
    shelf.write(f"backups/{NEW}/database.dump", io.BytesIO(b""))
    restore._dump(shelf, told)
    assert list(objects.check(shelf, told, ["b"])) == []
