"""A backup: the database's dump, the objects, the vectors, and last the manifest that makes it one.

backups/20261128T020000Z-scheduled/started          written first
backups/20261128T020000Z-scheduled/database.dump     pg_dump's own format
backups/20261128T020000Z-scheduled/vectors.ndjson.gz classes, tenants and objects, a JSON document a line
backups/20261128T020000Z-scheduled/manifest.json     written last
objects/3f/3f9a...                                   shared: an object that did not change is stored once
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sensei_probe.s3 import S3, Stored
from sensei_probe.settings import Failure, Storage, Vectors, buckets, number
from sensei_probe.shelf import Shelf, shelf_of
from sensei_probe.streams import Measured, Pipe, amount, say
from sensei_probe.weaviate import Weaviate

FORMAT = 1
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"\d{8}T\d{6}Z-[a-z-]+")
LEFT_ALONE = timedelta(days=1)
"""A backup without a manifest that is younger may be going on: neither it nor objects are removed meanwhile."""
_HOT = ("HOT", "ACTIVE")


class Lines(io.RawIOBase):
    """JSON documents as a gzip stream, made as it is read."""

    def __init__(self, documents: Iterable[dict[str, Any]]) -> None:
        self._documents = iter(documents)
        self._buffer = io.BytesIO()
        # Without a time in it: the same vectors are the same bytes.
        self._gzip: gzip.GzipFile | None = gzip.GzipFile(fileobj=self._buffer, mode="wb", compresslevel=6, mtime=0)

    def read(self, size: int = -1) -> bytes:
        """See io."""
        while self._gzip is not None and (size < 0 or self._buffer.tell() < size):
            document = next(self._documents, None)
            if document is None:
                self._gzip.close()
                self._gzip = None
            else:
                self._gzip.write(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
        held = self._buffer.getvalue()
        taken, rest = (held, b"") if size < 0 else (held[:size], held[size:])
        self._buffer.seek(0)
        self._buffer.truncate()
        self._buffer.write(rest)
        return taken


def backup(environ: Mapping[str, str] = os.environ) -> None:
    """Make one, then remove what is older than BACKUP_KEEP allows. Raises Failure; then it does not count."""
    work = Path(environ.get("WORK_DIR") or "/work")
    try:
        shelf, keep = shelf_of(environ), number(environ, "BACKUP_KEEP", "14")
        name = f"{datetime.now(UTC).strftime(STAMP)}-{environ.get('BACKUP_LABEL') or 'manual'}"
        say(f"backup {name} begins")
        _document(shelf, f"backups/{name}/started", {"started": name})
        pipe = Pipe(work)
    except BaseException:
        with contextlib.suppress(OSError):
            (work / "failed").touch()
        raise
    manifest = _save(shelf, name, pipe, environ)
    _document(shelf, f"backups/{name}/manifest.json", manifest)
    for text in cleaned(shelf, keep, name):
        say(text)
    say(summary(manifest))


def _save(shelf: Shelf, name: str, pipe: Pipe, environ: Mapping[str, str]) -> dict[str, Any]:
    try:
        database = _database(shelf, name, pipe)
        objects = list(_objects(shelf, S3(Storage.of(environ)), sorted(set(buckets(environ).values()))))
        vectors = _vectors(shelf, name, Weaviate(Vectors.of(environ)))
    except BaseException:
        pipe.give_up()
        raise
    return {
        "format": FORMAT, "name": name, "label": name.partition("-")[2], "when": name.partition("-")[0],
        "version": environ.get("BACKUP_VERSION", ""), "database": database, "objects": objects, "vectors": vectors,
    }  # fmt: skip


def _database(shelf: Shelf, name: str, pipe: Pipe) -> dict[str, Any]:
    stream = Measured(pipe.reading(), "database")
    shelf.write(f"backups/{name}/database.dump", stream)
    pipe.finished("pg_dump")
    say(f"database: {amount(stream.size)}")
    return {"size": stream.size, "sha256": stream.sha256}


def _objects(shelf: Shelf, source: S3, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    there, kinds = set(shelf.list("objects/")), _known_kinds(shelf)
    count = new = 0
    for bucket in names:
        for item in source.listed(bucket):
            path = object_path(bucket, item)
            if path not in there:
                shelf.take(source, bucket, item.key, item.size, path)
                there.add(path)
                new += 1
            count += 1
            kind = kinds[path] if path in kinds else _kind(source, bucket, item.key)
            yield {"bucket": bucket, "key": item.key, "size": item.size, "etag": item.etag, "kind": kind, "path": path}
    say(f"objects: {count}, {new} of them new")


def _known_kinds(shelf: Shelf) -> dict[str, str]:
    """Content types that the newest backup tells: asking for each of them again takes a request."""
    complete = [name for name, whole in names(shelf).items() if whole]
    return {item["path"]: item["kind"] for item in manifest_of(shelf, complete[-1])["objects"]} if complete else {}


def _kind(source: S3, bucket: str, key: str) -> str:
    found = source.head(bucket, key)
    return found.kind if found else ""


def object_path(bucket: str, item: Stored) -> str:
    """Where an object's content lies: by what tells one content from another without reading it."""
    told = "\0".join((bucket, item.key, item.etag, str(item.size)))
    digest = hashlib.sha256(told.encode()).hexdigest()
    return f"objects/{digest[:2]}/{digest}"


def _vectors(shelf: Shelf, name: str, weaviate: Weaviate) -> dict[str, Any]:
    stream = Measured(Lines(exported(weaviate)), "vectors")
    shelf.write(f"backups/{name}/vectors.ndjson.gz", stream)
    say(f"vectors: {amount(stream.size)}, compressed")
    return {"size": stream.size, "sha256": stream.sha256}


def exported(weaviate: Weaviate) -> Iterator[dict[str, Any]]:
    """`{"class": ...}`, its `{"tenants": [...]}`, then `{"object": ...}` each, class by class."""
    for definition in weaviate.classes():
        name = str(definition["class"])
        yield {"class": definition}
        if not (definition.get("multiTenancyConfig") or {}).get("enabled"):
            yield from ({"object": item} for item in weaviate.objects(name))
            continue
        tenants = weaviate.tenants(name)
        yield {"tenants": tenants, "of": name}
        for tenant in tenants:
            yield from ({"object": item} for item in _of_tenant(weaviate, name, tenant))


def _of_tenant(weaviate: Weaviate, name: str, tenant: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A tenant that sleeps is woken to be read."""
    sleeps = tenant.get("activityStatus", "HOT") not in _HOT
    if sleeps:
        weaviate.set_status(name, tenant["name"], "HOT")
    try:
        # A list of objects does not say whose they are.
        yield from ({**item, "tenant": tenant["name"]} for item in weaviate.objects(name, tenant["name"]))
    finally:
        if sleeps:
            weaviate.set_status(name, tenant["name"], str(tenant["activityStatus"]))


def _document(shelf: Shelf, path: str, content: Any) -> None:
    shelf.write(path, io.BytesIO(json.dumps(content, ensure_ascii=False, indent=1).encode()))


# What there is.


def names(shelf: Shelf) -> dict[str, bool]:
    """Name -> whether it is complete, oldest first."""
    found: dict[str, bool] = {}
    for path in shelf.list("backups/"):
        _, name, file = path.split("/", 2)
        if NAME.fullmatch(name):
            found[name] = found.get(name, False) or file == "manifest.json"
    return dict(sorted(found.items()))


def manifest_of(shelf: Shelf, name: str) -> dict[str, Any]:
    """Raises Failure."""
    try:
        found = json.loads(shelf.read(f"backups/{name}/manifest.json").read())
    except ValueError:
        raise Failure(f"the manifest of backup {name} is damaged") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Failure(f"backup {name} was made by another version of this program")
    return found


def listing(shelf: Shelf) -> list[dict[str, Any]]:
    """Newest first. Raises Failure."""
    return [_row(shelf, name, complete) for name, complete in reversed(names(shelf).items())]


def _row(shelf: Shelf, name: str, complete: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "label": name.partition("-")[2], "complete": complete}
    if not complete:
        return row
    found = manifest_of(shelf, name)
    sizes = {
        "database": found["database"]["size"], "vectors": found["vectors"]["size"],
        "objects": sum(item["size"] for item in found["objects"]),
    }  # fmt: skip
    return {**row, "version": found["version"], "objects": len(found["objects"]), "bytes": sizes}


def summary(manifest: Mapping[str, Any]) -> str:
    """The last line of a backup."""
    objects = manifest["objects"]
    size = amount(sum(item["size"] for item in objects))
    return (
        f"backup {manifest['name']} is complete: database {amount(manifest['database']['size'])},"
        f" {len(objects)} objects of {size}, vectors {amount(manifest['vectors']['size'])}"
    )


def cleaned(shelf: Shelf, keep: int, newest: str) -> Iterator[str]:
    """Remove complete backups beyond `keep`, old incomplete ones, and objects that no backup names."""
    found = names(shelf)
    complete = [name for name, whole in found.items() if whole]
    old = (datetime.now(UTC) - LEFT_ALONE).strftime(STAMP)
    going_on = [name for name, whole in found.items() if not whole and name > old and name != newest]
    gone = complete[: max(0, len(complete) - keep)]
    gone += [name for name, whole in found.items() if not whole and name <= old]
    for name in gone:
        # The manifest first: a backup that is half removed must not be offered.
        for path in sorted(shelf.list(f"backups/{name}/"), key=lambda item: not item.endswith("manifest.json")):
            shelf.delete(path)
        yield f"backup {name} removed"
    if going_on:
        yield f"objects are left as they are: backup {going_on[-1]} may be going on"
        return
    kept = [name for name in complete if name not in gone]
    named = {item["path"] for name in kept for item in manifest_of(shelf, name)["objects"]}
    unnamed = [path for path in shelf.list("objects/") if path not in named]
    for path in unnamed:
        shelf.delete(path)
    if unnamed:
        yield f"{len(unnamed)} objects removed that no backup names"
