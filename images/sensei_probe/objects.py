"""The objects of the platform's buckets, into a backup and back.

Of an object that is known already a digest of 32 bytes is held, and nothing else: a million of them take some 100 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensei_probe.lines import Document, check_lines, read_lines, write_lines
from sensei_probe.s3 import S3, Stored
from sensei_probe.settings import Failure
from sensei_probe.shelf import Shelf
from sensei_probe.streams import say
from sensei_probe.web import Refused

FILE = "objects.ndjson.gz"
_TRIES = 5
_SOME = 10
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
    """What a backup has: bucket, key, size, etag, content type (`kind`), the content's path. Raises Failure."""
    return read_lines(shelf, f"backups/{manifest['name']}/{FILE}", manifest["objects"]["bytes"], "objects")


# Into a backup.


def save(
    shelf: Shelf, name: str, source: S3, buckets: Iterable[str], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """All objects of these buckets; `before` is the newest complete backup. Returns what the manifest says of them."""
    tally = _Tally()
    known = _Kinds(listed_in(shelf, before) if before else iter(()))
    written = write_lines(shelf, f"backups/{name}/{FILE}", _saved(shelf, source, buckets, known, tally), "objects")
    say(f"objects: {tally.count}, {tally.new} of them new")
    return {"count": tally.count, "size": tally.size, "bytes": written["size"], "sha256": written["sha256"]}


class _Kinds:
    """Content types that an earlier backup tells: asking for each again takes a request. Both go by bucket and key."""

    def __init__(self, documents: Iterator[Document]) -> None:
        self._documents = documents
        self._next = next(documents, None)

    def of(self, bucket: str, key: str, path: str) -> str | None:
        while self._next and (self._next["bucket"], self._next["key"]) < (bucket, key):
            self._next = next(self._documents, None)
        same = self._next is not None and self._next["path"] == path
        return str(self._next["kind"]) if same and self._next else None


def _saved(shelf: Shelf, source: S3, buckets: Iterable[str], known: _Kinds, tally: _Tally) -> Iterator[Document]:
    there = {short(path) for path in shelf.list("objects/")}
    for bucket in sorted(buckets):
        for listed in source.listed(bucket):
            path = object_path(bucket, listed)
            kind = known.of(bucket, listed.key, path)
            item = listed if kind is not None and short(path) in there else _taken(shelf, source, bucket, listed, there)
            if item is None:
                continue
            path = object_path(bucket, item)
            tally.new += short(path) not in there
            there.add(short(path))
            tally.count += 1
            tally.size += item.size
            yield {"bucket": bucket, "key": item.key, "size": item.size, "etag": item.etag,
                   "kind": item.kind or kind or "", "path": path}  # fmt: skip


def _taken(shelf: Shelf, source: S3, bucket: str, listed: Stored, there: set[bytes]) -> Stored | None:
    """The object as it is now, saved; None where it is gone: the platform works on meanwhile. Raises Failure."""
    before = None
    for _ in range(_TRIES):
        item = source.head(bucket, listed.key)
        if item is None:
            return None
        path = object_path(bucket, item)
        if short(path) in there:
            return item
        try:
            shelf.take(source, bucket, item, path)
        except Refused as error:
            if error.status not in (_GONE, _CHANGED) or item == before:
                raise
            before = item
        else:
            return item
    raise Failure(f"{bucket}/{listed.key} changes faster than it can be read")


# And back.


def check(shelf: Shelf, manifest: Mapping[str, Any]) -> Iterator[str]:
    """What can't be brought back. Raises Failure where the list is not what the manifest says."""
    wanted = {"size": manifest["objects"]["bytes"], "sha256": manifest["objects"]["sha256"]}
    check_lines(shelf, f"backups/{manifest['name']}/{FILE}", wanted, "objects")
    there = {short(path) for path in shelf.list("objects/")}
    gone = [
        f"{item['bucket']}/{item['key']}" for item in listed_in(shelf, manifest) if short(item["path"]) not in there
    ]
    if gone:
        yield f"{len(gone)} objects can't be brought back: the backup has their content no more. {some(gone)}"


def named(item: Document) -> str:
    """An object as people say it."""
    return f"{item['bucket']}/{item['key']}"


def some(keys: Sequence[str]) -> str:
    """The first few."""
    return f"{', '.join(keys[:_SOME])}{' ...' if len(keys) > _SOME else ''}"


def restore(shelf: Shelf, manifest: Mapping[str, Any], target: S3, prune: Iterable[str] = ()) -> None:
    """Objects that are there as they were are left; those of the buckets in `prune` that it has not, are removed."""
    made, sent = set[str](), 0
    for item in listed_in(shelf, manifest):
        if item["bucket"] not in made and not target.exists(item["bucket"]):
            target.make(item["bucket"])
        made.add(item["bucket"])
        sent += _put_back(shelf, item, target)
    say(f"objects: {manifest['objects']['count']}, {sent} of them written, the others were the same")
    if buckets := sorted(prune):
        say(f"objects: {_pruned(shelf, manifest, target, buckets)} removed that the backup has not")


def _put_back(shelf: Shelf, item: Document, target: S3) -> bool:
    there = target.head(item["bucket"], item["key"])
    if there is not None and (there.size, there.etag) == (item["size"], item["etag"]):
        return False
    target.upload(item["bucket"], item["key"], shelf.read(item["path"]), item["kind"], item["size"])
    return True


def _pruned(shelf: Shelf, manifest: Mapping[str, Any], target: S3, buckets: Iterable[str]) -> int:
    kept = {short(f"{item['bucket']}\0{item['key']}") for item in listed_in(shelf, manifest)}
    gone = 0
    for bucket in buckets:
        for item in target.listed(bucket):
            if short(f"{bucket}\0{item.key}") not in kept:
                target.delete(bucket, item.key)
                gone += 1
    return gone


def removed_but_for(shelf: Shelf, kept: Iterable[Mapping[str, Any]]) -> int:
    """Remove every content that none of these backups names. Returns how many. Raises Failure."""
    named = {short(item["path"]) for manifest in kept for item in listed_in(shelf, manifest)}
    count = 0
    for path in shelf.list("objects/"):
        if short(path) not in named:
            shelf.delete(path)
            count += 1
    return count
