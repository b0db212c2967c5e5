"""A backup brought back: the database in one transaction, then the objects, then the vectors. And only looked at."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensei_probe import objects, vectors
from sensei_probe.cleaning import pin, unpin
from sensei_probe.kept import another, chosen, manifest_of
from sensei_probe.lines import check_lines, kept_lines
from sensei_probe.pipe import Pipe, beside
from sensei_probe.postgres import Postgres
from sensei_probe.s3 import S3
from sensei_probe.settings import Database, Failure, Storage, Vectors, buckets, required, site
from sensei_probe.shelf import Shelf, shelf_of
from sensei_probe.streams import BLOCK, Measured, amount, say
from sensei_probe.weaviate import Weaviate

_OTHERS = """SELECT named.type || ' ' || named.identity FROM (
  SELECT 'pg_class'::regclass AS class, oid, relnamespace AS space, relowner AS owner FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
  UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, proowner FROM pg_proc
  UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, typowner FROM pg_type
  UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, srvowner FROM pg_foreign_server
  UNION ALL SELECT 'pg_publication'::regclass, oid, 0, pubowner FROM pg_publication
) AS one LEFT JOIN pg_namespace ON pg_namespace.oid = space, pg_identify_object(class, one.oid, 0) AS named
WHERE NOT pg_has_role(owner, 'USAGE') AND (space = 0 OR nspname = 'public' OR NOT pg_has_role(nspowner, 'USAGE'))
  AND coalesce(nspname, '') !~ '^pg_' AND nspname IS DISTINCT FROM 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend
    WHERE (classid, objid, objsubid) = (class, one.oid, 0) AND deptype IN ('e', 'i'))
ORDER BY 1 LIMIT 5"""
"""What would have to go and we may not drop: no part of something else, no extension's, and in no schema of ours."""


@dataclass(frozen=True)
class Found:
    """A backup that can be brought back, as far as can be seen without changing anything."""

    shelf: Shelf
    manifest: Mapping[str, Any]
    storage: S3
    weaviate: Weaviate
    notes: tuple[str, ...]
    """What will be otherwise than it was."""


def found(argument: str, environ: Mapping[str, str]) -> Found:
    """The backup of this name, else of BACKUP_NAME, read as far as it must be, and pinned. Raises Failure."""
    shelf = shelf_of(environ)
    name = chosen(shelf, argument or required(environ, "BACKUP_NAME"), site(environ))
    _pin(shelf, name)
    manifest = manifest_of(shelf, name)
    say(f"backup {manifest['name']} of version {manifest['version'] or '?'} is looked at")
    storage, weaviate = S3(Storage.of(environ)), Weaviate(Vectors.of(environ))
    takes_database(Database.of(environ))
    for bucket in sorted(set(buckets(environ).values())):
        storage.exists(bucket)
    if not weaviate.ready():
        raise Failure("Weaviate is not ready: wait until its pods are, then run this again")
    weaviate.classes()
    ours = set(buckets(environ).values())
    notes = (*_whose(shelf, name, site(environ)), *_checked(shelf, manifest, ours, len(weaviate.nodes())))
    for text in notes:
        say(text)
    # Whoever cleans takes the manifest away first: had it not seen the pin, this would be gone.
    if shelf.size(f"backups/{name}/manifest.json") is None:
        raise Failure(f"backup {name} was removed meanwhile: restore another. See: sensei backup list")
    return Found(shelf, manifest, storage, weaviate, notes)


def _pin(shelf: Shelf, name: str) -> None:
    try:
        pin(shelf, name)
    except Failure as error:
        say(f"warning: backup {name} is not kept from being removed: {error}")


def _whose(shelf: Shelf, name: str, own: str) -> Iterator[str]:
    if whose := another(shelf, name, own):
        yield f"backup {name} is another installation's: {whose}"


def takes_database(database: Database) -> None:
    """Raises Failure where PostgreSQL does not answer, or our user may not put another content in place of this one."""
    with Postgres(database) as session:
        ((may,),) = session.query("SELECT has_database_privilege(current_database(), 'CREATE')")
        if may != "t":
            raise Failure(
                f"user {database.user} may not create in database {database.name}:"
                f' GRANT CREATE ON DATABASE "{database.name}" TO "{database.user}"'
            )
        if others := [str(name) for (name,) in session.query(_OTHERS)]:
            raise Failure(
                f"user {database.user} does not own {', '.join(others)}, which a restore would replace:"
                f' ALTER ... OWNER TO "{database.user}"'
            )


def _dump(shelf: Shelf, manifest: Mapping[str, Any]) -> None:
    size, wanted = shelf.size(f"backups/{manifest['name']}/database.dump"), manifest["database"]["size"]
    if size != wanted:
        why = "no database.dump any more" if size is None else f"a database.dump of {size} bytes in place of {wanted}"
        raise Failure(f"backup {manifest['name']} has {why}: restore another. See: sensei backup list")


def _checked(shelf: Shelf, manifest: Mapping[str, Any], ours: Collection[str], nodes: int) -> Iterator[str]:
    folder = f"backups/{manifest['name']}/"
    _dump(shelf, manifest)
    yield from objects.check(shelf, manifest, ours)
    path = f"{folder}{vectors.FILE}"
    first = check_lines(shelf, path, manifest["vectors"], "vectors", lambda item: "class" in item)
    yield from vectors.lowered((item["class"] for item in first), nodes)


def check(argument: str = "", environ: Mapping[str, str] = os.environ) -> None:
    """Say what there is to bring back, as JSON in the last line. Raises Failure; nothing is changed but for the pin."""
    backup = found(argument, environ)
    manifest = backup.manifest
    told = {
        "name": manifest["name"], "label": manifest["label"], "version": manifest["version"],
        "database": manifest["database"]["size"], "objects": manifest["objects"]["count"],
        "objectBytes": manifest["objects"]["size"], "vectors": manifest["vectors"]["size"], "notes": backup.notes,
    }  # fmt: skip
    say(json.dumps(told, ensure_ascii=False))


def restore(argument: str = "", environ: Mapping[str, str] = os.environ, *, prune: bool = False) -> None:
    """The backup of this name, else of BACKUP_NAME. Raises Failure; the database is then as it was, or restored.

    Objects whose contents the backup has lost are no failure: they are named in the last line.
    """
    work = Path(environ.get("WORK_DIR") or "/work")
    with beside(work):
        backup = found(argument, environ)
        name = backup.manifest["name"]
        say(f"restoring backup {name}")
        _database(backup.shelf, backup.manifest, Pipe(work))
    pruned = set(buckets(environ).values()) if prune else ()
    lost = objects.restore(backup.shelf, backup.manifest, backup.storage, pruned)
    _vectors(backup)
    with contextlib.suppress(Failure):
        unpin(backup.shelf, name)
    say(_told(name, lost))


def _told(name: str, lost: Sequence[str]) -> str:
    """The last line. No other try brings back what is lost in the backup: a failure would keep the platform stopped."""
    if not lost:
        return f"backup {name} is restored"
    return (
        f"warning: backup {name} is restored, but {len(lost)} objects are not: their contents are lost or damaged in"
        f" it. They are as they were; bring them from another copy: {objects.some(lost)}"
    )


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


def _vectors(backup: Found) -> None:
    path, size = f"backups/{backup.manifest['name']}/{vectors.FILE}", backup.manifest["vectors"]["size"]
    with kept_lines(backup.shelf, path, size, "vectors") as lines:
        count = vectors.imported(backup.weaviate, lines)
    say(f"vectors: {count} objects")
