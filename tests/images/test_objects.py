"""What is kept of an object beside its content, and how a content is proved."""

from __future__ import annotations

import dataclasses
import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensei_probe import objects
from sensei_probe.lines import kept_lines, write_lines
from sensei_probe.s3 import PART, S3, Stored
from sensei_probe.settings import Failure, Storage
from sensei_probe.shelf import Bucket, Folder, Shelf
from sensei_probe.web import Readable
from tests.images import servers
from tests.images.conftest import why_not

pytestmark = pytest.mark.timeout(300)
BUCKET = "sensei-artifacts"
META = {
    "cache-control": "max-age=60,  public", "content-disposition": 'attachment; filename="a b.txt"',
    "content-encoding": "gzip", "content-language": "de", "x-amz-meta-owner": "somebody",
    # As HTTP's headers are read: UTF-8 byte by byte, one of them white space to Python.
    "x-amz-meta-title": "\u00e0 la carte".encode().decode("latin-1"),
}  # fmt: skip


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    if why := why_not():
        pytest.skip(why)
    with servers.minio(tmp_path_factory.mktemp("minio")) as environ:
        found = Storage.of(environ)
        S3(found).make(BUCKET)
        yield found


@pytest.fixture(params=["volume", "same service", "another service"])
def shelf(request: pytest.FixtureRequest, storage: Storage, tmp_path: Path) -> Shelf:
    if request.param == "volume":
        return Folder(tmp_path)
    other = storage.endpoint.replace("127.0.0.1", "localhost")
    endpoint = storage.endpoint if request.param == "same service" else other
    return Bucket(dataclasses.replace(storage, endpoint=endpoint), f"backups-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def client(storage: Storage) -> Iterator[S3]:
    """Empty at the beginning and at the end."""
    found = S3(storage)
    yield found
    for item in list(found.listed(BUCKET)):
        found.delete(BUCKET, item.key)


def saved(shelf: Shelf, client: S3, before: dict[str, Any] | None = None, name: str = "one") -> dict[str, Any]:
    return {"name": name, "objects": objects.save(shelf, name, client, [BUCKET], before)}


def rows(shelf: Shelf, manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in objects.listed_in(shelf, manifest)}


def test_headers_come_back(shelf: Shelf, client: S3) -> None:
    big = bytes(PART + 10)
    client.put(BUCKET, "small", b"content", "text/x-sensei", META)
    client.upload(BUCKET, "big", io.BytesIO(big), "text/x-sensei", len(big), META)
    client.put(BUCKET, "bare", b"content")
    before = {key: client.head(BUCKET, key) for key in ("small", "big", "bare")}
    assert before["small"] is not None
    # A service tells letters beyond ASCII in words of its own.
    assert before["small"].meta == {**META, "x-amz-meta-title": before["small"].meta["x-amz-meta-title"]}
    told = saved(shelf, client)
    for key in before:
        client.delete(BUCKET, key)
    assert objects.restore(shelf, told, client) == []
    assert {key: client.head(BUCKET, key) for key in before} == before
    assert client.get(BUCKET, "small").read() == b"content"


def test_other_headers_alone_are_brought_back_too(shelf: Shelf, client: S3, capsys: pytest.CaptureFixture[str]) -> None:
    client.put(BUCKET, "a", b"content", "text/x-sensei", META)
    told, before = saved(shelf, client), client.head(BUCKET, "a")
    client.put(BUCKET, "a", b"content", "text/x-sensei")
    objects.restore(shelf, told, client)
    assert client.head(BUCKET, "a") == before
    objects.restore(shelf, told, client)
    assert "1, 0 of them written" in capsys.readouterr().out


class Counted(S3):
    heads = 0

    def head(self, bucket: str, key: str) -> Stored | None:
        self.heads += 1
        return super().head(bucket, key)


def test_what_an_earlier_backup_tells_is_not_asked_again(shelf: Shelf, client: S3, storage: Storage) -> None:
    for key in ("a", "b"):
        client.put(BUCKET, key, key.encode(), "text/x-sensei", META)
    first, counted = saved(shelf, client), Counted(storage)
    client.put(BUCKET, "b", b"other", "text/x-sensei")
    second = saved(shelf, counted, first, "two")
    assert counted.heads == 1
    assert rows(shelf, second)["a"] == rows(shelf, first)["a"]
    assert rows(shelf, second)["b"]["meta"] == {}


def older(shelf: Shelf, told: dict[str, Any]) -> dict[str, Any]:
    """The same as it was written before headers and proofs were kept."""
    kept = ("bucket", "key", "size", "etag", "kind", "path")
    lines = [{name: row[name] for name in kept} for row in rows(shelf, told).values()]
    found = write_lines(shelf, f"backups/old/{objects.FILE}", lines, "objects")
    return {"name": "old", "objects": {**told["objects"], "bytes": found["size"], "sha256": found["sha256"]}}


def test_an_older_backup_is_brought_back_and_gone_on_from(shelf: Shelf, client: S3, storage: Storage) -> None:
    client.put(BUCKET, "a", b"content", "text/x-sensei", META)
    old, counted = older(shelf, saved(shelf, client)), Counted(storage)
    newer = saved(shelf, counted, old, "newer")
    assert (counted.heads, rows(shelf, newer)["a"]["meta"]["content-language"]) == (1, "de")
    client.put(BUCKET, "a", b"spoilt")
    assert objects.restore(shelf, old, client) == []
    head = client.head(BUCKET, "a")
    assert head is not None
    assert (client.get(BUCKET, "a").read(), head.kind) == (b"content", "text/x-sensei")


def test_a_content_that_was_replaced_is_found(shelf: Shelf, client: S3) -> None:
    client.put(BUCKET, "a", b"content")
    told = saved(shelf, client)
    row = rows(shelf, told)["a"]
    assert "sha256" in row or "copy" in row, json.dumps(row)
    shelf.write(row["path"], io.BytesIO(b"CONTENT"))
    client.delete(BUCKET, "a")
    assert objects.restore(shelf, told, client) == [f"{BUCKET}/a"]
    assert client.head(BUCKET, "a") is None


def test_a_damaged_content_of_many_parts_leaves_neither_object_nor_parts(shelf: Shelf, client: S3) -> None:
    content = bytes(2 * PART)
    client.upload(BUCKET, "big", io.BytesIO(content), size=len(content))
    told = saved(shelf, client)
    row = rows(shelf, told)["big"]
    shelf.write(row["path"], io.BytesIO(content[:-1]))
    client.delete(BUCKET, "big")
    assert objects.restore(shelf, told, client) == [f"{BUCKET}/big"]
    assert client.head(BUCKET, "big") is None
    assert "<Upload>" not in client.ask("GET", BUCKET, query={"uploads": ""}).read().decode()


@pytest.mark.parametrize("right", [True, False])
def test_a_backup_that_was_copied_in_other_parts_is_the_same(right: bool, shelf: Shelf, client: S3) -> None:
    content = bytes(PART) + b"the end"
    client.put(BUCKET, "big", content)
    told = saved(shelf, client)
    # In parts, as other tools send what is large: with another etag, then, and no other content.
    shelf.write(rows(shelf, told)["big"]["path"], io.BytesIO(content if right else bytes(PART) + b"THE END"))
    client.delete(BUCKET, "big")
    assert objects.restore(shelf, told, client) == ([] if right else [f"{BUCKET}/big"])
    head = client.head(BUCKET, "big")
    assert (head.size if head else 0) == (len(content) if right else 0)


def test_an_etag_that_is_no_md5_proves_no_damage() -> None:
    one, two = "a" * 32, "b" * 32
    assert objects._md5({"etag": one, "copy": one}) == one
    assert objects._md5({"etag": "c-2", "copy": one}) == one
    assert objects._md5({"etag": one, "copy": two}) == ""
    assert objects._md5({"etag": one, "copy": "c-2"}) == ""
    assert objects._md5({"etag": one}) == ""


def test_a_bucket_that_was_copied_onto_a_volume_is_the_same(storage: Storage, client: S3, tmp_path: Path) -> None:
    bucket = Bucket(storage, f"backups-{uuid.uuid4().hex[:8]}")
    for key in ("right", "wrong"):
        client.put(BUCKET, key, key.encode())
    told, volume = saved(bucket, client), Folder(tmp_path)
    for path in [*bucket.list("backups/"), *bucket.list("objects/")]:
        volume.write(path, bucket.read(path))
    volume.write(rows(bucket, told)["wrong"]["path"], io.BytesIO(b"WRONG"))
    for key in ("right", "wrong"):
        client.delete(BUCKET, key)
    assert objects.restore(volume, told, client) == [f"{BUCKET}/wrong"]
    assert client.get(BUCKET, "right").read() == b"right"


def test_a_list_is_kept_once_however_often_it_is_read(tmp_path: Path) -> None:
    class Counting(Folder):
        reads = 0

        def read(self, path: str, etag: str = "") -> Readable:
            self.reads += 1
            return super().read(path, etag)

    shelf = Counting(tmp_path)
    found = write_lines(shelf, "a", [{"n": n} for n in range(1000)], "numbers")
    with kept_lines(shelf, "a", found["size"], "numbers") as lines:
        first = lines()
        next(first)
        assert [item["n"] for item in lines()] == list(range(1000))
        assert len(list(first)) == 999
    assert shelf.reads == 1


def test_a_list_that_finds_no_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Folder(tmp_path)
    write_lines(shelf, "a", [{"n": 1}], "numbers")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(Failure, match=r"a of 9.0 GB can't be kept in .*: No space left on device"), kept_lines(
        shelf, "a", 9 * 10**9, "numbers"
    ):  # fmt: skip
        pass
