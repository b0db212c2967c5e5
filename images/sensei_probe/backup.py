"""A backup: the database's dump, the objects, the vectors, and last the manifest that makes it one.

backups/20261128T020000Z-scheduled/started-...       written first: whose it is; its end is a random word
backups/20261128T020000Z-scheduled/database.dump     pg_dump's own format
backups/20261128T020000Z-scheduled/objects.ndjson.gz each object: bucket, key, size, etag, its path here, and more
backups/20261128T020000Z-scheduled/vectors.ndjson.gz classes, tenants and objects, a JSON document a line
backups/20261128T020000Z-scheduled/manifest.json     written last
backups/20261128T020000Z-scheduled/pinned            a restore may need it: when it was looked at
objects/3f/3f9a...                                   shared: an object that did not change is stored once
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sensei_probe import cleaning, objects, vectors
from sensei_probe.kept import FORMAT, STAMP, document, newest
from sensei_probe.lines import write_lines
from sensei_probe.pipe import Pipe, beside
from sensei_probe.s3 import S3
from sensei_probe.settings import Failure, Storage, Vectors, buckets, number, site
from sensei_probe.shelf import Shelf, shelf_of
from sensei_probe.streams import Measured, amount, say
from sensei_probe.weaviate import Weaviate

LEFT_ALONE = timedelta(days=1)
"""A backup without a manifest that is younger may be going on, however short BACKUP_LIMIT is."""


def backup(environ: Mapping[str, str] = os.environ) -> None:
    """Make one, then remove what is older than BACKUP_KEEP allows. Raises Failure; then it does not count."""
    work = Path(environ.get("WORK_DIR") or "/work")
    with beside(work):
        shelf, keep = shelf_of(environ, make=True), number(environ, "BACKUP_KEEP", "14")
        limit = max(LEFT_ALONE, timedelta(seconds=number(environ, "BACKUP_LIMIT", "0")))
        started = begun(shelf, environ.get("BACKUP_LABEL") or "manual", site(environ), limit)
        name = started.split("/")[1]
        say(f"backup {name} begins")
        _make_way(shelf, name, limit)
        manifest = _save(shelf, name, Pipe(work), environ)
        if started not in shelf.list(f"backups/{name}/"):
            raise Failure(f"backup {name} was removed while it was made: it took longer than {limit}. Make another")
        document(shelf, f"backups/{name}/manifest.json", manifest)
    _clean(shelf, keep, name, limit, site(environ))
    say(summary(manifest))


def begun(shelf: Shelf, label: str, whose: str = "", limit: timedelta = LEFT_ALONE) -> str:
    """The path of a backup's first file; no other backup has its name. Raises Failure."""
    while True:
        name = f"{datetime.now(UTC).strftime(STAMP)}-{label}"
        started = f"backups/{name}/started-{secrets.token_hex(8)}"
        document(shelf, started, {"started": name, "site": whose, "limit": limit.total_seconds()})
        # Of two that chose the same name at least one sees the other; whoever does takes a later one.
        if list(shelf.list(f"backups/{name}/")) == [started]:
            return started
        with contextlib.suppress(Failure):
            shelf.delete(started)
        time.sleep(random.uniform(1, 3))


def _make_way(shelf: Shelf, name: str, limit: timedelta) -> None:
    for other in cleaning.going_on(shelf, name, limit):
        say(f"backup {other} has begun and not ended: if it is at work, it and this one do not disturb each other")
    cleaning.let_begin(shelf, name)
    shelf.sweep(datetime.now(UTC) - limit)


def _clean(shelf: Shelf, keep: int, name: str, limit: timedelta, whose: str) -> None:
    try:
        for text in cleaning.cleaned(shelf, keep, name, limit, whose):
            say(text)
    except Failure as error:
        say(f"warning: old backups are left where they are: {error}. Backup {name} counts all the same")


def _save(shelf: Shelf, name: str, pipe: Pipe, environ: Mapping[str, str]) -> dict[str, Any]:
    database = _database(shelf, name, pipe)
    before = newest(shelf, site(environ))
    found = objects.save(shelf, name, S3(Storage.of(environ)), set(buckets(environ).values()), before)
    path = f"backups/{name}/{vectors.FILE}"
    saved = write_lines(shelf, path, vectors.exported(Weaviate(Vectors.of(environ))), "vectors")
    label, when = name.partition("-")[2], name.partition("-")[0]
    return {
        "format": FORMAT, "site": site(environ), "name": name, "label": label, "when": when,
        "version": environ.get("BACKUP_VERSION", ""), "database": database, "objects": found, "vectors": saved,
    }  # fmt: skip


def _database(shelf: Shelf, name: str, pipe: Pipe) -> dict[str, Any]:
    stream = Measured(pipe.reading(), "database")
    shelf.write(f"backups/{name}/database.dump", stream)
    pipe.finished("pg_dump")
    say(f"database: {amount(stream.size)}")
    return {"size": stream.size, "sha256": stream.sha256}


def summary(manifest: Mapping[str, Any]) -> str:
    """The last line of a backup."""
    found = manifest["objects"]
    return (
        f"backup {manifest['name']} is complete: database {amount(manifest['database']['size'])},"
        f" {found['count']} objects of {amount(found['size'])}, vectors {amount(manifest['vectors']['size'])}"
    )
