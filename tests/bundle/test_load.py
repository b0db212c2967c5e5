"""Bundles into a real registry: nothing twice, nothing damaged, nothing called loaded that is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import bytes_si
from sensei_tui.bundle.archive import Archive, open_archive
from sensei_tui.bundle.contents import Contents, blob_name, read_contents
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.inventory import blobs_of, known_by
from sensei_tui.bundle.load import Incomplete, Loader, Tally, need, target_of
from sensei_tui.bundle.oci import Document
from sensei_tui.bundle.pool import reachable
from sensei_tui.bundle.proof import absent, reread
from sensei_tui.bundle.verify import documents
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import NotFound
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from tests.bundle.counting import Counting, counting
from tests.bundle.samples import API, SBOM, TOLD, WEB, bundle, layout
from tests.registry.kinds import both
from tests.registry.real import Real, started

pytestmark = both
STUBBORN = Patience(attempts=400, first=0.02, longest=0.05)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    with started(Real(tmp_path / "registry")) as found:
        yield found


@pytest.fixture
def narrow(real: Real) -> Iterator[Counting]:
    with counting(real.port) as found:
        yield found


def opened(path: Path) -> tuple[Archive, Contents, dict[str, Document]]:
    archive = open_archive(path)
    contents = read_contents(archive)
    return archive, contents, documents(archive, contents)


def loaded(path: Path, registry: Registry) -> Tally:
    archive, contents, found = opened(path)
    return Loader(archive, contents, found, registry, lambda _: None).run()


def through(port: int, prefix: str = "") -> Registry:
    return Registry(Place(f"127.0.0.1:{port}", prefix), plain=True, patience=STUBBORN)


def complete(path: Path, registry: Registry) -> bool:
    """Every name there with its digest, and every byte below it."""
    _, contents, found = opened(path)
    targets = [target_of(item, registry.place) for item in contents.items]
    if list(absent(targets, registry)):
        return False
    reread(targets, found, registry, lambda _: None)
    return True


def stored(real: Real) -> set[str]:
    """Hexadecimal digests of the blobs that the registry has, whole."""
    return {item.parent.name for item in (real.root / "blobs/docker/registry/v2/blobs/sha256").glob("??/*/data")}


def test_everything_is_there_by_its_digest_and_the_second_time_nothing_is_sent(path: Path, narrow: Counting) -> None:
    with through(narrow.port) as registry:
        tally = loaded(path, registry)
        archive, contents, found = opened(path)
        blobs = blobs_of(archive).keys() - found.keys()
        assert tally.sent == sum(blobs_of(archive)[digest] for digest in blobs)
        assert sorted(narrow.sent) == sorted(digest[7:] for digest in blobs), "each blob once, however many share it"
        assert complete(path, registry)
        assert registry.manifest("sensei/api", "1.0.0").digest == contents.items[0].digest
    with through(narrow.port) as registry:
        narrow.clear()
        again = loaded(path, registry)
        assert (again.sent, again.images_there) == (0, len(contents.items))
        assert {method for method, _ in narrow.asked} == {"HEAD"}
        needed = {(target_of(item, registry.place).repository, digest) for item in contents.items
                  for digest in reachable(found, item.digest) if digest not in found}  # fmt: skip
        asked = {item for _, item in narrow.asked}
        assert {f"/v2/{name}/blobs/{digest}" for name, digest in needed} <= asked, "a name alone proves nothing"
        assert again.there == again.total == sum(inventory_bytes(archive, found).values())


def inventory_bytes(archive: Archive, found: dict[str, Document]) -> dict[str, int]:
    """Of what is no manifest."""
    return {digest: size for digest, size in blobs_of(archive).items() if digest not in found}


def data_of(real: Real, digest: str) -> Path:
    """Where the registry keeps a blob."""
    return real.root / "blobs/docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:] / "data"


def test_a_blob_that_the_registry_lost_is_sent_again(path: Path, real: Real) -> None:
    archive, _, found = opened(path)
    blobs = inventory_bytes(archive, found)
    digest = max(blobs, key=lambda item: blobs[item])
    with through(real.port) as registry:
        loaded(path, registry)
        shutil.rmtree(data_of(real, digest).parent)
        assert not complete_or_lost(path, registry)
        again = loaded(path, registry)
        assert again.sent == blobs[digest]
        assert complete(path, registry)


def complete_or_lost(path: Path, registry: Registry) -> bool:
    try:
        return complete(path, registry)
    except NotFound:
        return False


def test_a_blob_that_was_cut_in_the_registry_is_never_called_loaded(path: Path, real: Real) -> None:
    archive, _, found = opened(path)
    blobs = inventory_bytes(archive, found)
    digest = max(blobs, key=lambda item: blobs[item])
    with through(real.port) as registry:
        loaded(path, registry)
        os.truncate(data_of(real, digest), 1_000)
        with pytest.raises(Incomplete, match="something else under a blob's digest") as caught:
            loaded(path, registry)
        assert digest in caught.value.where
        shutil.rmtree(data_of(real, digest).parent)
        loaded(path, registry)
        assert complete(path, registry)


def test_what_room_is_needed_is_told_before_anything_is_sent(path: Path, narrow: Counting) -> None:
    archive, contents, found = opened(path)
    blobs = {digest: size for digest, size in blobs_of(archive).items() if digest not in found}
    told: list[tuple[int, int, str, list[str]]] = []

    def tell(tally: Tally) -> None:
        told.append((tally.needed, tally.there, need(tally), [*narrow.sent]))

    with through(narrow.port) as registry:
        digest = max(blobs, key=lambda item: blobs[item])
        item = next(item for item in contents.items if digest in reachable(found, item.digest))
        repository = target_of(item, registry.place).repository
        registry.upload(repository, digest, blobs[digest], lambda first: archive.read(blob_name(digest), first))
        narrow.clear()
        for _ in range(2):
            Loader(archive, contents, found, registry, lambda _: None, on_need=tell).run()
    rest = sum(blobs.values()) - blobs[digest]
    text = f"{bytes_si(rest)} to send, for which the registry needs room; {bytes_si(blobs[digest])} are there"
    assert told[0] == (rest, blobs[digest], text, [])
    assert told[1][:2] == (0, sum(blobs.values()))


def test_shared_blobs_are_mounted(path: Path, narrow: Counting) -> None:
    with through(narrow.port) as registry:
        loaded(path, registry)
    archive, _, found = opened(path)
    shared = found[read_contents(archive).items[0].digest].children[1].digest
    mounts = [item for method, item in narrow.asked if method == "POST" and f"mount=sha256%3A{shared[7:]}" in item]
    assert len(mounts) == 1


def test_under_a_prefix(path: Path, real: Real) -> None:
    with through(real.port, "mirror/sensei") as registry:
        loaded(path, registry)
        assert complete(path, registry)
        assert "1.0.0" in registry.tags("mirror/sensei/sensei/api")


def test_signatures_are_found_by_their_image(path: Path, real: Real) -> None:
    with through(real.port) as registry:
        loaded(path, registry)
        _, contents, _ = opened(path)
        told = registry.referrers("sensei/api", contents.items[0].digest)
        assert [(item.digest, item.artifact_type, item.annotations) for item in told] == [
            (contents.referrers[0].digest, SBOM, TOLD)
        ]
        loaded(path, registry)
        assert len(registry.referrers("sensei/api", contents.items[0].digest)) == 1


def test_broken_off_before_its_name_an_image_gets_its_signatures_the_next_time(
    path: Path, real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    with through(real.port) as registry:
        with monkeypatch.context() as patch:
            patch.setattr(Loader, "_refer", _breaks)
            with pytest.raises(SenseiError, match="cut"):
                loaded(path, registry)
        loaded(path, registry)
        _, contents, _ = opened(path)
        assert registry.referrers("sensei/api", contents.items[0].digest)


def _breaks(*_: object) -> None:
    raise SenseiError("cut")


def damaged(path: Path, to: Path, which: int = 1) -> tuple[Path, str]:
    """The bundle with a flipped bit in the first image's layer; that layer."""
    archive, contents, found = opened(path)
    digest = found[contents.items[0].digest].children[which].digest
    entry, raw = archive.entries[f"blobs/sha256/{digest[7:]}"], bytearray(path.read_bytes())
    raw[entry.offset + 3_000] ^= 1
    to.write_bytes(raw)
    return to, digest


def test_a_damaged_blob_never_becomes_one_of_the_registry(path: Path, real: Real, tmp_path: Path) -> None:
    bad, digest = damaged(path, tmp_path / "bad.tar.gz")
    with through(real.port) as registry:
        with pytest.raises(BadBundle, match="damaged") as caught:
            loaded(bad, registry)
        assert caught.value.where == f"{bad}: blobs/sha256/{digest[7:]}"
        assert digest[7:] not in stored(real)
        assert registry.has_manifest("sensei/api", "1.0.0") is None
        before = stored(real)
        with counting(real.port) as narrow, through(narrow.port) as other:
            loaded(path, other)
            assert not before & set(narrow.sent), "what was whole is not sent again"
        assert complete(path, registry)


def test_what_the_registry_lost_is_told(path: Path, real: Real) -> None:
    with through(real.port) as registry:
        loaded(path, registry)
        _, contents, found = opened(path)
        targets = [target_of(item, registry.place) for item in contents.items]
        layer = found[contents.items[0].digest].children[1].hex
        data = real.root / f"blobs/docker/registry/v2/blobs/sha256/{layer[:2]}/{layer}/data"
        content = data.read_bytes()
        data.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(Incomplete, match="something else than it was sent") as caught:
            reread(targets, found, registry, lambda _: None)
        assert caught.value.why == f"sensei/api@sha256:{layer}", "this one alone: the rest was read too"
        assert "removed from the registry's storage" in caught.value.remedy
        registry.put_manifest("sensei/api", "1.0.0", registry.manifest("sensei/api", contents.referrers[0].digest))
        assert [text.partition(":1.0.0: ")[2][:8] for text in absent(targets, registry)] == ["is sha25"]


def test_a_difference_says_what_has_to_be_loaded_before(tmp_path: Path, real: Real) -> None:
    source = layout(tmp_path / "layout")
    (tmp_path / "old").mkdir()
    old = bundle(tmp_path / "old", source=source, names=(API,))
    new = bundle(tmp_path, source=source, since=known_by(old))
    with through(real.port) as registry:
        with pytest.raises(Incomplete, match="lacks what this bundle leaves out") as caught:
            loaded(new, registry)
        assert "version 1.0.0" in caught.value.remedy
        loaded(old, registry)
        loaded(new, registry)
        assert complete(new, registry)


def test_a_difference_finds_what_an_image_has_that_is_no_more(tmp_path: Path, real: Real) -> None:
    source = layout(tmp_path / "layout")
    (tmp_path / "old").mkdir()
    old = bundle(tmp_path / "old", source=source, names=(API,))
    (tmp_path / "inventory").write_text(known_by(old).text())
    new = bundle(tmp_path, source=source, names=(WEB,), since=known_by(tmp_path / "inventory"))
    assert API in {item.name for item in opened(new)[1].left}
    with through(real.port, "mirror") as registry:
        loaded(old, registry)
        loaded(new, registry)
        assert complete(new, registry)


def test_what_a_whole_image_has_another_takes_over(tmp_path: Path, narrow: Counting) -> None:
    """Also where the first was loaded by an earlier call."""
    source = layout(tmp_path / "layout")
    (tmp_path / "old").mkdir()
    old, new = bundle(tmp_path / "old", source=source, names=(API,)), bundle(tmp_path, source=source)
    with through(narrow.port) as registry:
        loaded(old, registry)
        narrow.clear()
        loaded(new, registry)
        assert complete(new, registry)
    assert not {digest[7:] for digest in blobs_of(open_archive(old))} & set(narrow.sent)
