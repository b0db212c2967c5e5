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
from sensei_probe.lines import write_lines
from sensei_probe.s3 import PART, S3, Stored
from sensei_probe.settings import Storage
from sensei_probe.shelf import Bucket, Folder, Shelf
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
