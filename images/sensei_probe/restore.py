"""A backup brought back: the database in one transaction, then the objects, then the vectors."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from sensei_probe import objects
from sensei_probe.backup import VECTORS, manifest_of, names
from sensei_probe.lines import Document, check_lines, read_lines
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
    path, size = f"backups/{manifest['name']}/{VECTORS}", manifest["vectors"]["size"]
    count = imported(weaviate, lambda: read_lines(shelf, path, size, "vectors"))
    say(f"vectors: {count} objects")


def imported(weaviate: Weaviate, lines: Callable[[], Iterator[Document]]) -> int:
    """Every class made anew and filled. Returns how many objects. Raises Failure."""
    classes, tenants = list[Document](), list[Document]()
    for item in lines():
        classes += [item["class"]] if "class" in item else []
        tenants += [item] if item.get("tenants") else []
    _anew(weaviate, classes)
    for item in tenants:
        weaviate.add_tenants(item["of"], [{**one, "activityStatus": "HOT"} for one in item["tenants"]])
    references = {(str(one["class"]), str(name["name"])) for one in classes for name in _references(one)}
    count = 0
    for page in _paged(_without(item["object"], references) for item in lines() if "object" in item):
        weaviate.write(page)
        count += len(page)
    if references:
        # One refers to another only where that is there: all of them are now.
        for page in _paged(one for item in lines() if "object" in item for one in _of(item["object"], references)):
            weaviate.refer(page)
    for item in tenants:
        for one in item["tenants"]:
            if one.get("activityStatus") in ASLEEP:
                weaviate.set_status(item["of"], one["name"], "COLD")
    return count


def _paged(documents: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(documents)
    while page := list(itertools.islice(left, PAGE)):
        yield page


def _anew(weaviate: Weaviate, definitions: list[Document]) -> None:
    """Classes without anything in them, in place of those of the same names."""
    there = {str(item["class"]) for item in weaviate.classes()}
    for definition in definitions:
        if definition["class"] in there:
            weaviate.drop(str(definition["class"]))
    for definition in definitions:
        weaviate.make(_alone(definition))
    for definition in definitions:
        for one in _references(definition):
            weaviate.add_property(str(definition["class"]), one)


def _references(definition: Document) -> list[Document]:
    """Properties that refer to a class: classes begin with a capital letter, and types do not."""
    return [one for one in definition.get("properties") or () if str((one.get("dataType") or [""])[0])[:1].isupper()]


def _alone(definition: Document) -> Document:
    """As a class can be made before those it refers to are."""
    refer = _references(definition)
    # A schema is told with both, and taken with one of them.
    tenants = (definition.get("multiTenancyConfig") or {}).get("enabled")
    found = {key: value for key, value in definition.items() if not (tenants and key == "shardingConfig")}
    return {**found, "properties": [one for one in definition.get("properties") or () if one not in refer]}


def _without(item: Document, references: Set[tuple[str, str]]) -> Document:
    """An object without references, and without what the server says of it and does not take: its times are new."""
    kept = ("class", "id", "vector", "vectors", "tenant")
    found = {key: item[key] for key in kept if item.get(key) not in (None, [], {})}
    properties = item.get("properties") or {}
    return {
        **found,
        "properties": {key: properties[key] for key in properties if (item["class"], key) not in references},
    }


def _of(item: Document, references: Set[tuple[str, str]]) -> Iterator[Document]:
    """An object's references."""
    for key, value in (item.get("properties") or {}).items():
        if (item["class"], key) in references:
            tenant = {"tenant": item["tenant"]} if item.get("tenant") else {}
            source = f"weaviate://localhost/{item['class']}/{item['id']}/{key}"
            yield from ({"from": source, "to": one["beacon"], **tenant} for one in value or ())
