"""What goes wrong around a backup: other hands on the stores, lines that break, damage, signals, clocks."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sensei_probe import backup, cleaning, kept, objects
from sensei_probe import vectors as vectors_
from sensei_probe.s3 import S3, Stored
from sensei_probe.settings import Storage, Vectors
from sensei_probe.shelf import Folder
from sensei_probe.weaviate import Weaviate
from sensei_probe.web import Server, Unreachable
from tests.images import servers
from tests.images.conftest import IMAGES, why_not

pytestmark = pytest.mark.timeout(300)
BUCKET = "sensei-artifacts"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    if why := why_not():
        pytest.skip(why)
    with servers.minio(tmp_path_factory.mktemp("minio")) as environ:
        found = Storage.of(environ)
        S3(found).make(BUCKET)
        yield found


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weaviate]:
    if why := why_not():
        pytest.skip(why)
    with servers.weaviate(tmp_path_factory.mktemp("weaviate")) as environ:
        yield Weaviate(Vectors.of(environ))


def manifest(root: Folder, name: str, found: dict[str, Any]) -> dict[str, Any]:
    """As complete as these tests need it."""
    return {"format": kept.FORMAT, "name": name, "version": "1", "objects": found,
            "database": {"size": 0, "sha256": ""}, "vectors": {"size": 0, "sha256": ""}}  # fmt: skip


# Other hands on the stores.


class Meanwhile(S3):
    """Lists one object that is gone, and one that was another, when it is asked for."""

    def listed(self, bucket: str, prefix: str = "") -> Iterator[Stored]:
        for item in super().listed(bucket, prefix):
            yield Stored(item.key, item.size, "0" * 32) if item.key == "changed" else item
        yield Stored("vanished", 3, "1" * 32)


@pytest.mark.parametrize("kind", ["volume", "bucket"])
def test_objects_that_go_or_change_meanwhile_spoil_no_backup(kind: str, storage: Storage, tmp_path: Path) -> None:
    from sensei_probe.shelf import Bucket, Shelf

    client = S3(storage)
    for key in ("a", "changed"):
        client.put(BUCKET, key, key.encode(), "text/x-sensei")
    shelf: Shelf = Folder(tmp_path) if kind == "volume" else Bucket(storage, f"backups-{uuid.uuid4().hex[:8]}")
    found = objects.save(shelf, "one", Meanwhile(storage), [BUCKET], None)
    rows = list(objects.listed_in(shelf, {"name": "one", "objects": found}))
    assert [(row["key"], row["kind"]) for row in rows] == [("a", "text/x-sensei"), ("changed", "text/x-sensei")]
    assert [shelf.read(row["path"]).read() for row in rows] == [b"a", b"changed"]


def test_an_object_that_is_replaced_between_two_requests_is_taken_as_it_is_then(
    storage: Storage, tmp_path: Path
) -> None:
    client = S3(storage)
    client.put(BUCKET, "swapped", b"old")

    class Swaps(Folder):
        times = 0

        def take(self, source: S3, bucket: str, item: Stored, path: str) -> dict[str, str]:
            if item.key == "swapped" and not self.times:
                self.times = 1
                S3(storage).put(BUCKET, "swapped", b"newer")
            return super().take(source, bucket, item, path)

    shelf = Swaps(tmp_path)
    found = objects.save(shelf, "one", client, [BUCKET], None)
    row = next(row for row in objects.listed_in(shelf, {"name": "one", "objects": found}) if row["key"] == "swapped")
    assert (row["size"], shelf.read(row["path"]).read()) == (5, b"newer")


def test_objects_that_the_backup_has_not_go_only_when_asked(storage: Storage, tmp_path: Path) -> None:
    client, shelf = S3(storage), Folder(tmp_path)
    client.put(BUCKET, "kept", b"1")
    told = {"name": "one", "objects": objects.save(shelf, "one", client, [BUCKET], None)}
    client.put(BUCKET, "later", b"2")
    objects.restore(shelf, told, client)
    assert client.head(BUCKET, "later")
    objects.restore(shelf, told, client, [BUCKET])
    assert not client.head(BUCKET, "later")
    assert client.head(BUCKET, "kept")


@pytest.mark.parametrize(("spoilt", "why"), [
    (b"who", "it has 3 bytes and should have 5"), (b"wrong", "its checksum is another"), (None, "No such file")])  # fmt: skip
def test_a_damaged_content_is_named_and_not_brought_back(
    spoilt: bytes | None, why: str, storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client, shelf = S3(storage), Folder(tmp_path)
    for key in ("cut", "further"):
        client.put(BUCKET, key, b"whole")
    told = {"name": "one", "objects": objects.save(shelf, "one", client, [BUCKET], None)}
    row = next(row for row in objects.listed_in(shelf, told) if row["key"] == "cut")
    (tmp_path / row["path"]).unlink()
    if spoilt is not None:
        (tmp_path / row["path"]).write_bytes(spoilt)
    for key in ("cut", "further"):
        client.put(BUCKET, key, b"other")
    assert objects.restore(shelf, told, client) == [f"{BUCKET}/cut"]
    assert why in capsys.readouterr().out
    assert client.get(BUCKET, "cut").read() == b"other"
    assert client.get(BUCKET, "further").read() == b"whole"


# Collections.


def test_collections_that_refer_to_each_other_come_back(vectors: Weaviate) -> None:
    vectors.make({"class": "Author", "vectorizer": "none", "properties": [{"name": "name", "dataType": ["text"]}]})
    vectors.make({"class": "Article", "vectorConfig": {
        "title": {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw"},
        "body": {"vectorizer": {"none": {}}, "vectorIndexType": "flat"}},
        "properties": [{"name": "title", "dataType": ["text"]}, {"name": "by", "dataType": ["Author"]},
                       {"name": "at", "dataType": ["date"]}, {"name": "where", "dataType": ["geoCoordinates"]},
                       {"name": "marks", "dataType": ["number[]"]}, {"name": "raw", "dataType": ["blob"]},
                       {"name": "more", "dataType": ["object"], "nestedProperties": [
                           {"name": "x", "dataType": ["int"]}]}]})  # fmt: skip
    vectors.add_property("Author", {"name": "wrote", "dataType": ["Article"]})
    one, two = (str(uuid.UUID(int=number)) for number in (1, 2))
    vectors.write([{"class": "Author", "id": one, "properties": {"name": "A"}, "vector": [1.0, 2.0]}])
    vectors.write([{"class": "Article", "id": two, "vectors": {"title": [1.0, 0.5], "body": [2.0, 0.25, 1.0]}, "properties": {
        "title": "B", "by": [{"beacon": f"weaviate://localhost/Author/{one}"}], "at": "2026-11-28T02:00:00Z",
        "where": {"latitude": 52.5, "longitude": 13.25}, "marks": [1.5, -2], "raw": "aGVsbG8=", "more": {"x": 3}}}])  # fmt: skip
    saved = list(vectors_.exported(vectors))
    before = comparable(vectors)
    assert before["Article"][two]["vectors"] == {"title": [1.0, 0.5], "body": [2.0, 0.25, 1.0]}
    vectors.drop("Author")
    assert vectors_.imported(vectors, lambda: iter(saved)) == 2
    assert comparable(vectors) == before
    refers = {
        one["name"] for item in vectors.classes() for one in item["properties"] if one["dataType"][0][0].isupper()
    }
    assert refers == {"by", "wrote"}
    for name in ("Author", "Article"):
        vectors.drop(name)


def comparable(vectors: Weaviate) -> dict[str, dict[str, Any]]:
    """Class -> id -> object, without the times of its writing."""
    return {
        item["class"]: {one["id"]: {key: one[key] for key in one if not key.endswith("TimeUnix")}
                        for one in vectors.objects(item["class"])}
        for item in vectors.classes()
    }  # fmt: skip


def test_a_tenant_that_slept_sleeps_again(vectors: Weaviate) -> None:
    vectors.make({"class": "Owned", "vectorizer": "none", "multiTenancyConfig": {"enabled": True},
                  "properties": [{"name": "t", "dataType": ["text"]}]})  # fmt: skip
    vectors.add_tenants("Owned", [{"name": "awake"}, {"name": "asleep"}])
    for tenant in ("awake", "asleep"):
        vectors.write([{"class": "Owned", "id": str(uuid.UUID(int=1)), "tenant": tenant, "properties": {"t": tenant}}])
    vectors.set_status("Owned", "asleep", "COLD")
    saved = list(vectors_.exported(vectors))
    assert vectors_.imported(vectors, lambda: iter(saved)) == 2
    assert [(one["name"], one["activityStatus"]) for one in sorted(vectors.tenants("Owned"), key=lambda one: one["name"])] == [
        ("asleep", "COLD"), ("awake", "HOT")]  # fmt: skip
    vectors.drop("Owned")


# Lines that break.


def test_an_answer_that_ends_too_early_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(4096)
                line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789")

        threading.Thread(target=speak).start()
        answer = Server(f"http://127.0.0.1:{listening.getsockname()[1]}").ask("GET", "/", tries=1)
        assert answer.read(50) == b"0123456789"
        with pytest.raises(Unreachable, match="the answer broke off: 90 bytes are missing"):
            answer.read(50)


# Damage, signals, clocks.


def complete(root: Path, name: str) -> Folder:
    """A backup without objects."""
    shelf = Folder(root)

    class Empty:
        def listed(self, bucket: str) -> Iterator[Stored]:
            return iter(())

    found = objects.save(shelf, name, Empty(), ["b"], None)  # type: ignore[arg-type]
    shelf.write(f"backups/{name}/manifest.json", io.BytesIO(json.dumps(manifest(shelf, name, found)).encode()))
    return shelf


def test_a_damaged_manifest_hides_no_other_backup_and_stops_none(tmp_path: Path) -> None:
    complete(tmp_path, "20260101T000000Z-manual")
    shelf = complete(tmp_path, "20260102T000000Z-manual")
    (tmp_path / "backups/20260101T000000Z-manual/manifest.json").write_text("{")
    rows = kept.listing(shelf)
    assert [(row["name"][:8], row["complete"]) for row in rows] == [("20260102", True), ("20260101", False)]
    assert "is damaged" in rows[1]["why"]
    (tmp_path / "objects/ab").mkdir(parents=True)
    (tmp_path / "objects/ab/abc").write_text("of the damaged one, perhaps")
    said = list(cleaning.cleaned(shelf, 5, "20260102T000000Z-manual", backup.LEFT_ALONE))
    assert said == ["objects are left as they are: the manifest of backup 20260101T000000Z-manual is damaged"]
    assert (tmp_path / "objects/ab/abc").exists()


@pytest.mark.parametrize("keep", [0, 1])
def test_the_newest_backup_stays_whatever_keep_and_clock_say(keep: int, tmp_path: Path) -> None:
    complete(tmp_path, "20990101T000000Z-manual")
    newest = f"{datetime.now(UTC).strftime(kept.STAMP)}-manual"
    shelf = complete(tmp_path, newest)
    assert list(cleaning.cleaned(shelf, keep, newest, backup.LEFT_ALONE)) == ["backup 20990101T000000Z-manual removed"]
    assert kept.names(shelf) == {newest: True}


def test_a_signal_ends_it_and_lets_the_other_container_go(tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    environ = {"BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    found = subprocess.Popen(
        [sys.executable, "-m", "sensei_probe", "backup"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES), **environ},
    )  # fmt: skip
    servers.until(lambda: (tmp_path / "database").exists(), lambda: "no pipe", None)
    found.send_signal(signal.SIGTERM)
    _, said = found.communicate(timeout=20)
    assert (found.returncode, said) == (1, "sensei: told to end (SIGTERM)\n")
    assert (tmp_path / "failed").exists()
