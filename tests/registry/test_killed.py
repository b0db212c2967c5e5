"""A real registry that dies in the middle, and one whose disk is full."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.registry.client import Registry
from sensei_tui.registry.connections import Piece
from sensei_tui.registry.errors import Full, Unreachable
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.uploads import CHUNK
from tests.registry.blobs import Sample, send
from tests.registry.kinds import THREE, both
from tests.registry.real import Real, started

pytestmark = both
STUBBORN = Patience(attempts=200, first=0.02, longest=0.05)


class Reader:
    """A sample whose reading calls `event` once, before the piece at or after `at` is given."""

    def __init__(self, sample: Sample, at: int, real: Real, *, later: bool = False) -> None:
        self.sample, self.at, self.real, self.later = sample, at, real, later
        self.asked: list[int] = []
        self._done = False

    def read(self, first: int) -> Iterator[Piece]:
        self.asked.append(first)
        for piece in self.sample.read(first):
            if not self._done and first >= self.at:
                self._done = True
                self._again()
            first += len(piece)
            yield piece

    def _again(self) -> None:
        self.real.kill()
        if self.later:
            threading.Thread(target=self.real.start).start()
        else:
            self.real.start()


@pytest.mark.parametrize("later", [False, True], ids=["at-once", "while-we-ask"])
@pytest.mark.parametrize("size", [CHUNK // 2, 2 * CHUNK + 5], ids=["one-put", "chunks"])
def test_a_registry_killed_in_the_middle_gets_the_blob_after_all(
    tmp_path: Path, size: int, later: bool, registry_kind: str
) -> None:  # fmt: skip
    """docker-registry 2.8 does not know how far it got within a request; registry 3 has it on disk and says so."""
    sample, counts = Sample(size), list[int]()
    with started(Real(tmp_path)) as real, real.client(patience=STUBBORN) as registry:
        reader = Reader(sample, size - size // 4, real, later=later)
        registry.upload("tests/a", sample.digest, size, reader.read, counts.append)
        assert registry.has_blob("tests/a", sample.digest) == size
        first, second = reader.asked
        assert first == 0
        assert 0 < second < size if registry_kind == THREE else second == 0 and min(counts) < 0
        assert sum(counts) == size
        assert b"".join(registry.blob("tests/a", sample.digest)) == sample.content


@pytest.mark.parametrize(("secret", "asked"), [("shared", [0, CHUNK]), ("", [0, 0])], ids=["secret", "no-secret"])
def test_killed_between_chunks_it_goes_on_if_the_registry_can_tell(
    tmp_path: Path, secret: str, asked: list[int], registry_kind: str
) -> None:  # fmt: skip
    """docker-registry reads its own upload's state only with http.secret; without, it is another one each start.
    Registry 3 says where an upload stands without that state, and gives it anew.
    """
    sample, counts = Sample(2 * CHUNK + 5), list[int]()
    own = Real(tmp_path, **({"secret": secret} if secret else {}))
    with started(own) as real, real.client(patience=STUBBORN) as registry:
        reader = Reader(sample, CHUNK, real)
        registry.upload("tests/a", sample.digest, sample.size, reader.read, counts.append)
        assert reader.asked == ([0, CHUNK] if registry_kind == THREE else asked)
        assert sum(counts) == sample.size
        assert b"".join(registry.blob("tests/a", sample.digest)) == sample.content


def test_reading_goes_on_after_the_registry_was_killed(tmp_path: Path) -> None:
    sample = Sample(40_000_000)
    with started(Real(tmp_path)) as real, real.client(patience=STUBBORN) as registry:
        send(registry, "tests/a", sample)
        found = bytearray()
        for block in registry.blob("tests/a", sample.digest):
            if not found:
                real.kill()
                real.start()
            found += block
        assert found == sample.content


def test_a_registry_that_stays_away_is_told_after_the_tries(tmp_path: Path) -> None:
    sample = Sample(1_000)
    with started(Real(tmp_path)) as real, real.client(patience=Patience(3, 0.01, 0.01)) as registry:
        real.kill()
        with pytest.raises(Unreachable, match="connection refused") as caught:
            send(registry, "tests/a", sample)
        assert caught.value.where == f"127.0.0.1:{real.port}/tests/a@{sample.digest}"


def test_closing_ends_the_waits(tmp_path: Path) -> None:
    with started(Real(tmp_path)) as real:
        registry = real.client(patience=Patience(5, 600, 600))
        real.kill()
        waiting = threading.Event()
        failed: list[BaseException] = []

        def ask() -> None:
            waiting.set()
            try:
                registry.tags("tests/a")
            except Unreachable as error:
                failed.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        waiting.wait(10)
        registry.close()
        thread.join(30)
        assert failed


def test_kept_connections_of_a_registry_that_started_again_are_not_used(tmp_path: Path) -> None:
    """One try is enough: the dead ones are seen before something is sent."""
    with started(Real(tmp_path)) as real, real.client(patience=Patience(1, 0, 0)) as registry:
        registry.ping()
        real.kill()
        real.start()
        registry.ping()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Real]:
    """Its storage is 96 MiB."""
    if os.geteuid():
        pytest.skip("mounting a small file system needs root")
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(blobs)], capture_output=True)
    if done.returncode:
        pytest.skip("a file system can't be mounted here")
    try:
        with started(Real(tmp_path)) as real:
            yield real
    finally:
        subprocess.run(["umount", "-l", str(blobs)], check=True)


@pytest.mark.parametrize("size", [CHUNK, 2 * CHUNK], ids=["one-put", "chunks"])
def test_a_full_disk_is_told(small: Real, size: int) -> None:
    with small.client() as registry:
        send(registry, "tests/a", Sample(50_000_000))
        with pytest.raises(Full, match="storage may be full") as caught:
            send(registry, "tests/a", Sample(size, seed=1))
    assert caught.value.status == 500
    assert "disk is full" in caught.value.remedy


def parallel(registry: Registry, samples: list[Sample]) -> None:
    threads = [threading.Thread(target=send, args=(registry, "tests/many", sample)) for sample in samples]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_eight_threads_at_once_through_a_restart(tmp_path: Path) -> None:
    samples = [Sample(6_000_000, seed) for seed in range(8)]
    with started(Real(tmp_path)) as real, real.client(patience=STUBBORN) as registry:
        reader = Reader(samples[0], 1_000_000, real)
        killer = threading.Thread(
            target=registry.upload, args=("tests/many", samples[0].digest, samples[0].size, reader.read)
        )
        killer.start()
        parallel(registry, samples[1:])
        killer.join()
        assert [registry.has_blob("tests/many", sample.digest) for sample in samples] == [6_000_000] * 8
