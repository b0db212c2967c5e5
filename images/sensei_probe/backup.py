"""A backup: the database's dump, the objects, the vectors, and last the manifest that makes it one.

backups/20261128T020000Z-scheduled/started          written first
backups/20261128T020000Z-scheduled/database.dump     pg_dump's own format
backups/20261128T020000Z-scheduled/objects.ndjson.gz each object: bucket, key, size, etag, type, and its path here
backups/20261128T020000Z-scheduled/vectors.ndjson.gz classes, tenants and objects, a JSON document a line
backups/20261128T020000Z-scheduled/manifest.json     written last
objects/3f/3f9a...                                   shared: an object that did not change is stored once
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sensei_probe import objects, vectors
from sensei_probe.kept import FORMAT, STAMP, Damaged, manifest_of, names, newest
from sensei_probe.lines import write_lines
from sensei_probe.s3 import S3
from sensei_probe.settings import Storage, Vectors, buckets, number
from sensei_probe.shelf import Shelf, shelf_of
from sensei_probe.streams import Measured, Pipe, amount, say
from sensei_probe.weaviate import Weaviate

LEFT_ALONE = timedelta(days=1)
"""A backup without a manifest that is younger may be going on: neither it nor objects are removed meanwhile."""


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
        found = objects.save(shelf, name, S3(Storage.of(environ)), set(buckets(environ).values()), newest(shelf))
        saved = _vectors(shelf, name, Weaviate(Vectors.of(environ)))
    except BaseException:
        pipe.give_up()
        raise
    return {
        "format": FORMAT, "name": name, "label": name.partition("-")[2], "when": name.partition("-")[0],
        "version": environ.get("BACKUP_VERSION", ""), "database": database, "objects": found, "vectors": saved,
    }  # fmt: skip


def _database(shelf: Shelf, name: str, pipe: Pipe) -> dict[str, Any]:
    stream = Measured(pipe.reading(), "database")
    shelf.write(f"backups/{name}/database.dump", stream)
    pipe.finished("pg_dump")
    say(f"database: {amount(stream.size)}")
    return {"size": stream.size, "sha256": stream.sha256}


def _vectors(shelf: Shelf, name: str, weaviate: Weaviate) -> dict[str, Any]:
    return write_lines(shelf, f"backups/{name}/{vectors.FILE}", vectors.exported(weaviate), "vectors")


def _document(shelf: Shelf, path: str, content: Any) -> None:
    shelf.write(path, io.BytesIO(json.dumps(content, ensure_ascii=False, indent=1).encode()))


def summary(manifest: Mapping[str, Any]) -> str:
    """The last line of a backup."""
    found = manifest["objects"]
    return (
        f"backup {manifest['name']} is complete: database {amount(manifest['database']['size'])},"
        f" {found['count']} objects of {amount(found['size'])}, vectors {amount(manifest['vectors']['size'])}"
    )


def cleaned(shelf: Shelf, keep: int, made: str) -> Iterator[str]:
    """Remove complete backups beyond `keep`, old incomplete ones, and objects that no backup names."""
    found = names(shelf)
    # The one just made stays, whatever a clock that was set back calls it.
    complete = [name for name, whole in found.items() if whole and name != made]
    old = (datetime.now(UTC) - LEFT_ALONE).strftime(STAMP)
    going_on = [name for name, whole in found.items() if not whole and name > old and name != made]
    gone = complete[: max(0, len(complete) + 1 - max(1, keep))]
    gone += [name for name, whole in found.items() if not whole and name <= old]
    for name in gone:
        # The manifest first: a backup that is half removed must not be offered.
        for path in sorted(shelf.list(f"backups/{name}/"), key=lambda item: not item.endswith("manifest.json")):
            shelf.delete(path)
        yield f"backup {name} removed"
    if going_on:
        yield f"objects are left as they are: backup {going_on[-1]} may be going on"
        return
    try:
        kept = [manifest_of(shelf, name) for name in (*complete, made) if name not in gone]
    except Damaged as error:
        yield f"objects are left as they are: {error}"
        return
    if count := objects.removed_but_for(shelf, kept):
        yield f"{count} objects removed that no backup names"
