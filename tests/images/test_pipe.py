"""The two containers of a backup and of a restore, with their scripts run by the real shell."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensei_probe import pipe as pipe_
from sensei_probe import restore
from sensei_probe.pipe import Pipe, beside
from sensei_probe.settings import Failure
from sensei_probe.shelf import Folder
from sensei_probe.streams import Measured
from tests.images.conftest import IMAGES
from tests.images.conftest import script as script_of

NAME = "20260102T030405Z-manual"


@contextmanager
def script(kind: str, tmp_path: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """The script of the database's container, with a program of ours in place of pg_dump and pg_restore."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "psql").write_text(f"#!/bin/sh\ncat > {tmp_path}/said\n")
    (programs / "psql").chmod(0o755)
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text(f"#!/bin/sh\n{program}\n")
        (programs / name).chmod(0o755)
    environ = {
        "PATH": f"{programs}:{os.environ['PATH']}", "WORK_DIR": str(tmp_path), "DATABASE_HOST": "h", "DATABASE_PORT": "1",
        "DATABASE_USER": "u", "DATABASE_PASSWORD": "p", "DATABASE_NAME": "n", "LOST_AFTER": "3",
    }  # fmt: skip
    text = script_of(kind)
    found = subprocess.Popen(
        ["sh", "-c", text], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield found
    finally:
        found.kill()
        found.communicate()


def test_a_dump_comes_through_whole(tmp_path: Path) -> None:
    with script("dump", tmp_path, "echo $PGHOST $PGDATABASE $PGSSLMODE; head -c 3000000 /dev/zero") as other:
        pipe = Pipe(tmp_path)
        stream = Measured(pipe.reading(), "database")
        content = b""
        while block := stream.read(1 << 20):
            content += block
        pipe.finished("pg_dump")
        assert content.startswith(b"h n prefer\n")
        assert stream.size == len(content) == 3_000_011
        assert other.wait(10) == 0


def test_a_dump_that_breaks_off_is_a_failure(tmp_path: Path) -> None:
    with script("dump", tmp_path, "echo half; exit 3") as other:
        pipe = Pipe(tmp_path)
        assert pipe.reading().read() == b"half\n"
        with pytest.raises(Failure, match=r"pg_dump failed with status 3\. See the log of the container database"):
            pipe.finished("pg_dump")
        assert other.wait(10) == 3


@pytest.mark.parametrize("kind", ["dump", "restore"])
def test_the_database_gives_up_when_the_probe_has_failed(kind: str, tmp_path: Path) -> None:
    with script(kind, tmp_path, "exit 0") as other:
        (tmp_path / "failed").touch()
        assert other.wait(10) == 1
        assert other.stdout is not None
        assert "the other container failed or was killed" in other.stdout.read()


def test_the_probe_gives_up_when_the_database_ended_before_it_began(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    (tmp_path / "database.status").write_text("127\n")
    with pytest.raises(Failure, match="ended before it began, with status 127"):
        pipe.reading()
    with pytest.raises(Failure, match="ended before it began, with status 127"):
        pipe.writing()


def test_a_status_that_never_comes_is_told(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    began = time.monotonic()
    with pytest.raises(Failure, match="did not say how it ended"):
        pipe.finished("pg_dump", 1)
    assert time.monotonic() - began < 10


# One of the two is killed.


def killed_probe(tmp_path: Path, work: str) -> None:
    """A probe that did as much as this, and was killed."""
    text = f"import pathlib, time; from sensei_probe.pipe import Pipe, beside\nwith beside(pathlib.Path({str(tmp_path)!r})):\n"
    text += f" {work}\n print('there', flush=True); time.sleep(60)"
    found = subprocess.Popen(
        [sys.executable, "-c", text], env={**os.environ, "PYTHONPATH": str(IMAGES)}, stdout=subprocess.PIPE
    )
    assert found.stdout is not None
    assert found.stdout.readline() == b"there\n"
    _wait_for(tmp_path / "beat")
    found.kill()
    found.communicate()


@pytest.mark.parametrize(("kind", "program"), [
    ("dump", "head -c 3000000 /dev/zero"), ("restore", "head -c 1 | grep -q .")])  # fmt: skip
def test_the_database_waits_for_no_probe_that_was_killed_before_it_opened_the_pipe(
    kind: str, program: str, tmp_path: Path
) -> None:
    killed_probe(tmp_path, f"Pipe(pathlib.Path({str(tmp_path)!r}))")
    with script(kind, tmp_path, program) as other:
        assert other.wait(30) != 0
    assert (tmp_path / "database.status").read_text() != "0\n"
    assert "COMMIT;" not in ((tmp_path / "said").read_text() if kind == "restore" else "")


@pytest.mark.parametrize("kind", ["dump", "restore"])
def test_the_database_waits_for_no_pipe_of_a_probe_that_was_killed(kind: str, tmp_path: Path) -> None:
    killed_probe(tmp_path, "pass")
    with script(kind, tmp_path, "exit 0") as other:
        assert other.wait(30) == 1


def test_a_dump_whose_reader_is_killed_ends(tmp_path: Path) -> None:
    with script("dump", tmp_path, "head -c 30000000 /dev/zero") as other:
        killed_probe(tmp_path, f"Pipe(pathlib.Path({str(tmp_path)!r})).reading().read(10)")
        assert other.wait(30) != 0


def test_a_restore_whose_writer_is_killed_commits_nothing(tmp_path: Path) -> None:
    with script("restore", tmp_path, "[ $(wc -c) = 0 ]") as other:
        killed_probe(tmp_path, f"import os; os.write(Pipe(pathlib.Path({str(tmp_path)!r})).writing(), b'half')")
        assert other.wait(30) == 1
    assert "COMMIT;" not in (tmp_path / "said").read_text()


@pytest.mark.parametrize("wait", ["reading", "writing", "finished"])
def test_the_probe_waits_for_no_database_that_was_killed(
    wait: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe_, "LOST", 3.0)
    with script("dump", tmp_path, "exit 0") as other:
        _wait_for(tmp_path / "database.beat")
        other.kill()
        other.wait()
    pipe = Pipe(tmp_path)
    waits: dict[str, Callable[[], object]] = {
        "reading": pipe.reading,
        "writing": pipe.writing,
        "finished": lambda: pipe.finished("pg_restore", 0),
    }
    with pytest.raises(Failure, match="was killed, for its memory most likely"):
        waits[wait]()


def test_a_database_that_takes_long_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe_, "LOST", 3.0)
    with beside(tmp_path), script("restore", tmp_path, "cat >/dev/null; sleep 6"):
        pipe = Pipe(tmp_path)
        os.close(pipe.writing())
        pipe.finished("pg_restore", 0)
    assert not (tmp_path / "failed").exists()


def manifest(content: bytes, sha256: str) -> dict[str, object]:
    return {"name": NAME, "database": {"size": len(content), "sha256": sha256}}


def kept(tmp_path: Path, content: bytes) -> Folder:
    """A backup's dump."""
    root = tmp_path / "backups-volume"
    (root / "backups" / NAME).mkdir(parents=True)
    (root / "backups" / NAME / "database.dump").write_bytes(content)
    return Folder(root)


def test_a_damaged_dump_never_comes_to_its_end(tmp_path: Path) -> None:
    """pg_restore sees no last block, so that its one transaction can't be committed."""
    content = os.urandom(2_500_000)
    shelf = kept(tmp_path, content)
    with script("restore", tmp_path, f"cat > {tmp_path}/got; exit 1"):
        with pytest.raises(Failure, match=r"is damaged: its checksum is another\. The database is as it was"):
            restore._database(shelf, manifest(content, "0" * 64), Pipe(tmp_path))
        _wait_for(tmp_path / "database.status")
    assert len((tmp_path / "got").read_bytes()) == 2 << 20
    assert "COMMIT;" not in (tmp_path / "said").read_text()
    assert (tmp_path / "database.status").read_text() == "1\n"


def test_a_right_dump_goes_through_whole(tmp_path: Path) -> None:
    import hashlib

    content = os.urandom(2_500_000)
    shelf = kept(tmp_path, content)
    with script("restore", tmp_path, f"cat > {tmp_path}/got"):
        restore._database(shelf, manifest(content, hashlib.sha256(content).hexdigest()), Pipe(tmp_path))
    assert (tmp_path / "got").read_bytes() == content
    assert (tmp_path / "said").read_text().endswith("COMMIT;\n")


def test_pg_restore_that_leaves_early_is_believed(tmp_path: Path) -> None:
    content = os.urandom(4_000_000)
    shelf = kept(tmp_path, content)
    failed: list[Failure] = []

    def work() -> None:
        try:
            restore._database(shelf, manifest(content, "0" * 64), Pipe(tmp_path))
        except Failure as error:
            failed.append(error)

    with script("restore", tmp_path, "exit 7"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(20)
    assert "pg_restore failed with status 1" in str(failed[0])


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
