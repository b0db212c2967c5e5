"""A backup brought back: the database in one transaction, then the objects, then the vectors."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from sensei_probe.backup import manifest_of, names
from sensei_probe.s3 import S3
from sensei_probe.settings import Failure, Storage, Vectors, required
from sensei_probe.shelf import Shelf, shelf_of
from sensei_probe.streams import BLOCK, Measured, Pipe, amount, say
from sensei_probe.weaviate import PAGE, Weaviate

LATEST = "latest"


def restore(argument: str = "", environ: Mapping[str, str] = os.environ) -> None:
    """The backup of this name, else of BACKUP_NAME. Raises Failure; the database is then as it was, or restored."""
    work = Path(environ.get("WORK_DIR") or "/work")
    try:
        shelf = shelf_of(environ)
        name = chosen(shelf, argument or required(environ, "BACKUP_NAME"))
        manifest = manifest_of(shelf, name)
        say(f"restoring backup {name} of version {manifest['version'] or '?'}")
        _database(shelf, manifest, Pipe(work))
    except BaseException:
        with contextlib.suppress(OSError):
            (work / "failed").touch()
        raise
    _objects(shelf, manifest, S3(Storage.of(environ)))
    _vectors(shelf, manifest, Weaviate(Vectors.of(environ)))
    say(f"backup {name} is restored")


def chosen(shelf: Shelf, name: str) -> str:
    """A complete backup's name. Raises Failure."""
    found = names(shelf)
    complete = [item for item, whole in found.items() if whole]
    if name == LATEST and complete:
        return complete[-1]
    if name in complete:
        return name
    if name in found:
        raise Failure(f"backup {name} is incomplete: it has no manifest, and can't be restored")
    there = f"the newest is {complete[-1]}" if complete else "there is none"
    raise Failure(f"there is no complete backup {name}: {there}. See: sensei backup list")


def _database(shelf: Shelf, manifest: Mapping[str, Any], pipe: Pipe) -> None:
    wanted = manifest["database"]
    source = Measured(shelf.read(f"backups/{manifest['name']}/database.dump"), "database", wanted["size"])
    line = pipe.writing()
    try:
        # The last block waits until the whole is known to be right: without it the transaction can't end well.
        held = source.read(BLOCK)
        while block := source.read(BLOCK):
            _all(line, held)
            held = block
        right = (source.size, source.sha256) == (wanted["size"], wanted["sha256"])
        if right:
            _all(line, held)
    except BrokenPipeError:
        # pg_restore left: its status says why.
        right = True
    finally:
        os.close(line)
    if not right:
        raise Failure(
            f"the dump of backup {manifest['name']} is damaged: its checksum is another. The database is as it was"
        )
    pipe.finished("pg_restore", 0)
    say(f"database: {amount(source.size)}")


def _all(line: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(line, view) :]


def _objects(shelf: Shelf, manifest: Mapping[str, Any], target: S3) -> None:
    sent = 0
    for bucket in {item["bucket"] for item in manifest["objects"]}:
        if not target.exists(bucket):
            target.make(bucket)
    for item in manifest["objects"]:
        there = target.head(item["bucket"], item["key"])
        if there is None or (there.size, there.etag) != (item["size"], item["etag"]):
            target.upload(item["bucket"], item["key"], shelf.read(item["path"]), item["kind"], item["size"])
            sent += 1
    say(f"objects: {len(manifest['objects'])}, {sent} of them written, the others were the same")


def _vectors(shelf: Shelf, manifest: Mapping[str, Any], weaviate: Weaviate) -> None:
    path, wanted = f"backups/{manifest['name']}/vectors.ndjson.gz", manifest["vectors"]
    check = Measured(shelf.read(path), "vectors (checksum)", wanted["size"])
    while check.read(BLOCK):
        pass
    if (check.size, check.sha256) != (wanted["size"], wanted["sha256"]):
        raise Failure(
            f"the vectors of backup {manifest['name']} are damaged: their checksum is another. They are as they were"
        )
    count = imported(weaviate, documents(shelf, path, wanted["size"]))
    say(f"vectors: {count} objects")


def documents(shelf: Shelf, path: str, size: int) -> Iterator[dict[str, Any]]:
    """The lines of an export."""
    source = Measured(shelf.read(path), "vectors", size)
    with gzip.GzipFile(fileobj=cast(io.BufferedReader, _Seekless(source))) as lines:
        for text in lines:
            yield json.loads(text)


class _Seekless(io.RawIOBase):
    """A stream with the one more method that gzip wants."""

    def __init__(self, source: Measured) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)


def imported(weaviate: Weaviate, lines: Iterator[dict[str, Any]]) -> int:
    """Every class made anew and filled. Returns how many objects. Raises Failure."""
    there = {str(item["class"]) for item in weaviate.classes()}
    count, page = 0, list[dict[str, Any]]()
    for item in lines:
        if "object" in item:
            page.append(_writable(item["object"]))
            count += 1
        if len(page) == PAGE or (page and "object" not in item):
            weaviate.write(page)
            page = []
        if "class" in item:
            _anew(weaviate, item["class"], there)
        elif item.get("tenants"):
            weaviate.add_tenants(item["of"], [{**one, "activityStatus": "HOT"} for one in item["tenants"]])
    if page:
        weaviate.write(page)
    return count


def _anew(weaviate: Weaviate, definition: dict[str, Any], there: set[str]) -> None:
    name = str(definition["class"])
    if name in there:
        weaviate.drop(name)
    # A schema is told with both, and taken with one of them.
    tenants = (definition.get("multiTenancyConfig") or {}).get("enabled")
    weaviate.make({key: value for key, value in definition.items() if not (tenants and key == "shardingConfig")})


def _writable(item: dict[str, Any]) -> dict[str, Any]:
    """Without what the server says of an object and does not take."""
    kept = ("class", "id", "properties", "vector", "vectors", "tenant", "creationTimeUnix", "lastUpdateTimeUnix")
    return {key: item[key] for key in kept if item.get(key) not in (None, [], {})}
