"""The objects of the platform's buckets, into a backup and back.

Of an object that is known already a digest of 32 bytes is held, and nothing else: a million of them take some 100 MB.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensei_probe.lines import Document, check_lines, read_lines, write_lines
from sensei_probe.s3 import S3, Stored
from sensei_probe.settings import Failure
from sensei_probe.shelf import Changed, Lost, Shelf
from sensei_probe.streams import Measured, say
from sensei_probe.web import Readable, Refused

FILE = "objects.ndjson.gz"
_TRIES = 5
_SOME = 20
_HEX = re.compile(r"[0-9a-f]{32}")
_GONE, _CHANGED = 404, 412


@dataclass
class _Tally:
    count: int = 0
    new: int = 0
    size: int = 0


def object_path(bucket: str, item: Stored) -> str:
    """Where an object's content lies: by what tells one content from another without reading it."""
    told = "\0".join((bucket, item.key, item.etag, str(item.size)))
    digest = hashlib.sha256(told.encode()).hexdigest()
    return f"objects/{digest[:2]}/{digest}"


def short(path: str) -> bytes:
    """A path in as few bytes as tell it from every other."""
    return hashlib.sha256(path.encode()).digest()


def listed_in(shelf: Shelf, manifest: Mapping[str, Any]) -> Iterator[Document]:
    """What a backup has: bucket, key, size, etag, content type (`kind`), the content's path. Raises Failure.

    Not in every backup: `meta` (the other headers that an object keeps), and what proves the content (see Shelf.take):
    not of one that a backup stored before it broke off.
    """
    return read_lines(shelf, f"backups/{manifest['name']}/{FILE}", manifest["objects"]["bytes"], "objects")


# Into a backup.


def save(
    shelf: Shelf, name: str, source: S3, buckets: Iterable[str], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """All objects of these buckets; `before` is the newest complete backup. Returns what the manifest says of them."""
    tally = _Tally()
    known = _Known(listed_in(shelf, before) if before else iter(()))
    written = write_lines(shelf, f"backups/{name}/{FILE}", _saved(shelf, source, buckets, known, tally), "objects")
    say(f"objects: {tally.count}, {tally.new} of them new")
    return {"count": tally.count, "size": tally.size, "bytes": written["size"], "sha256": written["sha256"]}


class _Known:
    """What an earlier backup tells of an object: asking for it again takes a request. Both go by bucket and key."""

    def __init__(self, documents: Iterator[Document]) -> None:
        self._documents = documents
        self._next = next(documents, None)

    def of(self, bucket: str, key: str, path: str) -> Document | None:
        """Nothing, where it was another object then, or that backup did not keep its headers yet."""
        while self._next and (self._next["bucket"], self._next["key"]) < (bucket, key):
            self._next = next(self._documents, None)
        same = self._next is not None and self._next["path"] == path and "meta" in self._next
        return self._next if same else None


def _saved(shelf: Shelf, source: S3, buckets: Iterable[str], known: _Known, tally: _Tally) -> Iterator[Document]:
    there = {short(path) for path in shelf.list("objects/")}
    for bucket in sorted(buckets):
        for listed in source.listed(bucket):
            path = object_path(bucket, listed)
            before = known.of(bucket, listed.key, path) if short(path) in there else None
            item = before or _taken(shelf, source, bucket, listed, there)
            if item is None:
                continue
            tally.new += short(item["path"]) not in there
            there.add(short(item["path"]))
            tally.count += 1
            tally.size += item["size"]
            yield item


def _taken(shelf: Shelf, source: S3, bucket: str, listed: Stored, there: set[bytes]) -> Document | None:
    """The object as it is now, saved; None where it is gone: the platform works on meanwhile. Raises Failure."""
    before = None
    for _ in range(_TRIES):
        item = source.head(bucket, listed.key)
        if item is None:
            return None
        row = _row(bucket, item)
        if short(row["path"]) in there:
            return row
        try:
            return {**row, **shelf.take(source, bucket, item, row["path"])}
        except Refused as error:
            if error.status not in (_GONE, _CHANGED) or item == before:
                raise
            before = item
    raise Failure(f"{bucket}/{listed.key} changes faster than it can be read")


def _row(bucket: str, item: Stored) -> Document:
    return {"bucket": bucket, "key": item.key, "size": item.size, "etag": item.etag, "kind": item.kind,
            "meta": dict(item.meta), "path": object_path(bucket, item)}  # fmt: skip


# And back.


def check(shelf: Shelf, manifest: Mapping[str, Any], ours: Collection[str]) -> Iterator[str]:
    """What can't be brought back, and what would go into buckets that are not ours.

    Raises Failure where the list is not what the manifest says.
    """
    wanted = {"size": manifest["objects"]["bytes"], "sha256": manifest["objects"]["sha256"]}
    check_lines(shelf, f"backups/{manifest['name']}/{FILE}", wanted, "objects")
    there = {short(path) for path in shelf.list("objects/")}
    gone, others = list[str](), set[str]()
    for item in listed_in(shelf, manifest):
        gone += [named(item)] if short(item["path"]) not in there else []
        others |= {item["bucket"]} - set(ours)
    if others:
        yield f"objects go into buckets that are not this installation's: {', '.join(sorted(others))}"
    if gone:
        yield f"{len(gone)} objects can't be brought back: the backup has their content no more. {some(gone)}"


def named(item: Document) -> str:
    """An object as people say it."""
    return f"{item['bucket']}/{item['key']}"


def some(keys: Sequence[str]) -> str:
    """The first few."""
    return f"{', '.join(keys[:_SOME])}{' ...' if len(keys) > _SOME else ''}"


def restore(shelf: Shelf, manifest: Mapping[str, Any], target: S3, prune: Iterable[str] = ()) -> list[str]:
    """Objects that are there as they were are left; those of the buckets in `prune` that it has not, are removed.

    Returns those that are damaged in the backup: one of them is no reason to leave the others.
    """
    made, sent, lost = set[str](), 0, list[str]()
    for item in listed_in(shelf, manifest):
        if item["bucket"] not in made and not target.exists(item["bucket"]):
            target.make(item["bucket"])
        made.add(item["bucket"])
        try:
            sent += _put_back(shelf, item, target)
        except Lost as error:
            say(f"{named(item)} is damaged in the backup, and left as it is: {error}")
            lost.append(named(item))
    say(f"objects: {manifest['objects']['count']}, {sent} of them written, the others were the same")
    if buckets := sorted(prune):
        say(f"objects: {_pruned(shelf, manifest, target, buckets)} removed that the backup has not")
    return lost


def _put_back(shelf: Shelf, item: Document, target: S3) -> bool:
    there = target.head(item["bucket"], item["key"])
    if there is not None and _same(there, item):
        return False
    target.upload(
        item["bucket"], item["key"], _content(shelf, item), item["kind"], item["size"], item.get("meta") or {}
    )
    return True


def _content(shelf: Shelf, item: Document) -> Readable:
    """Raises Lost."""
    try:
        return _Proved(shelf.read(item["path"], item.get("copy", "")), item)
    except Changed:
        # Tools that copy a bucket send large objects in other parts, which makes other etags.
        return _Proved(shelf.read(item["path"]), item, _md5(item))


def _md5(item: Document) -> str:
    """The MD5 of the content, if the copy's etag is one: where a service encrypts, no two etags are the same."""
    made, own = item.get("copy", ""), item["etag"]
    return made if _HEX.fullmatch(made) and (own == made or "-" in own) else ""


def _same(there: Stored, item: Document) -> bool:
    """A backup that did not keep an object's headers says nothing of them."""
    told = item.get("meta", there.meta) == there.meta and (item["kind"] or there.kind) == there.kind
    return told and (there.size, there.etag) == (item["size"], item["etag"])


class _Proved:
    """A content that has no end unless it is what the list says: what is uploaded from it is whole or not at all."""

    def __init__(self, source: Readable, item: Document, md5: str = "") -> None:
        self._source, self._item = Measured(source, named(item), item["size"]), item
        self._md5, self._digest = md5, hashlib.md5(usedforsecurity=False)

    def read(self, size: int = -1) -> bytes:
        block = self._source.read(size)
        if self._md5:
            self._digest.update(block)
        if not block and self._source.size != self._item["size"]:
            raise Lost(f"it has {self._source.size} bytes and should have {self._item['size']}")
        if not block and self._source.sha256 != self._item.get("sha256", self._source.sha256):
            raise Lost("its checksum is another")
        if not block and self._md5 and self._digest.hexdigest() != self._md5:
            raise Lost("its checksum is another")
        return block


def _pruned(shelf: Shelf, manifest: Mapping[str, Any], target: S3, buckets: Iterable[str]) -> int:
    kept = {short(f"{item['bucket']}\0{item['key']}") for item in listed_in(shelf, manifest)}
    gone = 0
    for bucket in buckets:
        for item in target.listed(bucket):
            if short(f"{bucket}\0{item.key}") not in kept:
                target.delete(bucket, item.key)
                gone += 1
    return gone


def unnamed(shelf: Shelf, kept: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Every content that none of these backups names. Raises Failure."""
    named_ = {short(item["path"]) for manifest in kept for item in listed_in(shelf, manifest)}
    # A content has a directory of its own under `objects/`; what else lies there is not ours.
    return (path for path in shelf.list("objects/") if path.count("/") == 2 and short(path) not in named_)
