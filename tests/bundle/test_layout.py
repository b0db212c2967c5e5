"""OCI layouts as a source: directories and tars, whole and broken."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.bundle.errors import BadBundle, NoBundle
from sensei_tui.bundle.layout import Layout
from sensei_tui.bundle.oci import MANIFEST_MAX, OCI_INDEX
from sensei_tui.bundle.pool import Pool
from sensei_tui.bundle.source import NotThere, take
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, HOST, TOOL, built, layout

AMD, BOTH = ("linux/amd64",), ("linux/amd64", "linux/arm64")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return layout(tmp_path / "layout")


def taken(path: Path, name: str, platforms: tuple[str, ...] = AMD) -> tuple[Pool, str]:
    pool = Pool()
    return pool, take(Layout(path), name, platforms, pool).digest


def index(root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((root / "index.json").read_text())["manifests"]
    return found


def digest_of(root: Path, name: str) -> str:
    return next(str(item["digest"]) for item in index(root) if name in item.get("annotations", {}).values())


@pytest.mark.parametrize("dot", [".", "index.json oci-layout blobs"])
def test_a_tar_of_it_is_the_same(root: Path, tmp_path: Path, dot: str) -> None:
    subprocess.run(["tar", "-cf", tmp_path / "a.tar", "-C", root, *dot.split()], check=True)
    for name in (API, TOOL):
        (first, one), (second, other) = taken(root, name), taken(tmp_path / "a.tar", name)
        assert one == other
        assert first.blobs.keys() == second.blobs.keys()
        for digest in first.blobs:
            assert b"".join(map(bytes, first.blobs[digest].read())) == b"".join(map(bytes, second.blobs[digest].read()))


def test_what_is_compressed_is_not_read(root: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-czf", tmp_path / "a.tar.gz", "-C", root, "."], check=True)
    with pytest.raises(NoBundle, match="can't be read") as caught:
        Layout(tmp_path / "a.tar.gz")
    assert "not compressed" in caught.value.remedy


def test_platforms(root: Path) -> None:
    whole = digest_of(root, TOOL)
    pool, digest = taken(root, TOOL, BOTH)
    assert digest == whole, "an index that is taken whole keeps its digest"
    smaller, other = taken(root, TOOL)
    assert other != whole
    assert len(smaller.documents[other].children) == 1
    assert len(smaller.blobs) < len(pool.blobs)
    assert taken(root, f"{TOOL}@{whole}")[1] == whole, "asked for by its digest it is taken whole"


@pytest.mark.parametrize("name", [API, TOOL])
@pytest.mark.parametrize("wanted", ["linux/s390x", "windows/amd64", "linux/amd64/v3"])
def test_a_platform_that_is_not_there(root: Path, name: str, wanted: str) -> None:
    with pytest.raises(NotThere, match=wanted) as caught:
        taken(root, name, ("linux/amd64", wanted))
    assert name in caught.value.what
    assert "linux/amd64" in caught.value.why


def test_an_image_for_another_machine_is_refused_by_its_digest_too(tmp_path: Path) -> None:
    made = LayoutMaker(tmp_path)
    arm = made.manifest([made.layer(10)], "arm64")
    made.name(arm, API)
    made.done()
    for name in (API, f"{API}@{arm['digest']}"):
        with pytest.raises(NotThere, match="linux/amd64") as caught:
            taken(tmp_path, name)
        assert "linux/arm64" in caught.value.why


def test_by_digest_nothing_else_is_taken(root: Path) -> None:
    digest = digest_of(root, API)
    assert taken(root, f"{API}@{digest}")[1] == digest
    assert taken(root, f"{HOST}/sensei/api@{digest}")[1] == digest
    with pytest.raises(NotThere):
        taken(root, f"{API}@sha256:{'0' * 64}")


def test_names_that_are_not_there_are_told_with_some_that_are(root: Path) -> None:
    with pytest.raises(NotThere, match=r"no image example\.com/a:1") as caught:
        taken(root, "example.com/a:1")
    assert API in caught.value.why


def test_what_is_missing_is_told_of_all_at_once(tmp_path: Path, root: Path) -> None:
    with pytest.raises(NotThere, match="2 images are not there") as caught:
        built(tmp_path, root, ("example.com/a:1", API, "example.com/b:2"))
    assert caught.value.why.startswith(
        "The layout has no image example.com/a:1; The layout has no image example.com/b:2; "
    )
    assert caught.value.remedy.count("skopeo copy") == caught.value.why.count("its names are") == 1
    with pytest.raises(NotThere, match="3 images are not there") as caught:
        built(tmp_path, root, ("example.com/a:1", API, TOOL), platforms=("linux/arm64", "linux/s390x"))
    assert f"{API} is not there for linux/arm64, linux/s390x (it is there for: linux/amd64)" in caught.value.why
    assert caught.value.where == ""


def test_what_is_told_about_an_image_comes_along(root: Path) -> None:
    pool, digest = taken(root, API)
    assert [item.subject for item in pool.documents.values()] == ["", digest]


def test_missing_files_are_named(root: Path) -> None:
    whole = Layout(root)
    document = whole.root(API)
    layer = document.children[1]
    (root / "blobs/sha256" / layer.hex).unlink()
    with pytest.raises(NotThere, match="lacks a file") as caught:
        taken(root, API)
    assert caught.value.where == f"{root}: blobs/sha256/{layer.hex}"
    (root / "blobs/sha256" / document.digest[7:]).unlink()
    with pytest.raises(NotThere, match="lacks a file"):
        taken(root, API)
    (root / "index.json").unlink()
    with pytest.raises(NotThere, match="lacks a file"):
        Layout(root)


def test_a_changed_manifest_is_refused(root: Path) -> None:
    file = root / "blobs/sha256" / digest_of(root, API)[7:]
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(BadBundle, match="not what its digest says") as caught:
        taken(root, API)
    assert file.name in caught.value.where


BAD_DIGESTS = ["sha256:../../../etc/passwd", "sha256:" + "A" * 64, "sha512:" + "a" * 128, "", "sha256:" + "a" * 63]


@pytest.mark.parametrize("digest", BAD_DIGESTS)
def test_what_is_no_digest_leads_nowhere(tmp_path: Path, digest: str) -> None:
    made = LayoutMaker(tmp_path)
    made.name({"mediaType": OCI_INDEX, "digest": digest, "size": 1}, "example.com/a:1")
    child = made.manifest([{"mediaType": "x", "digest": digest, "size": 1}])
    made.name(child, "example.com/b:1")
    made.done()
    for name in ("example.com/a:1", "example.com/b:1"):
        with pytest.raises(BadBundle, match="valid digest"):
            taken(tmp_path, name)


@pytest.mark.parametrize("size", [-1, "x", None, 1.5])
def test_sizes_that_are_none(tmp_path: Path, size: object) -> None:
    made = LayoutMaker(tmp_path)
    layer = made.layer(10) | {"size": size}
    made.name(made.manifest([layer]), API)
    with pytest.raises(BadBundle):
        taken(made.done(), API)


def test_one_blob_with_two_sizes(tmp_path: Path) -> None:
    made = LayoutMaker(tmp_path)
    layer = made.layer(10)
    made.name(made.manifest([layer, layer | {"size": 11}]), API)
    with pytest.raises(BadBundle, match="two sizes") as caught:
        taken(made.done(), API)
    assert caught.value.where == layer["digest"]


def test_a_manifest_that_is_too_large(tmp_path: Path) -> None:
    made = LayoutMaker(tmp_path)
    made.name(made.put(b" " * (MANIFEST_MAX + 1), OCI_INDEX), API)
    with pytest.raises(BadBundle, match="larger than it can be"):
        taken(made.done(), API)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"manifests": 3}', b'{"schemaVersion": 1, "fsLayers": []}', b"\xff"]
)
def test_manifests_that_are_none(tmp_path: Path, content: bytes) -> None:
    made = LayoutMaker(tmp_path)
    made.name(made.put(content, "application/vnd.docker.distribution.manifest.v1+json"), API)
    with pytest.raises(BadBundle):
        taken(made.done(), API)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"manifests": 3}', b"\xff"])
def test_indexes_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(BadBundle, match="index can't be read"):
        Layout(tmp_path)


def test_an_index_of_itself_ends(tmp_path: Path) -> None:
    """It can't be made with digests that hold; one that does not hold is refused before it is followed."""
    made = LayoutMaker(tmp_path)
    inner = made.index([])
    (made.blobs / inner["digest"][7:]).write_text(json.dumps({"mediaType": OCI_INDEX, "manifests": [inner]}))
    made.name(inner, API)
    with pytest.raises(BadBundle, match="not what its digest says"):
        taken(made.done(), API)
