"""Bundles into a real registry: nothing twice, nothing damaged, nothing called loaded that is not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import bytes_si
from sensei_tui.bundle.archive import Archive, open_archive
from sensei_tui.bundle.contents import Contents, blob_name, read_contents
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.inventory import blobs_of, known_by
from sensei_tui.bundle.load import Incomplete, Loader, Tally, absent, need, reread, target_of
from sensei_tui.bundle.oci import Document
from sensei_tui.bundle.pool import reachable
from sensei_tui.bundle.verify import documents
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import Lied, TlsFailed, Unauthorized
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from tests.bundle.counting import Counting, counting
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, HOST, TOOL, WEB, bundle, layout
from tests.registry.certificates import server
from tests.registry.kinds import both
from tests.registry.real import Real, login, needs_htpasswd, started

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
        assert len(narrow.asked) == len(contents.items)


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
    assert told == [(rest, blobs[digest], text, []), (0, 0, need(Tally()), [*narrow.sent])]


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
        assert [item.digest for item in told] == [contents.referrers[0].digest]
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
        with pytest.raises(Lied, match="other content"):
            reread(targets, found, registry, lambda _: None)
        registry.put_manifest("sensei/api", "1.0.0", registry.manifest("sensei/api", contents.referrers[0].digest))
        assert [text.partition(":1.0.0: ")[2][:8] for text in absent(targets, registry)] == ["is sha25"]


def test_a_difference_says_what_has_to_be_loaded_before(tmp_path: Path, real: Real) -> None:
    source = layout(tmp_path / "layout")
    (tmp_path / "old").mkdir()
    old = bundle(tmp_path / "old", source=source, names=(API,))
    new = bundle(tmp_path, source=source, since=known_by(old))
    with through(real.port) as registry:
        with pytest.raises(Incomplete, match="lacks a blob") as caught:
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


# Killed.

COMMAND = [sys.executable, "-m", "sensei_tui", "bundle", "load", "--plain-http", "--allow-unsigned"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images of eight layers of 300 KB, two of them shared by all."""
    root = tmp_path_factory.mktemp("many")
    made = LayoutMaker(root / "layout", 3)
    shared = [made.layer(300_000) for _ in range(2)]
    for name in (API, WEB, TOOL):
        made.name(made.manifest([*shared, *(made.layer(300_000) for _ in range(6))]), name)
    return bundle(root, source=made.done())


def test_the_loader_killed_at_any_moment_sends_no_finished_blob_again(many: Path, real: Real, tmp_path: Path) -> None:
    chance, rounds = random.Random(7), 0
    for _ in range(6):
        before = stored(real)
        with counting(real.port, 0.004) as narrow:
            process = subprocess.Popen(
                [*COMMAND, many, "--registry", f"127.0.0.1:{narrow.port}"],
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            limit = chance.randrange(1_000, 2_500_000)
            while process.poll() is None and narrow.bytes < limit:
                pass
            rounds += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert not before & set(narrow.sent)
            assert len(narrow.sent) == len(set(narrow.sent))
    assert rounds > 2
    done = subprocess.run(
        [*COMMAND, many, "--registry", f"127.0.0.1:{real.port}", "--reread", "-o", "json"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["imagesThere"] <= json.loads(done.stdout)["images"] == 5
    with through(real.port) as registry:
        assert complete(many, registry)


def test_the_registry_killed_again_and_again_has_everything_in_the_end(many: Path, real: Real) -> None:
    over = threading.Event()

    def kill() -> None:
        chance = random.Random(8)
        for _ in range(6):
            if over.wait(chance.uniform(0.05, 0.4)):
                return
            real.kill()
            real.start()

    killer = threading.Thread(target=kill)
    with counting(real.port, 0.01) as narrow, through(narrow.port) as registry:
        killer.start()
        try:
            loaded(many, registry)
        finally:
            over.set()
            killer.join()
        assert complete(many, registry)


# With TLS and a login.


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Real]:
    with started(Real(tmp_path / "secured").with_tls().with_login()) as found:
        yield found


@needs_htpasswd
def test_with_tls_and_a_login(path: Path, secured: Real, tmp_path: Path) -> None:
    with secured.client(login()) as registry:
        loaded(path, registry)
        assert complete(path, registry)
        assert loaded(path, registry).sent == 0
    with secured.client(login("wrong")) as registry, pytest.raises(Unauthorized):
        loaded(path, registry)
    ca, _, _ = server(tmp_path, "127.0.0.1", 10)
    with secured.client(login(), ca=ca) as registry, pytest.raises(TlsFailed):
        loaded(path, registry)


@needs_htpasswd
def test_the_command_tells_which_file_would_help(path: Path, secured: Real, tmp_path: Path) -> None:
    ca, _, _ = server(tmp_path, "127.0.0.1", 10)
    command = [
        sys.executable,
        "-m",
        "sensei_tui",
        "bundle",
        "load",
        str(path),
        "--allow-unsigned",
        "--registry",
        str(secured.place),
    ]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    wrong: list[tuple[list[str], str]] = [
        (["--ca", str(ca)], "certificate"), (["--ca", str(secured.ca)], "login"), (["--plain-http"], "TLS"),
    ]  # fmt: skip
    for options, text in wrong:
        done = subprocess.run([*map(str, command), *options], capture_output=True, text=True, env=environ)
        assert done.returncode in (2, 3), done.stderr
        assert text in done.stderr
    refused = subprocess.run(
        [str(item) for item in command if item != "--allow-unsigned"], capture_output=True, text=True, env=environ
    )
    assert refused.returncode == 1
    assert "not signed" in refused.stderr
    assert HOST not in refused.stderr
