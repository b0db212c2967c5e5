"""A backup brought back: the database in one transaction, then the objects, then the vectors."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sensei_probe import objects
from sensei_probe.backup import VECTORS, manifest_of, names
from sensei_probe.lines import check_lines, read_lines
from sensei_probe.s3 import S3
from sensei_probe.settings import Failure, Storage, Vectors, buckets, required
from sensei_probe.shelf import Shelf, shelf_of
from sensei_probe.streams import BLOCK, Measured, Pipe, amount, say
from sensei_probe.weaviate import PAGE, Weaviate

LATEST = "latest"
ASLEEP = ("COLD", "INACTIVE")


def restore(argument: str = "", environ: Mapping[str, str] = os.environ, *, prune: bool = False) -> None:
    """The backup of this name, else of BACKUP_NAME. Raises Failure; the database is then as it was, or restored."""
    work = Path(environ.get("WORK_DIR") or "/work")
    try:
        shelf = shelf_of(environ)
        name = chosen(shelf, argument or required(environ, "BACKUP_NAME"))
        manifest = manifest_of(shelf, name)
        say(f"restoring backup {name} of version {manifest['version'] or '?'}")
        # Before anything is changed.
        check_lines(shelf, f"backups/{name}/{VECTORS}", manifest["vectors"], "vectors")
        objects.check(shelf, manifest)
        _database(shelf, manifest, Pipe(work))
    except BaseException:
        with contextlib.suppress(OSError):
            (work / "failed").touch()
        raise
    objects.restore(shelf, manifest, S3(Storage.of(environ)), set(buckets(environ).values()) if prune else ())
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


def _vectors(shelf: Shelf, manifest: Mapping[str, Any], weaviate: Weaviate) -> None:
    path = f"backups/{manifest['name']}/{VECTORS}"
    count = imported(weaviate, read_lines(shelf, path, manifest["vectors"]["size"], "vectors"))
    say(f"vectors: {count} objects")


def imported(weaviate: Weaviate, lines: Iterator[dict[str, Any]]) -> int:
    """Every class made anew and filled. Returns how many objects. Raises Failure."""
    classes, asleep, page, count = list[dict[str, Any]](), list[tuple[str, str]](), list[dict[str, Any]](), 0
    for item in lines:
        if "class" in item:
            classes.append(item["class"])
            continue
        _anew(weaviate, classes)
        classes.clear()
        if item.get("tenants"):
            weaviate.add_tenants(item["of"], [{**one, "activityStatus": "HOT"} for one in item["tenants"]])
            asleep += [(item["of"], one["name"]) for one in item["tenants"] if one.get("activityStatus") in ASLEEP]
        if "object" in item:
            page.append(_writable(item["object"]))
            count += 1
        if len(page) == PAGE:
            weaviate.write(page)
            page = []
    _anew(weaviate, classes)
    if page:
        weaviate.write(page)
    for name, tenant in asleep:
        weaviate.set_status(name, tenant, "COLD")
    return count


def _anew(weaviate: Weaviate, definitions: list[dict[str, Any]]) -> None:
    """Classes without anything in them, in place of those of the same names."""
    if not definitions:
        return
    there = {str(item["class"]) for item in weaviate.classes()}
    for definition in definitions:
        if definition["class"] in there:
            weaviate.drop(str(definition["class"]))
    for definition in definitions:
        weaviate.make(_without_references(definition))
    for definition in definitions:
        for one in definition.get("properties") or ():
            if _refers(one):
                weaviate.add_property(str(definition["class"]), one)


def _refers(one: Mapping[str, Any]) -> bool:
    """Whether a property refers to a class: classes begin with a capital letter, and types do not."""
    return str((one.get("dataType") or [""])[0])[:1].isupper()


def _without_references(definition: dict[str, Any]) -> dict[str, Any]:
    """As it can be made before the classes it refers to are."""
    kept = [one for one in definition.get("properties") or () if not _refers(one)]
    # A schema is told with both, and taken with one of them.
    tenants = (definition.get("multiTenancyConfig") or {}).get("enabled")
    found = {key: value for key, value in definition.items() if not (tenants and key == "shardingConfig")}
    return {**found, "properties": kept}


def _writable(item: dict[str, Any]) -> dict[str, Any]:
    """Without what the server says of an object and does not take."""
    kept = ("class", "id", "properties", "vector", "vectors", "tenant", "creationTimeUnix", "lastUpdateTimeUnix")
    return {key: item[key] for key in kept if item.get(key) not in (None, [], {})}
