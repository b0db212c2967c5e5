"""Making a bundle: what goes in is known, to the byte, before the first one is written."""

from __future__ import annotations

import calendar
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import msgspec

from sensei_tui.base.errors import SenseiError, UsageError
from sensei_tui.base.text import clip, one_line
from sensei_tui.bundle.archive import (
    INDEX,
    SECTOR,
    Entry,
    File,
    Gzip,
    Plain,
    Shape,
    end_span,
    entry_span,
    header_of,
    index_text,
    write_end,
    write_entry,
)
from sensei_tui.bundle.contents import CONTENTS, SUMS, Contents, Item, Left, Referrer, blob_name
from sensei_tui.bundle.disk import Busy, DiskFull, Out, Output, Progress, allocated, check_room
from sensei_tui.bundle.errors import unreadable
from sensei_tui.bundle.inventory import Inventory
from sensei_tui.bundle.oci import CONTAINERD_NAME, REF_NAME, Descriptor, Document, digest_of, encoded, index_of
from sensei_tui.bundle.pool import Blob, Pool, checked, reachable

SCRIPT, NODE_SCRIPT, LIST, README = "load-images.sh", "load-containerd.sh", "images.list", "README.txt"
IMAGES = "images.json"
"""The layout's index with images alone: containerd takes everything with a name for one."""
SHAPES: Mapping[str, Shape] = {"tar.gz": Gzip(), "tar": Plain()}
EPOCH = 315532800
"""1980-01-01: the oldest time that every file system can hold (FAT)."""


@dataclass
class Build:
    """A bundle that could be written."""

    pool: Pool
    contents: Contents
    files: dict[str, bytes] = field(default_factory=dict)
    """The small files before the blobs, in their order."""
    pieces: list[tuple[str, Blob]] | None = None
    """What a volume holds: names, and blobs or segments of them. None: all blobs."""

    @property
    def blobs(self) -> list[Blob]:
        """Those that it holds, in the order in which they are written."""
        left = {item.digest for item in self.contents.left}
        return [self.pool.blobs[digest] for digest in sorted(self.pool.blobs) if digest not in left]

    @property
    def entries(self) -> list[tuple[str, int]]:
        """Name and size of everything after the index, in order."""
        small = [(name, len(content)) for name, content in self.files.items()]
        return [*small, *((name, blob.size) for name, blob in self.named)]

    @property
    def named(self) -> list[tuple[str, Blob]]:
        """Everything after the small files."""
        return [(blob_name(blob.digest), blob) for blob in self.blobs] if self.pieces is None else self.pieces

    @property
    def when(self) -> int:
        """`created`, in seconds since 1970."""
        return calendar.timegm(time.strptime(self.contents.created, "%Y-%m-%dT%H:%M:%SZ"))


def silent(done: int, total: int, what: str) -> None:
    """Tells nobody."""


def add_files(build: Build, charts: Mapping[str, bytes]) -> None:
    """Everything that is small: what is in it, the charts, and what other programs read a bundle by."""
    roots = [(item, build.pool.documents[item.digest]) for item in build.contents.items]
    build.files = {
        CONTENTS: msgspec.json.format(encoded(build.contents), indent=1) + b"\n",
        SUMS: b"",
        README: _packaged(README),
        SCRIPT: _packaged(SCRIPT),
        NODE_SCRIPT: _packaged(NODE_SCRIPT),
        LIST: upload_list(build.pool, build.contents).encode(),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}\n',
        "index.json": index_of(
            (
                *(_named(item, document) for item, document in roots),
                *(build.pool.documents[item.digest].descriptor() for item in build.contents.referrers),
            )
        ),
        IMAGES: index_of(tuple(_named(item, document) for item, document in roots if item.kind == "image")),
        "manifest.json": encoded([_docker(build.pool, item) for item, _ in roots if item.kind == "image"]),
        **{f"referrers/{subject[7:]}.json": content for subject, content in _lists(build.pool, build.contents)},
        **{f"charts/{name}": content for name, content in sorted(charts.items())},
    }
    add_sums(build)


def add_sums(build: Build) -> None:
    """SHA256SUMS of all small files and blobs."""
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in build.files.items() if name != SUMS]
    sums += [f"{blob.digest.partition(':')[2]}  {blob_name(blob.digest)}\n" for blob in build.blobs]
    build.files[SUMS] = "".join(sums).encode()


def _packaged(name: str) -> bytes:
    return resources.files("sensei_tui.bundle").joinpath("carried", name).read_bytes()


def _named(item: Item, document: Document) -> Descriptor:
    notes = {REF_NAME: item.name}
    if item.kind == "image":
        # The kubelet's side of containerd (CRI) drops the tag of a name with a digest, and looks for the rest.
        notes[CONTAINERD_NAME] = re.sub(r":[^:/@]+@", "@", item.name)
    return msgspec.structs.replace(document.descriptor(), annotations=notes)


def _lists(pool: Pool, contents: Contents) -> Iterator[tuple[str, bytes]]:
    """What is about an image, as clients keep it in a registry that has no list of referrers."""
    for subject in sorted({item.subject for item in contents.referrers}):
        about = (pool.documents[item.digest] for item in contents.referrers if item.subject == subject)
        yield subject, index_of(tuple(document.listed() for document in about))


def _docker(pool: Pool, item: Item) -> dict[str, Any]:
    """An image as `docker load` finds it: the first platform's."""
    document = pool.documents[item.digest]
    while document.is_index:
        document = pool.documents[document.children[0].digest]
    config, *layers = (blob_name(child.digest) for child in document.children)
    name = item.name.partition("@")[0]
    # An image that has only a digest has no tag that docker could give it.
    tags = [name] if ":" in name.rpartition("/")[2] or "@" not in item.name else []
    return {"Config": config, "RepoTags": tags, "Layers": layers}


def upload_list(pool: Pool, contents: Contents) -> str:
    """What a script uploads, in an order that registries take: blobs, then manifests, then the name.

    `image NAME`, `kind KIND` where it is no image, `blob HEX SIZE`, `manifest HEX MEDIATYPE`; the last manifest of an
    image is what its name stands for. Then what is about it, manifests as `about HEX MEDIATYPE`, and `listed HEX` for
    each manifest that has such: the list is `referrers/HEX.json`. At the end `left HEX NAME`: which image of the bundle
    before had a blob that is left out.
    """
    lines: list[str] = []
    for item in contents.items:
        below = reachable(pool.documents, item.digest)
        lines += [f"image {item.name}", *([] if item.kind == "image" else [f"kind {item.kind}"])]
        lines += [_line(pool, digest, "manifest") for digest in below]
        lines += _about(pool, [other for other in contents.referrers if other.subject in below])
    lines += [f"left {item.digest[7:]} {item.name}" for item in contents.left if item.name]
    return "\n".join(lines) + "\n"


def _about(pool: Pool, referrers: list[Referrer]) -> Iterator[str]:
    for item in referrers:
        yield from (_line(pool, digest, "about") for digest in reachable(pool.documents, item.digest))
    yield from (f"listed {subject[7:]}" for subject in sorted({item.subject for item in referrers}))


def _line(pool: Pool, digest: str, word: str) -> str:
    document = pool.documents.get(digest)
    return f"{word} {digest[7:]} {document.media_type}" if document else f"blob {digest[7:]} {pool.blobs[digest].size}"


def newest(times: Iterable[str]) -> str:
    """The latest of some RFC 3339 times, whole seconds in UTC; or SOURCE_DATE_EPOCH. Raises UsageError."""
    given = source_date()
    seconds = [*map(_seconds, times)] if given is None else [given]
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max([EPOCH, *seconds])))


def source_date() -> int | None:
    """SOURCE_DATE_EPOCH, which reproducible builds set; None where it is not. Raises UsageError."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given and not re.fullmatch(r"[0-9]{1,11}", given):
        raise UsageError(
            "The bundle's date can't be read.", where="SOURCE_DATE_EPOCH", why=f"it is {clip(one_line(given), 80)}",
            remedy="Set it to seconds since 1970, or unset it.",
        )  # fmt: skip
    return int(given) if given else None


def _seconds(text: str) -> int:
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", text)
    with suppress(ValueError):
        return calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S")) if found else 0
    return 0


def leave_out(pool: Pool, known: Inventory) -> tuple[Left, ...]:
    """Blobs that the site has by its inventory; manifests are always carried."""
    there = sorted(digest for digest in pool.blobs if digest in known.sizes and digest not in pool.documents)
    return tuple(Left(digest, pool.blobs[digest].size, known.names.get(digest, "")) for digest in there)


# Writing.


def check_output(output: Path) -> None:
    """Before anything is read: whether a bundle may be written there. Raises UsageError."""
    if output.is_dir():
        remedy = f"Name a file in it, for example {output / 'sensei-bundle.tar.gz'}."
        raise UsageError("The bundle can't be written.", where=str(output), why="it is a directory", remedy=remedy)
    _check_replaced(output)
    _check_replaced(_part(output))
    try:
        # What the permissions say is not all: the disk may be read-only.
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise UsageError(
            "No file can be written in the directory.", where=str(output.parent), why=error.strerror or "",
            remedy="Make the directory, or name one that you may write to (--output FILE).",
        ) from None  # fmt: skip


def _part(output: Path) -> Path:
    """What it is called until it is whole."""
    return output.with_name(f"{output.name}.part")


def _check_replaced(output: Path) -> None:
    if output.exists() and not _is_replaceable(output):
        remedy = "Name another file (--output FILE), or move that one away."
        raise UsageError("A file that is no bundle is not replaced.", where=str(output), remedy=remedy)


def _is_replaceable(path: Path) -> bool:
    """A bundle, whole or not, or an empty file."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(SECTOR)
    except OSError as error:
        raise unreadable(path, error) from None
    return not head or f"{INDEX}\0".encode() in head


def file_size(build: Build, shape: Shape) -> int:
    """Bytes of the finished file."""
    text = index_text(build.entries)
    return sum(entry_span(shape, size) for size in (len(text), *(size for _, size in build.entries))) + end_span(shape)


def write_bundle(build: Build, output: Path, shape: Shape, on_progress: Progress = silent) -> int:
    """Write it, or finish what was begun: whole files of an earlier try are kept. Returns the bytes of the file.

    Raises DiskFull, UsageError where another file is there, BadBundle where a source's blob is not what its digest
    says, SenseiError, OSError.
    """
    part, total = _part(output), file_size(build, shape)
    _check_replaced(output)
    _check_replaced(part)
    done = _begun(build, part, shape, on_progress)
    check_room(part, total - allocated(part))
    try:
        with Output(part, done, total) as file:
            _write(file.write, build, shape, done, total, on_progress)
    except OSError as error:
        raise DiskFull(
            "The bundle can't be written.", where=str(part), why=error.strerror or str(error),
            remedy="Make room; the same command then goes on where it stopped.",
        ) from None  # fmt: skip
    except Busy:
        raise
    except SenseiError as error:
        error.remedy = f"{error.remedy} What is whole is kept in {part}, to go on from; remove it if you don't.".strip()
        raise
    part.replace(output)
    return total


def _write(out: Out, build: Build, shape: Shape, done: int, total: int, on_progress: Progress) -> None:
    at = 0
    for entry, content in _parts(build):
        span = entry_span(shape, entry.size)
        if at >= done:
            on_progress(at, total, entry.name)
            write_entry(out, shape, entry, _told(content(), at, total, entry.name, on_progress), build.when)
        at += span
    write_end(out, shape)
    on_progress(total, total, "")


def _parts(build: Build) -> Iterator[tuple[Entry, Callable[[], Iterator[memoryview]]]]:
    text = index_text(build.entries)
    for name, content in {INDEX: text, **build.files}.items():
        yield Entry(name, len(content)), lambda content=content: iter([memoryview(content)])  # type: ignore[misc]
    for name, blob in build.named:
        yield Entry(name, blob.size), lambda blob=blob, name=name: checked(blob, name)  # type: ignore[misc]


def _told(content: Iterator[memoryview], at: int, total: int, what: str, on_progress: Progress) -> Iterator[memoryview]:
    for piece in content:
        yield piece
        at += len(piece)
        on_progress(at, total, what)


def _begun(build: Build, part: Path, shape: Shape, on_progress: Progress = silent) -> int:
    """Bytes of an earlier try of the same bundle that are whole files; 0 where there are none.

    It is the same one if its small files are: SHA256SUMS among them names everything else. Every byte is read: a disk
    that lost its power may have written less than it said.
    """
    at = done = 0
    total, digests = file_size(build, shape), {name: blob.digest for name, blob in build.named}
    try:
        size = part.stat().st_size
        with part.open("rb") as file:
            for name, content, length in _heads(build):
                entry, at = Entry(name, length, at), at + entry_span(shape, length)
                if at > size:
                    break
                told = lambda read, first=entry.offset, name=name: on_progress(first + read, total, name)  # noqa: E731
                wanted = digests[name] if content is None else digest_of(content)
                if _content_of(file.fileno(), shape, entry, build.when, told) != wanted:
                    return 0 if content is not None else done
                done = at if name not in build.files else done
    except (OSError, ValueError):
        pass
    return done


def _content_of(file: int, shape: Shape, entry: Entry, when: int, on_bytes: Callable[[int], None]) -> str:
    """The digest of an entry that is as it would be written, its header and padding too. Raises ValueError, OSError."""
    if _bytes(shape.prove(file, entry.offset, SECTOR)) != header_of(entry, when):
        raise ValueError(entry.name)
    read, check, start = 0, hashlib.sha256(), entry.offset + shape.span(SECTOR)
    for piece in shape.prove(file, start, entry.size) if entry.size else ():
        check.update(piece)
        read += len(piece)
        on_bytes(read)
    pad = -entry.size % SECTOR
    if pad and any(_bytes(shape.prove(file, start + shape.span(entry.size), pad))):
        raise ValueError(entry.name)
    return f"sha256:{check.hexdigest()}"


def is_finished(build: Build, path: Path, shape: Shape) -> bool:
    """Whether this file is what would be written. Every byte is read."""
    whole = file_size(build, shape)
    if not path.exists():
        return False
    return _begun(build, path, shape) == whole - end_span(shape) and path.stat().st_size >= whole


def _heads(build: Build) -> Iterator[tuple[str, bytes | None, int]]:
    """Name, content where it is small, and size of all files in their order."""
    text = index_text(build.entries)
    yield INDEX, text, len(text)
    for name, size in build.entries:
        yield name, build.files.get(name), size


def _bytes(pieces: Iterable[memoryview]) -> bytes:
    return b"".join(bytes(piece) for piece in pieces)


__all__ = ["Build", "File", "add_files", "check_output", "file_size", "leave_out", "newest", "silent", "write_bundle"]
