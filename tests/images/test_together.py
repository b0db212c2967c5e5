"""Backups at the same time, those that were left, and services that let nothing be removed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensei_probe import backup, cleaning, kept
from sensei_probe.s3 import S3
from sensei_probe.settings import Storage
from sensei_probe.shelf import INCOMING, Bucket, Folder, shelf_of
from sensei_probe.web import Readable
from tests.images import servers
from tests.images.conftest import IMAGES, Probe, why_not
from tests.images.conftest import script as script_of
from tests.images.filled import back_up, bring_back
from tests.images.test_troubles import complete

pytestmark = pytest.mark.timeout(300)
Store = dict[str, str]
MADE = "20260105T000000Z-manual"


def begin_of(days: float) -> str:
    """A name of that many days ago."""
    return f"{(datetime.now(UTC) - timedelta(days=days)).strftime(kept.STAMP)}-manual"


# Two at once.


def test_two_backups_at_once_are_both_right(place: Store, probe: Probe, tmp_path: Path) -> None:
    done: list[subprocess.CompletedProcess[str]] = []

    def work(number: int) -> None:
        own = tmp_path / f"work-{number}"
        own.mkdir()
        done.append(back_up({**place, "WORK_DIR": str(own), "BACKUP_KEEP": "1" if number else "5"}))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.returncode for one in done] == [0, 0, 0], [one.stderr for one in done]
    shelf = shelf_of(place)
    whole = [name for name, complete in kept.names(shelf).items() if complete]
    assert whole
    for name in whole:
        told = kept.manifest_of(shelf, name)
        dump = shelf.read(f"backups/{name}/database.dump").read()
        assert (len(dump), hashlib.sha256(dump).hexdigest()) == tuple(told["database"].values())
        checked = probe("check-backup", name, environ=place)
        assert (checked.returncode, json.loads(checked.stdout.splitlines()[-1])["notes"]) == (0, [])
    restored, _ = bring_back(place, whole[0])
    assert restored.returncode == 0, restored.stderr


def test_no_two_backups_have_one_name(tmp_path: Path) -> None:
    class Crowded(Folder):
        """Another begins in the same second."""

        others: list[str] = []

        def write(self, path: str, source: Readable, size: int | None = None) -> int:
            if not self.others:
                self.others.append(f"{path.rpartition('/')[0]}/started-another")
                (tmp_path / self.others[0]).parent.mkdir(parents=True)
                (tmp_path / self.others[0]).touch()
            return super().write(path, source, size)

    shelf = Crowded(tmp_path)
    mine = backup.begun(shelf, "manual")
    assert mine.split("/")[1] != shelf.others[0].split("/")[1]
    assert sorted(shelf.list("backups/")) == sorted([mine, shelf.others[0]])


# One begins while another cleans.


class Watched(Folder):
    """Does something the first time that a file of this name is written, or a content removed."""

    def __init__(self, root: Path, on: str, does: object) -> None:
        super().__init__(root)
        self._on, self._does = on, [does]

    def write(self, path: str, source: Readable, size: int | None = None) -> int:
        total = super().write(path, source, size)
        self._now(path)
        return total

    def delete(self, path: str) -> None:
        super().delete(path)
        self._now(path)

    def _now(self, path: str) -> None:
        if self._on in path and self._does:
            does = self._does.pop()
            assert callable(does)
            does()


@pytest.fixture
def littered(tmp_path: Path) -> Path:
    """A complete backup, and three contents that it does not name."""
    complete(tmp_path, MADE)
    (tmp_path / "objects/ab").mkdir(parents=True)
    for name in ("ab1", "ab2", "ab3"):
        (tmp_path / "objects/ab" / name).touch()
    return tmp_path


def left(root: Path) -> int:
    return len(list(Folder(root).list("objects/")))


def test_who_begins_after_the_first_look_is_seen_by_the_second(littered: Path) -> None:
    shelf = Watched(littered, "/cleaning", lambda: backup.begun(Folder(littered), "manual"))
    said = list(cleaning.cleaned(shelf, 5, MADE, backup.LEFT_ALONE))
    assert (len(said), "may be going on" in said[0], left(littered)) == (1, True, 3)
    assert not (littered / f"backups/{MADE}/cleaning").exists()


def test_who_begins_later_stops_the_removal_of_contents(littered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "LOOKS_EVERY", 0.0)
    monkeypatch.setattr(cleaning, "PAUSE", 0.1)
    shelf = Watched(littered, "objects/", lambda: cleaning.let_begin(Folder(littered), "other"))
    said = list(cleaning.cleaned(shelf, 5, MADE, backup.LEFT_ALONE))
    assert said == ["1 objects removed that no backup names, and others left: another backup begins"]
    assert left(littered) == 2


def test_contents_go_when_nobody_else_is_there(littered: Path) -> None:
    assert list(cleaning.cleaned(Folder(littered), 5, MADE, backup.LEFT_ALONE)) == [
        "3 objects removed that no backup names"
    ]
    assert (left(littered), (littered / f"backups/{MADE}/cleaning").exists()) == (0, False)


# How long one may take.


def test_one_that_may_take_a_week_is_left_alone_for_a_week(tmp_path: Path) -> None:
    shelf, begun = complete(tmp_path, MADE), begin_of(3)
    (tmp_path / f"backups/{begun}").mkdir()
    (tmp_path / f"backups/{begun}/started-x").touch()
    assert list(cleaning.cleaned(shelf, 5, MADE, timedelta(days=7))) == [
        f"objects are left as they are: backup {begun} may be going on"
    ]
    assert list(cleaning.cleaned(shelf, 5, MADE, backup.LEFT_ALONE)) == [f"backup {begun} removed"]


def test_the_jobs_own_limit_counts(filled: Store, tmp_path: Path) -> None:
    volume = tmp_path / "backups"
    begun = volume / "backups" / begin_of(3)
    begun.mkdir(parents=True)
    (begun / "started-x").touch()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(volume), "WORK_DIR": str(tmp_path)}
    done = back_up({**place, "BACKUP_LIMIT": "604800"})
    assert f"backup {begun.name} has begun and not ended" in done.stdout
    assert begun.exists()
    assert back_up({**place, "BACKUP_LIMIT": "14400"}).returncode == 0
    assert not begun.exists()


def test_a_backup_that_was_removed_meanwhile_does_not_count(filled: Store, tmp_path: Path, probe: Probe) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}

    def remove() -> None:
        servers.until(lambda: (tmp_path / "database").exists(), lambda: "no pipe")
        next((tmp_path / "backups").rglob("started-*")).unlink()

    thread = threading.Thread(target=remove)
    (tmp_path / "database").unlink(missing_ok=True)
    kept_ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES), **place}
    thread.start()
    found = subprocess.Popen(
        [sys.executable, "-m", "sensei_probe", "backup"],
        env=kept_,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    thread.join()
    beside = subprocess.Popen(
        ["sh", "-c", script_of("dump")], env={**place, "PATH": f"{servers.postgres_bin()}:{os.environ['PATH']}"}
    )
    _, said = found.communicate(timeout=60)
    beside.wait(30)
    assert (found.returncode, "was removed while it was made" in said) == (1, True), said
    assert [row["complete"] for row in json.loads(probe("backups", environ=place).stdout)] == [False]


# What is left.


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    if why := why_not():
        pytest.skip(why)
    with servers.minio(tmp_path_factory.mktemp("minio")) as environ:
        yield Storage.of(environ)


def test_uploads_that_were_killed_are_given_up_and_others_are_not(storage: Storage) -> None:
    client, shelf = S3(storage), Bucket(storage, "backups")
    for key in ("objects/ab/abc", "backups/x/database.dump", "of others"):
        assert client.ask("POST", "backups", key, {"uploads": ""}).read()
    now = datetime.now(UTC)
    shelf.sweep(now - timedelta(hours=1))
    assert len(list(client.unfinished("backups", now + timedelta(hours=1)))) == 3
    shelf.sweep(now + timedelta(hours=1))
    assert [key for key, _ in client.unfinished("backups", now + timedelta(hours=1))] == ["of others"]


def test_files_of_writes_that_were_killed_are_no_objects_and_go(tmp_path: Path) -> None:
    text = (
        "import sys, pathlib, time; from sensei_probe.shelf import Folder\nclass Slow:\n def read(self, size=-1):\n"
        "  print('reads', flush=True); time.sleep(0.2); return b'x' * 1000\n"
        "Folder(pathlib.Path(sys.argv[1])).write('objects/ab/abc', Slow())"
    )
    found = subprocess.Popen([sys.executable, "-c", text, str(tmp_path)], stdout=subprocess.PIPE,
                             env={**os.environ, "PYTHONPATH": str(IMAGES)})  # fmt: skip
    assert found.stdout is not None
    for _ in range(3):
        found.stdout.readline()
    found.kill()
    found.communicate()
    shelf, now = Folder(tmp_path), datetime.now(UTC)
    assert len(list((tmp_path / INCOMING).iterdir())) == 1
    assert list(shelf.list("objects/")) == []
    shelf.sweep(now - timedelta(hours=1))
    assert len(list((tmp_path / INCOMING).iterdir())) == 1
    shelf.sweep(now + timedelta(hours=1))
    assert list((tmp_path / INCOMING).iterdir()) == []


def test_a_service_that_lets_nothing_be_removed_spoils_no_backup(filled: Store, tmp_path: Path, probe: Probe) -> None:
    def forbids(method: str, path: str) -> bool:
        return method == "DELETE" or "uploads=" in path

    with servers.Refusing(filled["S3_ENDPOINT"], forbids) as worm:
        place = {**filled, "BACKUP_TO": "bucket", "BACKUP_S3_BUCKET": f"backups-{uuid.uuid4().hex[:8]}",
                 "BACKUP_S3_ENDPOINT": worm.url, "WORK_DIR": str(tmp_path), "BACKUP_KEEP": "1"}  # fmt: skip
        assert back_up(place).returncode == 0
        done = back_up(place)
        rows = json.loads(probe("backups", environ=place).stdout)
    assert done.returncode == 0, done.stderr
    assert "warning: old backups are left where they are: " in done.stdout
    assert "AccessDenied: Access Denied." in done.stdout
    assert "is complete: database" in done.stdout.splitlines()[-1]
    assert [row["complete"] for row in rows] == [True, True]
    assert any("uploads=" in one for one in worm.refused)
