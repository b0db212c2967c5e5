"""Archives that were cut, changed, or made to deceive: each is refused, with what and where."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from sensei_tui.base.errors import SenseiError
from sensei_tui.bundle import archive as archives
from sensei_tui.bundle.archive import ENTRIES_MAX, Entry, File, Plain, Shape, entry_span, index_text, open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.disk import into
from sensei_tui.bundle.errors import BadBundle, NoBundle
from sensei_tui.bundle.verify import check_files, documents, lacking, sums
from tests.bundle.samples import GZIP, TAR, bundle, hostile

SHAPES = pytest.mark.parametrize("shape", [GZIP, TAR], ids=["gzip", "tar"])
FORMS = pytest.mark.parametrize("form", ["tar.gz", "tar"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("made")
    return {
        form: bundle(root, form, root / "layout" if (root / "layout").exists() else None) for form in ("tar.gz", "tar")
    }


def problems(path: Path) -> list[str]:
    """What `sensei bundle verify` finds, an error's text included."""
    try:
        archive = open_archive(path)
        contents = read_contents(archive)
        found = check_files(archive, sums(archive), lambda _: None)
        return found or list(lacking(archive, contents, documents(archive, contents)))
    except SenseiError as error:
        return [str(error)] if error.where else []


def read_all(path: Path) -> None:
    archive = File(path)
    for name in archive.entries:
        archive.text(name)


def unpack(path: Path, to: Path) -> Path:
    to.mkdir()
    subprocess.run(["tar", "-xf", path, "-C", to], check=True)
    return to


@FORMS
def test_whole_it_is_read_by_us_by_tar_and_by_python(made: dict[str, Path], tmp_path: Path, form: str) -> None:
    archive = open_archive(made[form])
    assert problems(made[form]) == []
    directory = unpack(made[form], tmp_path / "out")
    with tarfile.open(made[form]) as tar:
        for member in tar.getmembers():
            content = tar.extractfile(member)
            assert content
            assert content.read() == archive.text(member.name) == (directory / member.name).read_bytes()
        assert tar.getnames() == list(archive.entries)
    assert os.access(directory / "load-images.sh", os.X_OK)
    assert problems(directory) == []
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=directory).returncode == 0


@FORMS
def test_cut_anywhere_it_is_refused(made: dict[str, Path], tmp_path: Path, form: str) -> None:
    archive = File(made[form])
    edges = [at for entry in archive.entries.values() for at in (entry.offset, archive._after(entry))]
    at_random = random.Random(1).choices(range(archive.size), k=40)
    raw = made[form].read_bytes()
    for cut in sorted({*edges, *at_random, archive.end + 1, archive.size - 1}):
        path = tmp_path / "cut"
        path.write_bytes(raw[:cut])
        found = problems(path)
        assert len(found) == 1, (cut, found)
        assert str(path) in found[0]


def test_a_cut_bundle_says_how_much_of_it_is_there(made: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(made["tar.gz"].read_bytes()[:-5000])
    with pytest.raises(BadBundle, match="damaged") as caught:
        open_archive(path)
    assert f"it ends after {path.stat().st_size:,} of {made['tar.gz'].stat().st_size:,} bytes" in caught.value.why


@FORMS
def test_a_flipped_bit_anywhere_is_found(made: dict[str, Path], tmp_path: Path, form: str) -> None:
    """Headers, contents, padding, index and end: whatever gzip or tar would trip over, and every content."""
    archive, raw = File(made[form]), bytearray(made[form].read_bytes())
    interesting = set(random.Random(2).choices(range(len(raw)), k=150))
    for entry in archive.entries.values():
        interesting |= {entry.offset, entry.offset + 30, entry.offset + archive.shape.span(512) + 12}
        interesting.add(archive._after(entry) - 1)
    path = tmp_path / "flipped"
    for at in sorted(at for at in {*interesting, archive.end, len(raw) - 1, len(raw) - 600} if at < len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        assert problems(path), f"byte {at:,}"


def test_the_damaged_file_is_named(made: dict[str, Path], tmp_path: Path) -> None:
    raw, archive = bytearray(made["tar.gz"].read_bytes()), File(made["tar.gz"])
    name = max(archive.entries, key=lambda name: archive.entries[name].size)
    raw[archive.entries[name].offset + 5000] ^= 4
    (tmp_path / "a.tar.gz").write_bytes(raw)
    assert problems(tmp_path / "a.tar.gz") == [f"{name}: its gzip checksum is another"]


BAD_NAMES = [
    "../a",
    "a/../b",
    "/etc/passwd",
    "./a",
    "a//..",
    "a/.",
    ".hidden",
    "a\nb",
    "a\x1b[31m",
    "a b",
    "-rf",
    "a" * 101,
    "é",
]


@SHAPES
@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, shape: Shape, name: str) -> None:
    good = hostile(tmp_path / "a", shape, index_text([("ok", 1)]), [(Entry("ok", 1), b"x")])
    assert File(good).text("ok") == b"x"
    listed = hostile(tmp_path / "b", shape, index_text([(name, 1)]), [(Entry(name[:100], 1), b"x")])
    with pytest.raises(BadBundle, match="index can't be read"):
        File(listed)
    appended = hostile(tmp_path / "c", shape, b"", [(Entry(name, 1), b"x")])
    with pytest.raises(BadBundle):
        File(appended)


KINDS = {"link": tarfile.LNKTYPE, "symlink": tarfile.SYMTYPE, "character": tarfile.CHRTYPE, "block": tarfile.BLKTYPE,
         "directory": tarfile.DIRTYPE, "fifo": tarfile.FIFOTYPE, "sparse": tarfile.GNUTYPE_SPARSE,
         "longname": tarfile.GNUTYPE_LONGNAME, "pax": tarfile.XHDTYPE, "old": tarfile.AREGTYPE}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("index", [b"", index_text([("a", 0)])], ids=["appended", "listed"])
def test_only_plain_files(tmp_path: Path, kind: bytes, index: bytes) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.linkname = kind, "/etc/passwd"
    path = hostile(tmp_path / "a", TAR, index, [])
    raw = path.read_bytes()
    path.write_bytes(raw[:-1024] + info.tobuf() + raw[-1024:])
    with pytest.raises(BadBundle, match="damaged"):
        File(path).text("a")


@pytest.mark.parametrize(("field", "value"), [("mode", 0o4755), ("uid", 1), ("uname", "root"), ("gname", "wheel")])
def test_a_header_says_nothing_else(tmp_path: Path, field: str, value: object) -> None:
    info = tarfile.TarInfo("a")
    setattr(info, field, value)
    raw = hostile(tmp_path / "a", TAR, index_text([("a", 0)]), []).read_bytes()
    (tmp_path / "a").write_bytes(raw[:-1024] + info.tobuf(tarfile.GNU_FORMAT) + raw[-1024:])
    with pytest.raises(BadBundle, match="damaged"):
        File(tmp_path / "a").text("a")


@SHAPES
def test_an_index_that_lies_is_found(tmp_path: Path, shape: Shape) -> None:
    entries = [(Entry("a", 3), b"aaa"), (Entry("b", 3), b"bbb")]
    for told in ([("b", 3), ("a", 3)], [("a", 3), ("c", 3)], [("a", 2), ("b", 3)], [("a", 2), ("b", 4)]):
        path = hostile(tmp_path / "a", shape, index_text(told), entries)
        with pytest.raises(BadBundle, match="damaged"):
            read_all(path)


@SHAPES
@pytest.mark.parametrize("size", [10**6, 10**12, 10**15 - 1])
def test_sizes_that_are_not_there_cost_nothing(tmp_path: Path, shape: Shape, size: int) -> None:
    path = hostile(tmp_path / "a", shape, index_text([("a", size)]), [(Entry("a", 1), b"x")])
    with pytest.raises(BadBundle, match="damaged"):
        File(path)
    info = tarfile.TarInfo("a")
    info.size = size
    raw = hostile(tmp_path / "b", TAR, b"", []).read_bytes()
    (tmp_path / "b").write_bytes(raw[:-1024] + info.tobuf(tarfile.GNU_FORMAT) + raw[-1024:])
    with pytest.raises(BadBundle, match="damaged"):
        File(tmp_path / "b")


@pytest.mark.parametrize(
    "text",
    [b"1 a", b"x a\n", b"-1 a\n", b"01 a\n", b"1  a\n", b"1 a\r\n", b"1 a\n\n", b"\xff a\n", b"9" * 16 + b" a\n"],
)
def test_an_index_of_another_form_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(BadBundle, match="index can't be read"):
        File(hostile(tmp_path / "a", TAR, text, [(Entry("a", 1), b"x")]))


@SHAPES
def test_a_name_twice_is_refused(tmp_path: Path, shape: Shape) -> None:
    entries = [(Entry("a", 1), b"x"), (Entry("a", 1), b"y")]
    for index in (index_text([("a", 1), ("a", 1)]), index_text([("a", 1)])):
        with pytest.raises(BadBundle, match="damaged") as caught:
            File(hostile(tmp_path / "a", shape, index, entries))
        assert "a is there twice" in caught.value.why
    with pytest.raises(BadBundle, match="damaged"):
        File(hostile(tmp_path / "a", shape, index_text([(archives.INDEX, 1)]), [(Entry(archives.INDEX, 1), b"x")]))


def test_more_files_than_a_bundle_can_have(tmp_path: Path) -> None:
    entries = [(Entry(f"f{number}", 0), b"") for number in range(ENTRIES_MAX)]
    index = index_text([(entry.name, 0) for entry, _ in entries])
    assert (
        len(File(hostile(tmp_path / "a", TAR, index_text([(e.name, 0) for e, _ in entries[1:]]), entries[1:])).entries)
        == ENTRIES_MAX
    )
    with pytest.raises(BadBundle, match="damaged") as caught:
        File(hostile(tmp_path / "b", TAR, index, entries))
    assert "more than 20000 files" in caught.value.why


@SHAPES
@pytest.mark.parametrize("end", [b"x", bytes(512), bytes(10_240)])
def test_nothing_follows_the_end(tmp_path: Path, shape: Shape, end: bytes) -> None:
    with pytest.raises(BadBundle, match="damaged") as caught:
        File(hostile(tmp_path / "a", shape, b"", [], end))
    assert "something follows its end" in caught.value.why


def test_what_the_checksums_do_not_name_is_found(made: dict[str, Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(made["tar"], tmp_path))
    archive = File(path)
    with path.open("r+b") as file:
        file.seek(archive.end)
        os.truncate(path, archive.end)
        archives.write_entry(into(file.fileno()), TAR, Entry("blobs/more", 1), [memoryview(b"x")], 0)
        archives.write_end(into(file.fileno()), TAR)
    assert "SHA256SUMS does not name it" in problems(path)[0]


def test_ordinary_gzip_says_what_to_do(made: dict[str, Path], tmp_path: Path) -> None:
    for level in (1, 6, 9):
        path = tmp_path / f"{level}.tar.gz"
        path.write_bytes(gzip.compress(made["tar"].read_bytes(), level))
        with pytest.raises(BadBundle, match="compressed anew") as caught:
            File(path)
        assert "tar -xzf" in caught.value.remedy
    subprocess.run(["gzip", "-k", made["tar"], "--stdout"], stdout=(tmp_path / "g").open("wb"), check=True)
    with pytest.raises(BadBundle, match="compressed anew"):
        File(tmp_path / "g")


NO_BUNDLES = {
    "empty": b"", "one byte": b"x", "a zip": b"PK\x03\x04" + bytes(600), "zeros": bytes(1024),
    "noise": random.Random(7).randbytes(2048),
}  # fmt: skip


@pytest.mark.parametrize("content", NO_BUNDLES.values(), ids=NO_BUNDLES.keys())
def test_what_is_no_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(BadBundle, match="no bundle"):
        File(tmp_path / "a")


def test_a_tar_of_something_else(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("x"), io.BytesIO())
    with pytest.raises(BadBundle) as caught:
        File(tmp_path / "a.tar")
    assert str(tmp_path / "a.tar") in caught.value.where
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises((NoBundle, BadBundle)) as other:
            open_archive(path)
        assert other.value.where == str(path)


def test_an_unpacked_bundle_that_was_changed(made: dict[str, Path], tmp_path: Path) -> None:
    directory = unpack(made["tar.gz"], tmp_path / "out")
    blob = max((directory / "blobs/sha256").iterdir(), key=lambda item: item.stat().st_size)
    name, content = f"blobs/sha256/{blob.name}", blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert problems(directory) == [f"{name}: its content is not what its checksum says"]
    blob.write_bytes(content[:-1])
    assert f"{name} has {len(content) - 1:,} of {len(content):,} bytes" in problems(directory)[0]
    blob.unlink()
    assert f"{name} is missing" in problems(directory)[0]
    blob.symlink_to("/etc/hostname")
    assert f"{name} is missing" in problems(directory)[0]
    (tmp_path / "elsewhere").write_bytes(content)
    blob.unlink()
    blob.symlink_to(tmp_path / "elsewhere")
    assert f"{name} is missing" in problems(directory)[0], "what a link leads to is not the bundle"
    blob.unlink()
    blob.write_bytes(content)
    (directory / "more.txt").write_text("x")
    assert "SHA256SUMS does not name it" in problems(directory)[0]
    (directory / "more.txt").unlink()
    (directory / ".registry").write_text("registry.example.com\n")
    assert problems(directory) == [], "load-images.sh keeps the registry there"
    (directory / "blobs").rename(tmp_path / "blobs")
    (directory / "blobs").symlink_to(tmp_path / "blobs")
    assert "is missing" in problems(directory)[0]


def test_bundle_json_is_what_the_checksums_say(made: dict[str, Path], tmp_path: Path) -> None:
    """Otherwise a signature over SHA256SUMS would say nothing about the images that are loaded."""
    directory = unpack(made["tar"], tmp_path / "out")
    file = directory / "bundle.json"
    file.write_text(file.read_text().replace("/api:1.0.0", "/apj:1.0.0"))
    with pytest.raises(BadBundle, match="damaged") as caught:
        read_contents(open_archive(directory))
    assert "bundle.json" in caught.value.where
    assert "SHA256SUMS" in caught.value.why


def test_where_files_lie_follows_from_the_index(made: dict[str, Path]) -> None:
    archive = File(made["tar"])
    with tarfile.open(made["tar"]) as tar:
        for member in tar:
            assert archive.entries[member.name].offset == member.offset
            assert entry_span(Plain(), member.size) == -(-member.size // 512) * 512 + 512
