"""How large layers are once unpacked, against what unpacking gives."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from sensei_tui.bundle.oci import Descriptor, Document, digest_of
from sensei_tui.bundle.pool import Blob, Pool
from sensei_tui.bundle.unpacked import unpacked_sizes
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, TOOL, WEB, built

TAR = "application/vnd.oci.image.layer.v1.tar"
DOCKERS = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def size_of(content: bytes, media_type: str, size: int = 0) -> int:
    """As a layer; `size` where the content is only its end."""
    size = size or len(content)
    pool, digest = Pool(), digest_of(content)
    pool.add_document(Document(b"{}", "", (Descriptor(media_type, digest, size),)))

    def read(first: int = 0) -> list[memoryview]:
        return [memoryview(content)[first - size + len(content) :]]

    pool.blobs[digest] = Blob(digest, size, read)
    return unpacked_sizes(pool)[digest]


PLAIN = {
    "empty": b"",
    "small": b"x" * 100,
    "packs well": b"log line\n" * 200,
    "noise": random.Random(1).randbytes(100_000),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("media_type", [f"{TAR}+gzip", DOCKERS])
def test_gzip(name: str, media_type: str) -> None:
    assert size_of(gzip.compress(PLAIN[name]), media_type) == len(PLAIN[name])


def test_plain_and_strange_ones_are_as_they_are() -> None:
    assert size_of(b"x" * 1_000, TAR) == 1_000
    assert size_of(b"x" * 1_000, "application/octet-stream") == 1_000
    assert size_of(b"short", f"{TAR}+gzip") == 5


def test_a_size_that_has_gone_round_and_many_members() -> None:
    # 3 GB that were 5 GiB: the file says 1 GiB. And 100 MB of many members: the last one was of 512 bytes.
    assert size_of((1 << 30).to_bytes(4, "little"), f"{TAR}+gzip", 3_000_000_000) == 5 << 30
    assert size_of((512).to_bytes(4, "little"), f"{TAR}+gzip", 100_000_000) == 100_000_000


@pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")
@pytest.mark.parametrize("size", [10, 300, 70_000, 5_000_000])
def test_zstd(tmp_path: Path, size: int) -> None:
    (tmp_path / "plain").write_bytes(b"abcdefgh" * (size // 8) + b"x" * (size % 8))
    subprocess.run(["zstd", "-q", tmp_path / "plain"], check=True)
    packed = (tmp_path / "plain.zst").read_bytes()
    assert size_of(packed, f"{TAR}+zstd") == max(size, len(packed))
    streamed = subprocess.run(["zstd", "-q", "-c"], input=b"x" * size, capture_output=True, check=True).stdout
    assert size_of(streamed, f"{TAR}+zstd") >= len(streamed), "the frame does not tell"


def test_an_image_with_all_its_layers_and_the_bundle_with_each_once(tmp_path: Path) -> None:
    made = LayoutMaker(tmp_path / "layout", 3)
    layers = [made.layer(size) for size in (50_000, 20_000, 30_000)]
    made.name(made.manifest(layers[:2]), API)
    made.name(made.manifest(layers[1:]), WEB)
    made.name(made.manifest(layers[:1]), TOOL)
    contents = built(tmp_path, made.done()).contents
    plain = {item["digest"]: _plain(tmp_path / "layout", item["digest"]) for item in layers}
    found = {item.name: item.unpacked for item in contents.items}
    assert 0 < found[API] - plain[layers[0]["digest"]] - plain[layers[1]["digest"]] < 2_000, "and its config"
    assert 0 < found[TOOL] - plain[layers[0]["digest"]] < 2_000
    assert sum(plain.values()) < contents.unpacked < sum(plain.values()) + 30_000, "and two charts"


def _plain(layout: Path, digest: str) -> int:
    with gzip.open(io.BytesIO((layout / "blobs" / digest.replace(":", "/")).read_bytes())) as file:
        return len(file.read())
