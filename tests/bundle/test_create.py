"""Making bundles: the same bytes each time, after whatever interruption, and nothing damaged in them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.bundle.archive import open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.create import SHAPES, file_size, write_bundle
from sensei_tui.bundle.disk import DiskFull, allocated
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.inventory import blobs_of, inventory_of
from sensei_tui.bundle.verify import check_files, documents, lacking, sums
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, NAMES, TOOL, WEB, built, bundle, layout

FORMS = pytest.mark.parametrize("form", ["tar.gz", "tar"])


def sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@FORMS
def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, form: str) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = bundle(tmp_path / "one", form)
    source = layout(tmp_path / "elsewhere")
    for item in source.rglob("*"):
        os.utime(item, (1, 1))
    assert sha(first) == sha(bundle(tmp_path / "two", form, source))


@FORMS
def test_its_size_is_known_before(tmp_path: Path, form: str) -> None:
    made = built(tmp_path)
    assert file_size(made, SHAPES[form]) == write_bundle(made, tmp_path / "b", SHAPES[form])
    assert file_size(made, SHAPES[form]) == (tmp_path / "b").stat().st_size


def test_large_blobs_cost_less_than_a_thousandth(tmp_path: Path) -> None:
    source = LayoutMaker(tmp_path / "layout")
    source.name(source.manifest([source.put(random.Random(1).randbytes(150_000_000), "layer")]), API)
    made = built(tmp_path, source.done(), (API,))
    for form in SHAPES:
        size = write_bundle(made, tmp_path / form, SHAPES[form])
        assert size <= 1.001 * sum(blob.size for blob in made.blobs)


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    archive = open_archive(bundle(tmp_path))
    contents = read_contents(archive)
    assert [(item.name, item.kind) for item in contents.items][:3] == [(name, "image") for name in NAMES]
    assert contents.created == "2026-09-01T10:00:00Z"
    assert contents.kubernetes == ">=1.30.0-0"
    assert contents.items[1].cuda == "cuda>=12.4"
    assert [item.subject for item in contents.referrers] == [contents.items[0].digest]
    assert contents.size == sum(blobs_of(archive).values())
    assert check_files(archive, sums(archive), lambda _: None) == []
    assert list(lacking(archive, contents, documents(archive, contents))) == []


def test_pinned_by_digest_it_keeps_the_digest(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout")
    digest = next(item["digest"] for item in json.loads((source / "index.json").read_text())["manifests"]
                  if TOOL in item.get("annotations", {}).values())  # fmt: skip
    names = (f"docker.io/library/tool@{digest}", f"{TOOL}@{digest}", TOOL)
    archive = open_archive(bundle(tmp_path, source=source, names=names))
    found = [item.digest for item in read_contents(archive).items[:3]]
    assert found[:2] == [digest, digest]
    assert found[2] != digest, "for one platform it is a smaller index"
    docker = json.loads(archive.text("manifest.json"))
    assert [item["RepoTags"] for item in docker] == [[], [TOOL], [TOOL]]


def test_a_damaged_source_is_named_and_nothing_is_called_a_bundle(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout")
    blob = max((source / "blobs/sha256").iterdir(), key=lambda item: item.stat().st_size)
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadBundle, match="not what its digest says") as caught:
        bundle(tmp_path, source=source)
    assert blob.name in caught.value.where
    assert not (tmp_path / "bundle.tar.gz").exists()
    blob.write_bytes(content)
    whole = bundle(tmp_path, source=source)
    assert check_files(open_archive(whole), sums(open_archive(whole)), lambda _: None) == []


def test_what_is_kept_of_a_broken_try_is_told(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout")
    blob = max((source / "blobs/sha256").iterdir(), key=lambda item: item.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(BadBundle) as caught:
        bundle(tmp_path, source=source)
    assert (tmp_path / "bundle.tar.gz.part").exists()
    assert f"is kept in {tmp_path}/bundle.tar.gz.part" in caught.value.remedy


@pytest.mark.parametrize("name", ["bundle.tar.gz", "bundle.tar.gz.part"])
def test_what_is_no_bundle_is_not_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("names")
    with pytest.raises(UsageError, match="no bundle is not replaced") as caught:
        bundle(tmp_path)
    assert caught.value.where == str(tmp_path / name)
    assert (tmp_path / name).read_text() == "names"


def test_a_source_that_is_shorter_or_longer_than_it_says(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout")
    blob = max((source / "blobs/sha256").iterdir(), key=lambda item: item.stat().st_size)
    content = blob.read_bytes()
    for changed in (content[:-1], content + b"x"):
        blob.write_bytes(changed)
        with pytest.raises(BadBundle, match="not what its digest says"):
            bundle(tmp_path, source=source)


@FORMS
@pytest.mark.parametrize("at", [0, 600, 2_000, 5_000, 30_000, 200_000, 300_000])
def test_what_was_begun_is_gone_on_with_from_any_length(tmp_path: Path, form: str, at: int) -> None:
    made = built(tmp_path)
    write_bundle(made, tmp_path / "whole", SHAPES[form])
    wanted = (tmp_path / "whole").read_bytes()
    (tmp_path / "b.part").write_bytes(wanted[:at])
    told: list[int] = []
    write_bundle(made, tmp_path / "b", SHAPES[form], lambda done, *_: told.append(done))
    assert (tmp_path / "b").read_bytes() == wanted
    assert at < 200_000 or told[0] > 0, "whole blobs were kept"


def _zeros(content: bytearray) -> None:
    content[-60_000:] = bytes(60_000)


def _flipped(content: bytearray) -> None:
    content[len(content) // 2] ^= 1


def _more(content: bytearray) -> None:
    content += os.urandom(300_000)


def _sparse(content: bytearray) -> None:
    content += bytes(500_000)


@FORMS
@pytest.mark.parametrize("harm", [_zeros, _flipped, _more, _sparse])
def test_what_a_disk_lost_of_what_was_begun_is_written_again(
    tmp_path: Path, form: str, harm: Callable[[bytearray], None]
) -> None:  # fmt: skip
    """As after a power cut: what is there is as long as it was, or longer, and not what was written."""
    made = built(tmp_path)
    write_bundle(made, tmp_path / "whole", SHAPES[form])
    wanted = (tmp_path / "whole").read_bytes()
    content = bytearray(wanted[: len(wanted) * 2 // 3])
    harm(content)
    (tmp_path / "b.part").write_bytes(content)
    write_bundle(made, tmp_path / "b", SHAPES[form])
    assert (tmp_path / "b").read_bytes() == wanted


@FORMS
def test_a_byte_that_was_changed_anywhere_in_what_was_begun_is_written_again(tmp_path: Path, form: str) -> None:
    made, chance = built(tmp_path), random.Random(1)
    write_bundle(made, tmp_path / "whole", SHAPES[form])
    wanted = (tmp_path / "whole").read_bytes()
    # The first bytes say that it is a bundle at all.
    for at in [600, *(chance.randrange(600, len(wanted)) for _ in range(20))]:
        content = bytearray(wanted)
        content[at] ^= 1 << chance.randrange(8)
        (tmp_path / "b.part").write_bytes(content)
        write_bundle(made, tmp_path / "b", SHAPES[form])
        assert (tmp_path / "b").read_bytes() == wanted, at


@FORMS
def test_what_was_begun_of_another_bundle_is_not_kept(tmp_path: Path, form: str) -> None:
    """Of the same names and sizes even: a word changed in bundle.json."""
    made = built(tmp_path)
    write_bundle(made, tmp_path / "whole", SHAPES[form])
    content = (tmp_path / "whole").read_bytes()
    made.files["README.txt"] = made.files["README.txt"].replace(b"SENSEI", b"sensei")
    write_bundle(made, tmp_path / "other", SHAPES[form])
    (tmp_path / "b.part").write_bytes(content[:-100_000])
    write_bundle(made, tmp_path / "b", SHAPES[form])
    assert sha(tmp_path / "b") == sha(tmp_path / "other") != sha(tmp_path / "whole")
    (tmp_path / "b.part").write_bytes(content[:2_000] + os.urandom(400_000))
    write_bundle(made, tmp_path / "b", SHAPES[form])
    assert sha(tmp_path / "b") == sha(tmp_path / "other")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    if os.geteuid():
        pytest.skip("mounting a small file system needs root")
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("a file system can't be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_told_before_and_in_the_middle(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = built(tmp_path, layout(tmp_path / "layout", 6_000_000))
    with pytest.raises(DiskFull, match="not enough room") as caught:
        write_bundle(made, small / "b", SHAPES["tar"])
    assert f"{file_size(made, SHAPES['tar']):,} bytes are needed" in caught.value.why
    assert not list(small.iterdir())
    monkeypatch.setattr("sensei_tui.bundle.create.check_room", lambda *_: None)
    with pytest.raises(DiskFull, match="can't be written") as other:
        write_bundle(made, small / "b", SHAPES["tar"])
    assert "No space left" in other.value.why
    subprocess.run(["mount", "-o", "remount,size=32m", small], check=True)
    write_bundle(made, small / "b", SHAPES["tar"])
    write_bundle(made, tmp_path / "b", SHAPES["tar"])
    assert sha(small / "b") == sha(tmp_path / "b")


def test_a_difference_leaves_out_what_the_site_has(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout")
    old = open_archive(bundle(tmp_path, source=source, names=(API,)))
    made = built(tmp_path, source, since=inventory_of(old, read_contents(old)))
    write_bundle(made, tmp_path / "new", SHAPES["tar"])
    new = open_archive(tmp_path / "new")
    contents = read_contents(new)
    assert {item.digest for item in contents.left} <= blobs_of(old).keys()
    assert contents.left
    assert not {item.digest for item in contents.left} & blobs_of(new).keys()
    assert list(lacking(new, contents, documents(new, contents))) == []


# As others read it.


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.parametrize(("form", "name"), [("tar.gz", API), ("tar.gz", TOOL), ("tar", WEB)])
def test_skopeo_copies_images_out_of_it_with_their_digests(tmp_path: Path, form: str, name: str) -> None:
    path = bundle(tmp_path, form)
    wanted = {item.name: item.digest for item in read_contents(open_archive(path)).items}
    subprocess.run(
        [
            "skopeo",
            "copy",
            "--quiet",
            "--all",
            "--preserve-digests",
            f"oci-archive:{path}:{name}",
            f"oci:{tmp_path / 'out'}:it",
        ],
        check=True,
    )
    assert [item["digest"] for item in json.loads((tmp_path / "out/index.json").read_text())["manifests"]] == [
        wanted[name]
    ]


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.parametrize("names", [(API,), NAMES])
def test_skopeo_reads_a_tar_as_docker_does(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Of no gzip it does (skopeo 1.9): it forgets that it unpacked."""
    path, out = bundle(tmp_path, "tar", names=names), tmp_path / "out"
    subprocess.run(["skopeo", "copy", "--quiet", f"docker-archive:{path}:{names[0]}", f"dir:{out}"], check=True)
    config = json.loads((out / "manifest.json").read_text())["config"]["digest"]
    archive = open_archive(path)
    document = documents(archive, read_contents(archive))[read_contents(archive).items[0].digest]
    assert config == document.children[0].digest


class _Cut(Exception):
    pass


def test_room_that_was_kept_for_it_is_not_asked_for_again(tmp_path: Path, small: Path) -> None:
    """Broken off, the file has all of its room already: more than is free now."""
    made = built(tmp_path, layout(tmp_path / "layout", 4_500_000))
    total = file_size(made, SHAPES["tar"])

    def cut(done: int, *_: object) -> None:
        if done > 1_000_000:
            raise _Cut

    with pytest.raises(_Cut):
        write_bundle(made, small / "b", SHAPES["tar"], cut)
    stats, part = os.statvfs(small), small / "b.part"
    assert part.stat().st_size < total <= allocated(part)
    assert stats.f_bavail * stats.f_frsize < total - part.stat().st_size
    assert write_bundle(made, small / "b", SHAPES["tar"]) == (small / "b").stat().st_size == total


def test_containerd_knows_an_image_with_a_digest_as_the_kubelet_asks_for_it(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout")
    digest = built(tmp_path, source, names=(API,)).contents.items[0].digest
    archive = open_archive(bundle(tmp_path, source=source, names=(f"{API}@{digest}", WEB)))
    found = {item["annotations"]["org.opencontainers.image.ref.name"]: item["annotations"]["io.containerd.image.name"]
             for item in json.loads(archive.text("images.json"))["manifests"]}  # fmt: skip
    assert found == {f"{API}@{digest}": f"{API.rpartition(':')[0]}@{digest}", WEB: WEB}
