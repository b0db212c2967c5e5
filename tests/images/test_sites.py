"""Several installations with one place for their backups, and backups that a restore may need."""

from __future__ import annotations

import io
import json
import socket
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensei_probe import backup, cleaning, kept, shelf
from sensei_probe.s3 import S3
from sensei_probe.settings import Failure, Storage
from sensei_probe.shelf import Folder
from tests.images import servers
from tests.images.conftest import Probe
from tests.images.filled import back_up, bring_back
from tests.images.test_together import MADE, Watched, begin_of, left, littered
from tests.images.test_troubles import complete

__all__ = ["littered"]
pytestmark = pytest.mark.timeout(300)
Store = dict[str, str]
OURS, THEIRS = "prod/sensei", "staging/sensei"


def started(root: Path, name: str, site: str, limit: float = 0) -> None:
    kept.document(Folder(root), f"backups/{name}/started-0", {"started": name, "site": site, "limit": limit})


# Whose it is.


def test_two_installations_share_a_bucket(filled: Store, tmp_path: Path, probe: Probe) -> None:
    ours = {**filled, "BACKUP_TO": "bucket", "BACKUP_S3_BUCKET": f"backups-{uuid.uuid4().hex[:8]}", "BACKUP_SITE": OURS,
            "WORK_DIR": str(tmp_path), "BACKUP_KEEP": "2"}  # fmt: skip
    theirs = {**ours, "BACKUP_SITE": THEIRS, "DATABASE_NAME": "staging"}
    servers.psql(filled, "CREATE DATABASE staging")
    servers.psql(theirs, "CREATE TABLE staging (n int)")
    assert back_up(ours).returncode == 0
    for _ in range(3):
        assert back_up(theirs).returncode == 0
    rows = json.loads(probe("backups", environ=ours).stdout)
    assert [row.get("site", "") for row in rows] == [THEIRS, THEIRS, ""]
    assert [row.get("site", "") for row in json.loads(probe("backups", environ=theirs).stdout)] == ["", "", OURS]
    done, said = bring_back(ours, "latest")
    assert (done.returncode, f"backup {rows[2]['name']} is restored" in done.stdout) == (0, True), said
    assert servers.psql(filled, "SELECT count(*) FROM t").stdout == "5000\n"
    stranger = probe("check-backup", "latest", environ={**ours, "BACKUP_SITE": "new/sensei"})
    assert "there is none of new/sensei, and 3 of others: name one to restore it here" in stranger.stderr
    named, said = bring_back(theirs, rows[2]["name"])
    assert named.returncode == 0, said
    assert f"backup {rows[2]['name']} is another installation's: {OURS}" in named.stdout
    assert servers.psql(theirs, "SELECT count(*) FROM t").stdout == "5000\n"
    checked = probe("check-backup", rows[2]["name"], environ={**theirs, "S3_BUCKET_ARTIFACTS": "staging-artifacts"})
    assert json.loads(checked.stdout.splitlines()[-1])["notes"][1:] == [
        "objects go into buckets that are not this installation's: sensei-artifacts"
    ]


def test_cleaning_removes_our_own_alone(tmp_path: Path) -> None:
    names = [f"2026010{number}T000000Z-manual" for number in range(1, 6)]
    for name in names:
        complete(tmp_path, name)
    started(tmp_path, names[0], THEIRS)
    started(tmp_path, names[1], OURS)
    started(tmp_path, "20260101T000001Z-manual", THEIRS)
    started(tmp_path, "20260101T000002Z-manual", OURS)
    place = Folder(tmp_path)
    assert list(cleaning.cleaned(place, 2, names[4], backup.LEFT_ALONE, OURS)) == [
        f"backup {name} removed" for name in (names[1], names[2], "20260101T000002Z-manual")
    ]
    assert list(kept.names(place)) == [names[0], "20260101T000001Z-manual", names[3], names[4]]
    newest = kept.newest(place, THEIRS)
    assert newest
    assert newest["name"] == names[4], "it does not say whose it is"
    assert kept.chosen(place, "latest", OURS) == names[4]


def test_what_another_is_making_keeps_the_contents_for_its_own_limit(littered: Path) -> None:
    begun = begin_of(3)
    started(littered, begun, THEIRS, timedelta(days=7).total_seconds())
    said = list(cleaning.cleaned(Folder(littered), 5, MADE, backup.LEFT_ALONE, OURS))
    assert (said, left(littered)) == ([f"objects are left as they are: backup {begun} may be going on"], 3)
    started(littered, begun, THEIRS, timedelta(days=2).total_seconds())
    assert list(cleaning.cleaned(Folder(littered), 5, MADE, backup.LEFT_ALONE, OURS)) == [
        "3 objects removed that no backup names"
    ]


def test_a_backup_of_another_that_cannot_be_read_keeps_all_contents(littered: Path) -> None:
    name = "20260101T000000Z-manual"
    started(littered, name, THEIRS)
    Folder(littered).write(f"backups/{name}/manifest.json", io.BytesIO(b'{"format": 2}'))
    said = list(cleaning.cleaned(Folder(littered), 1, MADE, backup.LEFT_ALONE, OURS))
    assert "was made by another version of this program" in said[0]
    assert (left(littered), name in kept.names(Folder(littered))) == (3, True)


# One that a restore may need.


def test_what_was_looked_at_is_not_removed_by_another_backup(place: Store, probe: Probe) -> None:
    place = {**place, "BACKUP_KEEP": "1"}
    assert back_up(place).returncode == 0
    name = json.loads(probe("check-backup", "latest", environ=place).stdout.splitlines()[-1])["name"]
    done = back_up(place)
    assert f"backup {name} stays for now: it was looked at to be restored" in done.stdout
    rows = json.loads(probe("backups", environ=place).stdout)
    assert [row["complete"] for row in rows] == [True, True]
    restored, said = bring_back(place, name)
    assert restored.returncode == 0, said
    assert f"backup {name} removed" in back_up(place).stdout


@pytest.mark.parametrize(("pinned", "stays"), [
    (timedelta(hours=23), True), (timedelta(hours=25), False), (None, False)])  # fmt: skip
def test_a_pin_ends(pinned: timedelta | None, stays: bool, tmp_path: Path) -> None:
    old = "20260101T000000Z-manual"
    complete(tmp_path, old)
    place = complete(tmp_path, MADE)
    stamp = (datetime.now(UTC) - pinned).strftime(kept.STAMP) if pinned else ""
    kept.document(place, f"backups/{old}/pinned", {"pinned": stamp})
    list(cleaning.cleaned(place, 1, MADE, backup.LEFT_ALONE))
    assert (old in kept.names(place)) is stays


def test_a_bucket_that_takes_no_pin_only_warns(filled: Store, tmp_path: Path, probe: Probe) -> None:
    def forbids(method: str, path: str) -> bool:
        return method == "PUT" and path.endswith("/pinned")

    with servers.Refusing(filled["S3_ENDPOINT"], forbids) as front:
        place = {**filled, "BACKUP_TO": "bucket", "BACKUP_S3_BUCKET": f"backups-{uuid.uuid4().hex[:8]}",
                 "BACKUP_S3_ENDPOINT": front.url, "WORK_DIR": str(tmp_path)}  # fmt: skip
        assert back_up(place).returncode == 0
        done = probe("check-backup", "latest", environ=place)
    assert done.returncode == 0, done.stderr
    assert "is not kept from being removed: " in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["notes"] == []


# Whoever begins is never in danger of whoever cleans.


def test_a_beginner_that_cannot_take_the_mark_away_is_seen(littered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "LOOKS_EVERY", 0.0)
    place = Watched(littered, "objects/", lambda: backup.begun(Folder(littered), "manual"))
    said = list(cleaning.cleaned(place, 5, MADE, backup.LEFT_ALONE))
    assert said == ["1 objects removed that no backup names, and others left: another backup begins"]


def test_no_deletion_follows_a_look_that_took_long(littered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Folder):
        def hurried(self) -> Folder:
            time.sleep(0.2)
            monkeypatch.setattr(cleaning, "PAUSE", 0.0)
            return self

    monkeypatch.setattr(cleaning, "LOOKS_EVERY", 0.0)
    said = list(cleaning.cleaned(Slow(littered), 5, MADE, backup.LEFT_ALONE))
    assert said == ["0 objects removed that no backup names, and others left: the storage answers too slowly"]
    assert left(littered) == 3


def test_a_hurried_request_is_made_once_and_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "SOON", 0.5)
    monkeypatch.setattr(S3, "exists", lambda *_: True)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        place = shelf.Bucket(Storage(url, "r", True, "k", "s"), "b").hurried()
        began = time.monotonic()
        with pytest.raises(Failure, match="no answer in time"):
            place.delete("objects/ab/abc")
    assert time.monotonic() - began < 3
