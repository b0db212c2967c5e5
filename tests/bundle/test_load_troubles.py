"""Loads and registries that are killed or stopped, and logins: no finished blob is sent again, and what helps is told."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.bundle import load, proof
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import ServerFailed, Slow, TlsFailed, Unauthorized
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from tests.bundle.counting import counting
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, HOST, TOOL, WEB, bundle
from tests.bundle.test_load import complete, data_of, loaded, opened, stored, through
from tests.registry.bearer import with_tokens
from tests.registry.certificates import server
from tests.registry.kinds import both
from tests.registry.real import Real, login, needs_htpasswd, started

pytestmark = both
COMMAND = [sys.executable, "-m", "sensei_tui", "bundle", "load", "--plain-http", "--allow-unsigned"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    with started(Real(tmp_path / "registry")) as found:
        yield found


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


def test_ctrl_c_ends_it_at_once_though_the_registry_stands_still(many: Path, real: Real) -> None:
    process = subprocess.Popen(
        [*COMMAND, many, "--registry", f"127.0.0.1:{real.port}"], stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not real.uploads():
        time.sleep(0.001)
    assert process.poll() is None, "it was stopped in the middle"
    with real.standing_still():
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.endswith("Interrupted.\n  do     What is done stays: the same command goes on from there.\n")


def test_a_registry_that_does_not_answer_is_waited_for_in_so_many_words(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(proof, "STILL", 0.1)
    told: list[str] = []
    with real.standing_still(), real.client(timeout=1) as registry, pytest.raises(Slow):
        proof.reach(registry, told.append)
    assert told == [f"waiting for 127.0.0.1:{real.port} to answer"]
    with real.client() as registry:
        proof.reach(registry, told.append)
    assert len(told) == 1


def test_a_registry_that_stands_still_is_waited_for_in_so_many_words(
    many: Path, real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(load, "STILL", 0.2)
    told: list[str] = []
    waiting, over = threading.Event(), threading.Event()

    def tell(tally: load.Tally) -> None:
        told.append(tally.waits)
        if tally.waits:
            waiting.set()

    def stand_still() -> None:
        while not real.uploads() and not over.is_set():
            time.sleep(0.001)
        with real.standing_still():
            waiting.wait(20)

    archive, contents, found = opened(many)
    with through(real.port) as registry:
        still = threading.Thread(target=stand_still)
        still.start()
        tally = load.Loader(archive, contents, found, registry, tell).run()
        over.set()
        still.join()
        assert complete(many, registry)
    assert waiting.is_set(), "it was stopped in the middle"
    assert next(filter(None, told)).startswith("waiting for the registry: ")
    assert tally.waits == ""


def test_a_medium_that_stands_still_is_not_blamed_on_the_registry(
    many: Path, real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A drive that reads a scratched place again and again: nothing comes, for a while."""
    monkeypatch.setattr(load, "STILL", 0.2)
    archive, contents, found = opened(many)
    scratched, told = threading.Event(), list[str]()
    largest = max(
        (name for name in archive.entries if name.startswith("blobs/")), key=lambda name: archive.entries[name].size
    )

    def read(name: str, first: int = 0, last: int | None = None) -> Iterator[memoryview]:
        if name == largest:
            scratched.wait(20)
        yield from really(name, first, last)

    def tell(tally: load.Tally) -> None:
        told.append(tally.waits)
        if tally.waits:
            scratched.set()

    really = archive.read
    monkeypatch.setattr(archive, "read", read)
    with through(real.port) as registry:
        load.Loader(archive, contents, found, registry, tell).run()
    assert next(filter(None, told)).startswith("waiting for the disk that the bundle is on: ")


def test_the_registry_killed_again_and_again_has_everything_in_the_end(many: Path, real: Real) -> None:
    over = threading.Event()

    def kill() -> None:
        chance = random.Random(8)
        for _ in range(6):
            if over.wait(chance.uniform(0.05, 0.4)):
                return
            real.kill()
            real.start()

    def spare(tally: load.Tally) -> None:
        """Manifests: one that it has half is kept for good, which is another test's matter."""
        if tally.sent >= tally.total:
            over.set()

    killer = threading.Thread(target=kill)
    # A registry that answers 500 to a write is asked three times: they must not fall into one restart.
    patience = Patience(attempts=400, first=0.3, longest=0.5)
    with (
        counting(real.port, 0.01) as narrow,
        Registry(Place(f"127.0.0.1:{narrow.port}"), plain=True, patience=patience) as registry,
    ):
        killer.start()
        try:
            archive, contents, found = opened(many)
            load.Loader(archive, contents, found, registry, spare).run()
        finally:
            over.set()
            killer.join()
        assert complete(many, registry)


@pytest.mark.parametrize("kept", ["_layers", "_manifests/revisions", "_manifests/tags"])
def test_what_a_crash_left_empty_in_the_registry_is_sent_again(many: Path, real: Real, kept: str) -> None:
    """It answers 500 to whoever asks for it, from then on."""
    with through(real.port) as registry:
        loaded(many, registry)
        for link in (real.root / "blobs").rglob(f"{kept}/**/link"):
            link.write_bytes(b"")
        with real.client() as impatient, pytest.raises((ServerFailed, load.Incomplete)):
            complete(many, impatient)
        loaded(many, registry)
        assert complete(many, registry)


def test_a_manifest_that_a_crash_left_empty_is_named_for_the_registry_keeps_it(many: Path, real: Real) -> None:
    _, contents, _ = opened(many)
    digest = contents.items[0].digest
    with through(real.port) as registry:
        loaded(many, registry)
        kept = data_of(real, digest)
        kept.write_bytes(b"")
        loaded(many, registry)
        with pytest.raises(load.Incomplete, match="cannot read what it has") as caught:
            complete(many, registry)
        assert digest in caught.value.why
        assert "removed from the registry's storage" in caught.value.remedy
        shutil.rmtree(kept.parent)
        loaded(many, registry)
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


def test_with_tokens(path: Path, tmp_path: Path) -> None:
    """Each for its repository: the registry itself judges them."""
    with with_tokens(tmp_path / "bearer") as (real, issuer):
        with real.client(login()) as registry:
            loaded(path, registry)
            assert complete(path, registry)
            assert loaded(path, registry).sent == 0
        assert {scope.split(":")[1] for scopes in issuer.asked for scope in scopes} >= {"sensei/api", "sensei/web"}
        given = len(issuer.given)
        with real.client(login("wrong")) as registry, pytest.raises(Unauthorized):
            loaded(path, registry)
        assert len(issuer.given) == given


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
