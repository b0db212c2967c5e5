"""Whether a backup could be brought back: said before anything is changed."""

from __future__ import annotations

import contextlib
import errno
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensei_probe import kept, objects, vectors
from sensei_probe.s3 import S3
from sensei_probe.settings import Failure, Storage, Vectors
from sensei_probe.shelf import Folder
from sensei_probe.weaviate import Weaviate
from tests.images import servers
from tests.images.conftest import Probe, why_not
from tests.images.filled import back_up, bring_back

pytestmark = pytest.mark.timeout(300)
Store = dict[str, str]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weaviate]:
    """Weaviate on three nodes, which wants every collection on all of them."""
    if why := why_not():
        pytest.skip(why)
    with servers.weaviate(tmp_path_factory.mktemp("three"), 3) as environ:
        yield Weaviate(Vectors.of(environ))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weaviate]:
    if why := why_not():
        pytest.skip(why)
    with servers.weaviate(tmp_path_factory.mktemp("one")) as environ:
        yield Weaviate(Vectors.of(environ))


def put(client: Weaviate, name: str, count: int) -> None:
    client.make({"class": name, "vectorizer": "none"})
    client.write([{"class": name, "id": str(uuid.UUID(int=n + 1)), "vector": [1.0, n]} for n in range(count)])


def factor(client: Weaviate, name: str) -> int:
    return next(vectors.factor(item) for item in client.classes() if item["class"] == name)


def test_what_was_on_three_nodes_comes_back_on_one(
    three: Weaviate, one: Weaviate, capsys: pytest.CaptureFixture[str]
) -> None:
    put(three, "Spread", 5)
    saved = list(vectors.exported(three))
    put(one, "Spread", 2)
    assert (factor(three, "Spread"), vectors.imported(one, lambda: iter(saved))) == (3, 5)
    assert "collection Spread was on 3 nodes: it will be on 1, which is all there are" in capsys.readouterr().out
    assert (factor(one, "Spread"), len(list(one.objects("Spread")))) == (1, 5)
    for client in (one, three):
        client.drop("Spread")


def test_what_was_on_one_node_comes_back_on_as_many_as_weaviate_wants(three: Weaviate, one: Weaviate) -> None:
    put(one, "Alone", 5)
    saved = list(vectors.exported(one))
    assert vectors.imported(three, lambda: iter(saved)) == 5
    assert (factor(three, "Alone"), len(list(three.objects("Alone")))) == (3, 5)
    for client in (one, three):
        client.drop("Alone")


def test_a_backup_is_looked_at_by_the_probe_alone(place: Store, probe: Probe) -> None:
    none = probe("check-backup", "latest", environ=place)
    assert (none.returncode, "there is no" in none.stderr) == (1, True)
    assert back_up(place).returncode == 0
    made = json.loads(probe("backups", environ=place).stdout)[0]
    environ = {name: value for name, value in place.items() if name != "WORK_DIR"}
    done = probe("check-backup", "latest", environ=environ)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told == {
        "name": made["name"], "label": "manual", "version": "1.0.0", "database": made["bytes"]["database"], "objects": 5,
        "objectBytes": made["bytes"]["objects"], "vectors": made["bytes"]["vectors"], "notes": [],
    }  # fmt: skip
    other = probe("check-backup", "20260101T000000Z-manual", environ=environ)
    assert (other.returncode, f"the newest is {made['name']}" in other.stderr) == (1, True)


@pytest.mark.parametrize("wrong", [
    {"VECTOR_DB_URL": "http://127.0.0.1:1"}, {"VECTOR_DB_API_KEY": "wrong"},
    {"S3_ENDPOINT": "http://127.0.0.1:1"}, {"S3_SECRET_KEY": "wrong"}])  # fmt: skip
def test_a_store_that_cannot_be_reached_is_found_before_the_database_is_touched(
    wrong: Store, filled: Store, tmp_path: Path, probe: Probe
) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    assert back_up(place).returncode == 0
    assert probe("check-backup", "latest", environ={**place, **wrong}).returncode == 1
    assert servers.psql(filled, "CREATE TABLE since (n int)").returncode == 0
    done, said = bring_back({**place, **wrong}, "latest")
    assert (done.returncode, "the other container failed" in said) == (1, True), done.stderr
    assert servers.psql(filled, "DROP TABLE since").returncode == 0


def test_parts_that_are_gone_are_told(filled: Store, tmp_path: Path, probe: Probe) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    assert back_up(place).returncode == 0
    for content in (tmp_path / "backups/objects").rglob("*"):
        if content.is_file() and content.read_bytes() == b"plain":
            content.unlink()
    told: dict[str, Any] = json.loads(probe("check-backup", "latest", environ=place).stdout.splitlines()[-1])
    assert told["notes"] == [
        "1 objects can't be brought back: the backup has their content no more. sensei-artifacts/plain"
    ]
    # A restore that could never succeed would keep the platform stopped: what is lost is told, and no failure.
    S3(Storage.of(filled)).put("sensei-artifacts", "plain", b"since")
    done, said = bring_back(place, "latest")
    assert (done.returncode, done.stderr) == (0, ""), said
    last = done.stdout.splitlines()[-1]
    assert last.startswith("warning: backup ")
    assert "is restored, but 1 objects are not: their contents are lost or damaged in it." in last
    assert last.endswith("bring them from another copy: sensei-artifacts/plain")
    assert S3(Storage.of(filled)).get("sensei-artifacts", "plain").read() == b"since"
    S3(Storage.of(filled)).put("sensei-artifacts", "plain", b"plain", "text/x-sensei")
    next((tmp_path / "backups").rglob("database.dump")).unlink()
    done = probe("check-backup", "latest", environ=place)
    assert (done.returncode, "has no database.dump any more" in done.stderr) == (1, True)


# A node that is away.


def test_a_node_that_is_away_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if why := why_not():
        pytest.skip(why)
    monkeypatch.setattr(vectors, "NODES_WAIT", 12.0)
    with contextlib.ExitStack() as open_:
        nodes = [open_.enter_context(one) for one in servers.weaviate_nodes(tmp_path, 3)]
        client = Weaviate(Vectors.of(nodes[-1][0]))
        put(client, "Spread", 5)
        assert len([item for item in vectors.exported(client) if "object" in item]) == 5
        servers.end(nodes[1][1])
        with pytest.raises(
            Failure, match=r"sensei-weaviate-1 of Weaviate is|Weaviate has 2 nodes, and collections are"
        ):
            list(vectors.exported(client))
    assert "waiting" in capsys.readouterr().out


def test_a_check_asks_postgresql_and_looks_at_the_dump(filled: Store, tmp_path: Path, probe: Probe) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    assert back_up(place).returncode == 0
    for wrong, why in (
        ({"DATABASE_PORT": "1"}, "PostgreSQL at 127.0.0.1:1 does not answer"),
        ({"DATABASE_PASSWORD": "wrong"}, "28P01: password authentication failed"),
    ):
        done = probe("check-backup", "latest", environ={**place, **wrong})
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr
    servers.psql(filled, "CREATE ROLE guest LOGIN PASSWORD 'x'")
    guest = {**place, "DATABASE_USER": "guest", "DATABASE_PASSWORD": "x"}
    assert "user guest may not create in database sensei: GRANT CREATE" in probe(
        "check-backup", "latest", environ=guest
    ).stderr  # fmt: skip
    servers.psql(filled, "GRANT CREATE ON DATABASE sensei TO guest")
    done, _ = bring_back(guest, "latest")
    assert (
        done.returncode,
        "user guest does not own table public.numbered, table public.t, view public.seen, which" in done.stderr,
    ) == (1, True), done.stderr
    dump = next((tmp_path / "backups").rglob("database.dump"))
    dump.write_bytes(dump.read_bytes()[:100])
    done = probe("check-backup", "latest", environ=place)
    assert (done.returncode, "has a database.dump of 100 bytes in place of" in done.stderr) == (1, True), done.stderr


def test_a_bucket_that_is_not_there_is_told_and_not_made(filled: Store, probe: Probe) -> None:
    place = {**filled, "BACKUP_TO": "bucket", "BACKUP_S3_BUCKET": "no-such-bucket"}
    for command in (["check-backup", "latest"], ["backups"]):
        done = probe(*command, environ=place)
        assert (done.returncode, "there is no backup: no bucket no-such-bucket" in done.stderr) == (1, True)
    assert not S3(Storage.of(filled)).exists("no-such-bucket")


def test_a_volume_that_goes_away_is_a_failure_and_no_loss(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    assert back_up(place).returncode == 0
    client, shelf = S3(Storage.of(filled)), Folder(tmp_path / "backups")
    told = kept.newest(shelf)
    assert told

    def away(path: Path, *_: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    client.put("sensei-artifacts", "plain", b"since")
    listed = [row for row in objects.listed_in(shelf, told) if row["key"] == "plain"]
    monkeypatch.setattr(objects, "listed_in", lambda *_: iter(listed))
    monkeypatch.setattr(Path, "open", away)
    with pytest.raises(Failure, match="Stale file handle"):
        objects.restore(shelf, told, client)
    client.put("sensei-artifacts", "plain", b"plain", "text/x-sensei")
