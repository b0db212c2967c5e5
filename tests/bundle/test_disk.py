"""Large files past the page cache, and where that can't be: the same bytes, never a hole, and every failure told."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.bundle import disk
from sensei_tui.bundle.disk import AT_ONCE, Busy, Output, allocated, into

ROOM = 8 << 20


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The disk of the tests, and a small one that has no way past the page cache."""
    if request.param == "disk":
        yield tmp_path
        return
    where = tmp_path / "small"
    where.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={4 * ROOM}", "none", where]).returncode:
        pytest.skip("nothing can be mounted here")
    yield where
    subprocess.run(["umount", "--lazy", where], check=True)


def pieces(content: bytes, seed: int) -> Iterator[list[memoryview]]:
    """Groups of pieces of any size, empty ones too."""
    chance, at, view = random.Random(seed), 0, memoryview(content)
    while at < len(view):
        group = []
        for _ in range(chance.randrange(1, 40)):
            size = chance.choice((0, 1, 5, 511, 4096, 65535, 700_001))
            group.append(view[at : at + size])
            at += size
        yield group


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 5 * AT_ONCE + 12_345])
def test_what_is_written_is_there(place: Path, size: int) -> None:
    content, path = random.Random(size).randbytes(size), place / "file"
    with Output(path, 0, size) as out:
        for group in pieces(content, size):
            out.write(group)
    assert path.read_bytes() == content


@pytest.mark.parametrize("start", [0, 1, 4096, 5_000_000, 3 * AT_ONCE])
def test_it_goes_on_where_it_stood(place: Path, start: int) -> None:
    content, path = random.Random(start).randbytes(4 * AT_ONCE + 77), place / "file"
    path.write_bytes(content[:start] + b"what came after is not wanted")
    with Output(path, start, len(content)) as out:
        for group in pieces(content[start:], start):
            out.write(group)
    assert path.read_bytes() == content


def test_after_a_failure_what_came_before_it_is_there(place: Path) -> None:
    content, path = random.Random(1).randbytes(2 * AT_ONCE + 99), place / "file"
    with pytest.raises(ZeroDivisionError), Output(path, 0, ROOM) as out:
        out.write(_broken_off(content))
    assert path.read_bytes() == content


def _broken_off(content: bytes) -> Iterator[bytes]:
    yield content
    raise ZeroDivisionError


def test_room_is_kept_and_its_lack_is_told(place: Path) -> None:
    with Output(place / "file", 0, ROOM):
        assert allocated(place / "file") >= ROOM
    with pytest.raises(OSError, match=r"No space|File too large") as caught:
        Output(place / "more", 0, 1 << 50)
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)


@pytest.mark.parametrize("which", [0, 1, 3])
def test_a_disk_that_fails_leaves_no_hole(place: Path, monkeypatch: pytest.MonkeyPatch, which: int) -> None:
    """Also where it would take what comes afterwards."""
    content, path, calls = random.Random(2).randbytes(6 * AT_ONCE), place / "file", 0

    def pwrite(file: int, view: memoryview, at: int) -> int:
        nonlocal calls
        calls += 1
        if calls == which + 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(file, view, at)

    really = os.pwrite
    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(OSError, match="Input/output"), Output(path, 0, len(content)) as out:
        out.write(piece for group in pieces(content, 2) for piece in group)
    assert path.read_bytes() == content[: which * AT_ONCE]


def test_a_file_system_that_refuses_only_when_it_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, path, refused = random.Random(3).randbytes(3 * AT_ONCE + 3), place / "file", []

    def pwrite(file: int, view: memoryview, at: int) -> int:
        if disk._is_direct(file):
            refused.append(at)
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        # And takes little at once.
        return really(file, view[: 1 + len(view) // 2], at)

    really = os.pwrite
    monkeypatch.setattr(os, "pwrite", pwrite)
    with Output(path, 0, len(content)) as out:
        out.write([content])
    assert path.read_bytes() == content
    assert len(refused) <= 1


def test_of_two_that_write_the_same_the_second_is_told(place: Path) -> None:
    with Output(place / "file", 0, ROOM) as out:
        out.write([b"first"])
        with pytest.raises(Busy, match="Another call writes this bundle"):
            Output(place / "file", 0, ROOM)
    assert (place / "file").read_bytes() == b"first"


def test_of_two_that_write_the_same_the_first_may_have_ended_meanwhile(place: Path) -> None:
    """What was found begun has become the bundle: on an empty file nothing is gone on with."""
    with pytest.raises(Busy, match="Another call wrote this bundle"):
        Output(place / "file", 4096, ROOM)


def test_a_descriptor_gets_all_of_it_though_it_takes_little_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, content = os.write, random.Random(4).randbytes(1_000_000)
    monkeypatch.setattr(os, "writev", lambda file, parts: really(file, parts[0][: 1 + len(parts[0]) // 3]))
    with (tmp_path / "file").open("wb") as file:
        for group in pieces(content, 4):
            into(file.fileno())(group)
    assert (tmp_path / "file").read_bytes() == content
