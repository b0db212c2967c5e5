"""gzip that is read in place: what every gzip reads, and nothing that was changed."""

from __future__ import annotations

import gzip
import io
import os
import random
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.bundle import stored
from sensei_tui.bundle.disk import into
from sensei_tui.bundle.stored import BLOCK, FRAME, HEAD, TAIL, Damaged

SIZES = [0, 1, 511, 512, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1,
         stored.AT_ONCE * BLOCK - 1, stored.AT_ONCE * BLOCK, stored.AT_ONCE * BLOCK + 1]  # fmt: skip


def pieces(content: bytes, seed: int) -> Iterator[memoryview]:
    """Of any size, in a buffer that is used again, as files and registries give them."""
    sizes, at = random.Random(seed), 0
    buffer = bytearray(1 << 20)
    while at < len(content):
        count = min(sizes.choice([1, 7, 4096, BLOCK, BLOCK + 1, 1 << 18, 1 << 20]), len(content) - at)
        buffer[:count] = content[at : at + count]
        yield memoryview(buffer)[:count]
        at += count


def member(path: Path, content: bytes, seed: int = 1) -> Path:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        assert stored.written(into(file), len(content), pieces(content, seed)) == stored.member_size(len(content))
    finally:
        os.close(file)
    assert path.stat().st_size == stored.member_size(len(content))
    return path


def read(path: Path, size: int, first: int = 0, last: int | None = None, start: int = 0) -> bytes:
    with path.open("rb") as file:
        return b"".join(bytes(piece) for piece in stored.content(file.fileno(), start, size, first, last))


def whole(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return b"".join(bytes(piece) for piece in stored.whole(file.fileno(), 0, size))


@pytest.mark.parametrize("size", SIZES)
def test_every_gzip_reads_it_and_we_read_any_part(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    path = member(tmp_path / "a.gz", content, seed=size)
    assert gzip.decompress(path.read_bytes()) == content
    assert subprocess.run(["gzip", "-dc", path], capture_output=True, check=True).stdout == content
    assert read(path, size) == whole(path, size) == content
    choose = random.Random(size + 1)
    for _ in range(25):
        first, last = sorted(choose.choices(range(size + 1), k=2))
        assert read(path, size, first, last) == content[first:last]


def test_where_a_byte_lies_follows_from_its_number(tmp_path: Path) -> None:
    content = random.Random(3).randbytes(3 * BLOCK + 5)
    raw = member(tmp_path / "a.gz", content).read_bytes()
    for at in (0, 1, BLOCK - 1, BLOCK, 2 * BLOCK, 3 * BLOCK + 4):
        assert raw[stored.place(0, at)] == content[at]


@pytest.mark.parametrize("told", [-1, 1])
def test_content_of_another_size_is_refused(tmp_path: Path, told: int) -> None:
    file = os.open(tmp_path / "a.gz", os.O_WRONLY | os.O_CREAT)
    with pytest.raises(ValueError, match="bytes are missing"):
        stored.written(into(file), 1000 + told, [memoryview(bytes(1000))])
    os.close(file)


FLIPS = {
    "magic": 0, "method": 2, "flags": 3, "time": 4, "extra": 8, "system": 9,
    "kind of the first block": len(HEAD), "length": len(HEAD) + 1, "complement": len(HEAD) + 4,
    "second block": len(HEAD) + FRAME + BLOCK, "last block": len(HEAD) + 2 * (FRAME + BLOCK),
    "checksum": -TAIL, "size": -4, "content": len(HEAD) + FRAME + 77,
}  # fmt: skip


@pytest.mark.parametrize("at", FLIPS.values(), ids=FLIPS.keys())
def test_a_flipped_bit_anywhere_is_found(tmp_path: Path, at: int) -> None:
    size = 2 * BLOCK + 100
    path = member(tmp_path / "a.gz", random.Random(5).randbytes(size))
    raw = bytearray(path.read_bytes())
    for bit in range(8):
        changed = bytearray(raw)
        changed[at] ^= 1 << bit
        path.write_bytes(changed)
        with pytest.raises(Damaged):
            whole(path, size)


def test_of_large_content_the_checksum_is_compared_as_well(tmp_path: Path) -> None:
    size = 3 << 20
    path = member(tmp_path / "a.gz", random.Random(5).randbytes(size))
    raw = path.read_bytes()
    for at in (0, len(HEAD), len(HEAD) + FRAME + BLOCK, -1, -4, -5, -8):
        changed = bytearray(raw)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(Damaged):
            whole(path, size)


def test_every_byte_of_a_frame_is_looked_at_before_content_is_given(tmp_path: Path) -> None:
    size = 2 * BLOCK + 100
    path = member(tmp_path / "a.gz", random.Random(6).randbytes(size))
    raw = path.read_bytes()
    for block in range(3):
        for byte in range(FRAME):
            changed = bytearray(raw)
            changed[len(HEAD) + block * (FRAME + BLOCK) + byte] ^= 1
            path.write_bytes(changed)
            with pytest.raises(Damaged, match=f"block {block} "):
                read(path, size, block * BLOCK, min(size, (block + 1) * BLOCK))


@pytest.mark.parametrize("cut", [1, TAIL + 1, BLOCK, 2 * BLOCK])
def test_a_file_that_ends_too_early_is_found(tmp_path: Path, cut: int) -> None:
    size = 2 * BLOCK + 100
    path = member(tmp_path / "a.gz", random.Random(7).randbytes(size))
    os.truncate(path, path.stat().st_size - cut)
    with pytest.raises(Damaged):
        whole(path, size)


def test_compressed_content_is_never_unpacked(tmp_path: Path) -> None:
    """A member with our own head and a bomb behind it."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    path = tmp_path / "a.gz"
    path.write_bytes(HEAD + bomb.compress(bytes(50_000_000)) + bomb.flush() + bytes(TAIL))
    with pytest.raises(Damaged):
        read(path, 50_000_000)


def test_members_one_after_another_are_one_stream(tmp_path: Path) -> None:
    parts = [random.Random(seed).randbytes(seed * 40_000) for seed in range(4)]
    raw = b"".join(member(tmp_path / str(seed), part).read_bytes() for seed, part in enumerate(parts))
    assert gzip.GzipFile(fileobj=io.BytesIO(raw)).read() == b"".join(parts)
    (tmp_path / "all").write_bytes(raw)
    start = sum(stored.member_size(len(part)) for part in parts[:3])
    assert read(tmp_path / "all", len(parts[3]), start=start) == parts[3]
