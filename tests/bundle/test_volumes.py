"""Bundles on several media: the same each time, in any order, and what is missing or damaged has a name."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from sensei_tui.bundle import volumes
from sensei_tui.bundle.archive import File, open_archive
from sensei_tui.bundle.contents import SUMS, read_contents
from sensei_tui.bundle.create import SHAPES
from sensei_tui.bundle.disk import DiskFull
from sensei_tui.bundle.errors import BadBundle, NoBundle
from sensei_tui.bundle.inventory import blobs_of
from sensei_tui.bundle.joined import Joined, open_bundle, volume_of
from sensei_tui.bundle.load import Incomplete, Loader
from sensei_tui.bundle.signed import seal_of, sign
from sensei_tui.bundle.signers import allowed_signers, fingerprint
from sensei_tui.bundle.verify import check_files, documents, lacking, sums
from sensei_tui.bundle.volumes import split, volume_path, write_volumes
from sensei_tui.cli.bundle import bundle as command
from sensei_tui.deploy.fitting import WrongBundle
from sensei_tui.deploy.loading import refuse_missing
from sensei_tui.registry.client import Registry
from sensei_tui.registry.uploads import CHUNK
from tests.bundle.counting import counting
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, TOOL, WEB, built, bundle
from tests.bundle.test_load import complete, stored, through
from tests.bundle.test_signed import key as make_key
from tests.registry.kinds import both
from tests.registry.real import Real, started

UNIT, LIMIT = 64 << 10, 700_000
FORMS = pytest.mark.parametrize("form", ["tar.gz", "tar"])


def layout(root: Path) -> Path:
    """API has a layer of 1.5 MB, more than a volume; the others many small ones."""
    made = LayoutMaker(root, 5)
    made.name(made.manifest([made.layer(1_500_000), made.layer(40_000)]), API)
    shared = made.layer(150_000)
    for name in (WEB, TOOL):
        made.name(made.manifest([shared, *(made.layer(90_000 + 1_000 * number) for number in range(3))]), name)
    return made.done()


def written(root: Path, form: str = "tar.gz", limit: int = LIMIT) -> list[Path]:
    root.mkdir(exist_ok=True)
    source = root / "layout"
    made = built(root, source if source.exists() else layout(source))
    return write_volumes(split(made, SHAPES[form], limit, UNIT), root / f"bundle.{form}", SHAPES[form], limit)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return written(tmp_path_factory.mktemp("media"))


def cli(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(item) for item in arguments])


def test_names() -> None:
    assert volume_path(Path("/a/b-1.0.tar.gz"), 1, 3).name == "b-1.0.vol01of03.tar.gz"
    assert volume_path(Path("b.tar"), 12, 12).name == "b.vol12of12.tar"


@FORMS
def test_the_same_inputs_give_the_same_volumes_of_the_size_that_was_asked_for(tmp_path: Path, form: str) -> None:
    first, second = written(tmp_path / "one", form), written(tmp_path / "two", form)
    assert [path.name for path in first] == [
        f"bundle.vol{number:02}of{len(first):02}.{form}" for number in range(1, len(first) + 1)
    ]
    assert len(first) > 3
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert one.stat().st_size <= LIMIT


def test_each_is_an_archive_of_its_own_with_the_head(media: list[Path]) -> None:
    for number, path in enumerate(media, 1):
        assert subprocess.run(["gzip", "-t", path]).returncode == 0
        archive = open_archive(path)
        found = volume_of(archive)
        assert found is not None
        assert (found.number, found.of) == (number, len(media))
        assert {"bundle.json", SUMS, "load-images.sh", "volumes.json", "index.json"} <= archive.entries.keys()
        assert any(name.startswith("charts/") for name in archive.entries) is (number == 1)
        assert check_files(archive, {}, lambda _: None) == []


def test_whole_blobs_lie_whole_where_they_fit(media: list[Path]) -> None:
    joined = open_bundle(media)
    assert isinstance(joined, Joined)
    (parts,) = joined.segments.values()
    assert all(part.size % UNIT == 0 for part in parts[:-1])
    assert joined.entries[parts[0].name.partition(".")[0]].size > LIMIT
    assert [part.name[-8:] for part in parts] == [f".seg{number:04}" for number in range(1, len(parts) + 1)]


def test_together_they_are_the_bundle_in_any_order(media: list[Path], tmp_path: Path) -> None:
    one = open_archive(bundle(tmp_path, source=media[0].parent / "layout"))
    for order in itertools.islice(itertools.permutations(media), 0, None, 7):
        joined = open_bundle(order)
        assert blobs_of(joined) == blobs_of(one)
        contents = read_contents(joined)
        assert contents == read_contents(one)
        assert list(lacking(joined, contents, documents(joined, contents))) == []
        assert (
            sums(joined).items()
            >= {name: value for name, value in sums(one).items() if name.startswith("blobs/")}.items()
        )
    for name in (name for name in one.entries if name.startswith("blobs/")):
        assert joined.text(name) == one.text(name)
        size, choose = one.entries[name].size, random.Random(name)
        first, last = sorted(choose.choices(range(size + 1), k=2))
        assert b"".join(map(bytes, joined.read(name, first, last))) == one.text(name)[first:last]


def test_a_directory_of_them_or_where_they_were_unpacked(media: list[Path], tmp_path: Path) -> None:
    for number, path in enumerate(reversed(media)):
        shutil.copy(path, tmp_path)
        (tmp_path / "out").mkdir(exist_ok=True)
        subprocess.run(["tar", "-xf", path, "-C", tmp_path / "out"], check=True)
        assert bool(getattr(open_bundle([tmp_path / "out"]), "missing", None)) is (number < len(media) - 1)
    for place in (tmp_path, tmp_path / "out"):
        joined = open_bundle([place])
        assert blobs_of(joined) == blobs_of(open_bundle(media))
        done = cli("verify", place, "--allow-unsigned")
        assert done.exit_code == 0, done.output


def test_everything_in_one_where_it_fits(tmp_path: Path) -> None:
    (path,) = written(tmp_path, limit=50_000_000)
    assert path == tmp_path / "bundle.tar.gz"
    assert volume_of(open_archive(path)) is None


def test_a_finished_volume_that_was_damaged_since_is_written_again(tmp_path: Path) -> None:
    media = written(tmp_path)
    wanted = [path.read_bytes() for path in media]
    content = bytearray(wanted[0])
    content[-100_000] ^= 1
    media[0].write_bytes(content)
    media[-1].unlink()
    assert [path.read_bytes() for path in written(tmp_path)] == wanted


def test_a_damaged_source_is_found_before_anything_is_written(tmp_path: Path) -> None:
    source = layout(tmp_path / "layout")
    blob = max((source / "blobs/sha256").iterdir(), key=lambda item: item.stat().st_size)
    content = blob.read_bytes()
    for changed in (content[:-1] + bytes([content[-1] ^ 1]), content + b"x", content[:-1]):
        blob.write_bytes(changed)
        with pytest.raises(BadBundle, match="not what its digest says"):
            written(tmp_path)
        assert not list(tmp_path.glob("*.tar.gz*"))


@FORMS
def test_broken_off_it_goes_on(tmp_path: Path, form: str) -> None:
    paths = written(tmp_path, form)
    wanted = [path.read_bytes() for path in paths]
    kept = [path.stat().st_ino for path in paths]
    paths[2].with_name(f"{paths[2].name}.part").write_bytes(wanted[2][:300_000])
    paths[2].unlink()
    paths[3].write_bytes(wanted[3][:-5])
    assert written(tmp_path, form) == paths
    assert [path.read_bytes() for path in paths] == wanted
    assert [path.stat().st_ino for path in paths[:2]] == kept[:2], "what was whole was not written again"


def test_room_for_all_of_them_is_looked_for_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [path.stat().st_size for path in written(tmp_path)]
    for path in tmp_path.glob("*.tar.gz"):
        path.unlink()
    monkeypatch.setattr("os.statvfs", lambda _: SimpleNamespace(f_bavail=sum(sizes) - 1, f_frsize=1))
    with pytest.raises(DiskFull, match="not enough room") as caught:
        written(tmp_path)
    assert f"{sum(sizes):,} bytes are needed" in caught.value.why
    assert not list(tmp_path.glob("*.tar.gz*"))


# Missing and damaged.


def test_missing_volumes_are_named_with_what_they_hold(media: list[Path]) -> None:
    for gone in range(len(media)):
        rest = [path for number, path in enumerate(media) if number != gone]
        archive = open_archive(media[gone])
        done = cli("verify", *rest, "--allow-unsigned", "-o", "json")
        assert done.exit_code == 1
        (told,) = json.loads(done.stdout)["missing"]
        assert (told["number"], told["of"]) == (gone + 1, len(media))
        shared = open_archive(rest[0]).entries.keys() & open_archive(rest[1]).entries.keys()
        assert {part["name"] for part in told["parts"]} == archive.entries.keys() - shared
        plain = cli("verify", *rest, "--allow-unsigned").stdout
        assert f"volume {gone + 1} of {len(media)} with\n" in plain
        assert all(f"    {part['name']}\n" in plain for part in told["parts"])
        assert json.loads(done.stdout)["problems"] == []


def test_a_bad_segment_is_named_with_its_volume(media: list[Path], tmp_path: Path) -> None:
    copies = [Path(shutil.copy(path, tmp_path)) for path in media]
    joined = open_bundle(copies)
    assert isinstance(joined, Joined)
    ((blob, parts),) = joined.segments.items()
    bad = next(path for path in copies if parts[1].name in open_archive(path).entries)
    raw = bytearray(bad.read_bytes())
    raw[open_archive(bad).entries[parts[1].name].offset + 3_000] ^= 1
    bad.write_bytes(raw)
    done = cli("verify", *copies, "--allow-unsigned", "-o", "json")
    assert done.exit_code == 1
    (told,) = json.loads(done.stdout)["problems"]
    assert told.startswith(f"{bad}: {parts[1].name}: ")
    plain = cli("verify", *copies, "--allow-unsigned").stdout
    assert plain.startswith(f"The bundle is damaged:\n  {bad}: ")
    assert "\nCopy it again from its source.\n" in plain
    with pytest.raises(BadBundle, match="not what its digest says") as caught:
        open_bundle(copies).text(blob)
    assert caught.value.where == f"{bad}: {parts[1].name}"


def test_a_damaged_head_of_any_volume_is_found(media: list[Path], tmp_path: Path) -> None:
    copies = [Path(shutil.copy(path, tmp_path)) for path in media]
    for path in copies:
        raw = path.read_bytes()
        for name in ("README.txt", "volume.json", "bundle.json"):
            changed = bytearray(raw)
            changed[File(path).entries[name].offset + 560] ^= 1
            path.write_bytes(changed)
            done = cli("verify", *copies, "--allow-unsigned")
            assert done.exit_code == 1, (path, name)
            path.write_bytes(raw)


def test_each_volume_has_a_signature_of_its_own(media: list[Path], tmp_path: Path) -> None:
    copies = [Path(shutil.copy(path, tmp_path)) for path in media]
    trusted, stranger = make_key(tmp_path / "trusted"), make_key(tmp_path / "stranger")
    (tmp_path / "allowed").write_text(f"vendor ssh-ed25519 {b64encode(trusted.key).decode()}\n")
    verify = ("verify", *copies, "--trust", tmp_path / "allowed", "-o", "json")
    for path, signer in zip(
        copies, itertools.chain(["trusted", "stranger"], itertools.repeat("trusted")), strict=False
    ):
        assert cli("sign", path, "--key", tmp_path / signer).exit_code == 0
    done = cli(*verify)
    assert done.exit_code == 0, done.output
    assert [*json.loads(done.stdout)["alone"]] == [str(copies[1])]
    assert fingerprint(stranger.key) in json.loads(done.stdout)["alone"][str(copies[1])]
    assert "would be refused without the other volumes: The bundle is signed by a key" in done.stderr
    raw = bytearray(copies[1].read_bytes())
    raw[File(copies[1]).entries["SIGNED.sig"].offset + 600] ^= 1
    copies[1].write_bytes(raw)
    done = cli(*verify)
    problems = json.loads(done.stdout)["problems"]
    assert done.exit_code == 1
    assert problems[-1].startswith(f"{copies[1]}: SIGNED.sig: The signature ")


def test_volumes_of_another_bundle_are_refused(media: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_volumes(split(built(tmp_path, media[0].parent / "layout"), SHAPES["tar.gz"], LIMIT + 100_000, UNIT),
                          tmp_path / "other/bundle.tar.gz", SHAPES["tar.gz"], LIMIT + 100_000)  # fmt: skip
    with pytest.raises(BadBundle, match="different bundles") as caught:
        open_bundle([media[0], other[1]])
    assert caught.value.where == str(other[1])
    whole = bundle(tmp_path)
    with pytest.raises(NoBundle, match="Only volumes") as single:
        open_bundle([media[0], whole])
    assert single.value.where == str(whole)
    with pytest.raises(NoBundle, match="no volume"):
        open_bundle([_empty(tmp_path)])


def _empty(root: Path) -> Path:
    (root / "empty").mkdir()
    return root / "empty"


def test_signed_every_volume_has_the_signature(media: list[Path], tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    copies = [Path(shutil.copy(path, tmp_path)) for path in media]
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "4096", "-N", "", "-f", tmp_path / "key"], check=True)
    done = cli("sign", *copies, "--key", tmp_path / "key")
    assert done.exit_code == 0, done.output
    assert all(path.stat().st_size <= LIMIT for path in copies)
    (tmp_path / "allowed").write_text("vendor " + (tmp_path / "key.pub").read_text())
    for path in copies:
        archive = open_bundle([path])
        assert (
            seal_of(archive, read_contents(archive), allowed_signers(tmp_path / "allowed"), datetime.now(UTC)).signer
            == "vendor"
        )
    assert cli("verify", tmp_path, "--trust", tmp_path / "allowed").exit_code == 0
    archive = File(copies[0])
    sign(archive, read_contents(archive), tmp_path / "key", None, datetime.now(UTC))


# Loaded.


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    with started(Real(tmp_path / "registry")) as found:
        yield found


def loaded(paths: list[Path], registry: Registry) -> Loader:
    archive = open_bundle(paths)
    contents = read_contents(archive)
    loader = Loader(archive, contents, documents(archive, contents), registry, lambda _: None)
    loader.run()
    return loader


@both
def test_all_at_once(media: list[Path], real: Real) -> None:
    with through(real.port) as registry:
        assert loaded(media, registry).lacking == set()
        assert complete(_one(media), registry)


def _one(media: list[Path]) -> Path:
    """The same bundle in one file."""
    path = media[0].parent / "one" / "bundle.tar.gz"
    if not path.exists():
        path.parent.mkdir()
        bundle(path.parent, source=media[0].parent / "layout")
    return path


@both
def test_one_medium_at_a_time(media: list[Path], real: Real) -> None:
    """Whole blobs of each; the one in segments, where nothing is kept, by its volumes together."""
    joined = open_bundle(media)
    assert isinstance(joined, Joined)
    (segments,) = joined.segments.values()
    with counting(real.port) as narrow, through(narrow.port) as registry:
        for path in media:
            before = stored(real)
            loader = loaded([path], registry)
            here = {
                name[13:] for name in open_archive(path).entries if name.startswith("blobs/") and ".seg" not in name
            }
            assert here - {digest[7:] for digest in documents(joined, read_contents(joined))} <= stored(real)
            assert not before & {*narrow.sent[len(before) :]} - before
        assert {f"blobs/sha256/{digest[7:]}" for digest in loader.lacking} == set(joined.segments)
        assert registry.has_manifest("sensei/api", "1.0.0") is None
        assert registry.has_manifest("sensei/web", "1.0.0") == read_contents(joined).items[1].digest
        assert len(narrow.sent) == len(set(narrow.sent)), "nothing twice"
        narrow.clear()
        holding = [path for path in media if {part.name for part in segments} & open_archive(path).entries.keys()]
        assert loaded(holding, registry).lacking == set()
        assert narrow.sent == [next(iter(joined.segments))[13:]]
        assert complete(_one(media), registry)


@both
def test_the_command_says_what_is_missing_and_goes_on(media: list[Path], real: Real) -> None:
    options = ["--registry", f"127.0.0.1:{real.port}", "--plain-http", "--allow-unsigned"]
    with pytest.raises(Incomplete, match="Volumes are missing") as caught:
        CliRunner().invoke(command, ["load", str(media[1]), *options], catch_exceptions=False)
    for number in {1, *range(3, len(media) + 1)}:
        assert f"volume {number} of {len(media)} with blobs/sha256/" in caught.value.why
    assert f"volume 2 of {len(media)}" not in caught.value.why
    done = CliRunner().invoke(command, ["load", *map(str, media), *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert "proven to be in" in done.output


def test_a_segment_is_a_multiple_of_what_is_uploaded_at_once() -> None:
    assert volumes.SEGMENT % CHUNK == 0


def test_a_run_wants_all_volumes_in_one_directory(tmp_path: Path) -> None:
    media = written(tmp_path)
    found = SimpleNamespace(archive=open_bundle([media[0]]), path=media[0])
    with pytest.raises(WrongBundle, match="Volumes of the bundle are missing") as caught:
        refuse_missing(found)  # type: ignore[arg-type]
    assert f"{len(media):02}" in caught.value.why or str(len(media)) in caught.value.why
    refuse_missing(SimpleNamespace(archive=open_bundle([tmp_path]), path=tmp_path))  # type: ignore[arg-type]
