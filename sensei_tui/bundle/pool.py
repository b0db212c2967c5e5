"""Blobs by digest, and how to read each: what a bundle, a layout or a registry has to give."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Protocol

from sensei_tui.bundle.errors import BadBundle, NoBundle, cause
from sensei_tui.bundle.oci import Descriptor, Document, digest_of
from sensei_tui.bundle.stored import AT_ONCE, BLOCK

READ = AT_ONCE * BLOCK
"""Bytes that are read at once: as many whole blocks as are written at once."""


class Reader(Protocol):
    """The bytes from `first` on, each time it is called."""

    def __call__(self, first: int = 0, /) -> Iterable[memoryview]:
        """Pieces of any size; each is good until the one after the next is asked for."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Something by its digest, wherever it is."""

    digest: str
    size: int
    """Bytes."""
    read: Reader


@dataclass
class Pool:
    """What goes into a bundle: roots by name, documents, and all blobs, those of the documents too."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)

    def add(self, digest: str, size: int, read: Reader) -> None:
        """One blob; the same digest with another size is a lie of the source. Raises BadBundle."""
        known = self.blobs.setdefault(digest, Blob(digest, size, read))
        if known.size != size:
            raise BadBundle("A blob has two sizes.", where=digest, why=f"{known.size:,} and {size:,} bytes")

    def add_bytes(self, content: bytes, media_type: str) -> Descriptor:
        """Something small that is made here."""
        found = Descriptor(media_type, digest_of(content), len(content))
        self.add(found.digest, found.size, lambda first=0: [memoryview(content)[first:]])
        return found

    def add_document(self, document: Document) -> Descriptor:
        """A manifest or an index; what it refers to is added by itself."""
        self.documents[document.digest] = document
        return self.add_bytes(document.content, document.media_type)

    def size_of(self, root: str) -> int:
        """Bytes of everything a document refers to, itself included; shared blobs once."""
        return sum(self.blobs[digest].size for digest in reachable(self.documents, root) if digest in self.blobs)


def reachable(documents: dict[str, Document], root: str) -> list[str]:
    """Digests from the root on, children before those that refer to them, each once."""
    found: dict[str, None] = {}

    def walk(digest: str) -> None:
        if digest in found:
            return
        document = documents.get(digest)
        for child in document.children if document else ():
            walk(child.digest)
        found[digest] = None

    walk(root)
    return list(found)


def file_reader(path: Path, first: int = 0, size: int | None = None) -> Reader:
    """A part of a file. Raises NoBundle when read."""

    def read(skip: int = 0) -> Iterator[memoryview]:
        # Two, so that one is still good while the other is filled.
        buffers = cycle((bytearray(READ), bytearray(READ)))
        at, left = first + skip, (size if size is not None else path.stat().st_size - first) - skip
        try:
            with path.open("rb") as file:
                while left:
                    buffer = next(buffers)
                    got = os.preadv(file.fileno(), [memoryview(buffer)[:left]], at)
                    if not got:
                        raise NoBundle("A file became shorter while it was read.", where=str(path))
                    yield memoryview(buffer)[:got]
                    at, left = at + got, left - got
        except OSError as error:
            raise NoBundle("A file can't be read.", where=str(path), why=cause(error)) from None

    return read


def checked(blob: Blob, where: str) -> Iterator[memoryview]:
    """The blob's bytes; the last of them only if all are what its digest and size say. Raises BadBundle.

    A piece is hashed while whoever asked for it works on it, and while the next is read.
    """
    total, check = 0, hashlib.sha256()
    with ThreadPoolExecutor(1) as beside:
        hashing = beside.submit(check.update, b"")
        for piece in blob.read():
            hashing.result()
            total += len(piece)
            hashing = beside.submit(check.update, piece)
            if total >= blob.size:
                hashing.result()
                _compare(blob, total, check.hexdigest(), where)
            yield piece
    if total < blob.size or not blob.size:
        _compare(blob, total, check.hexdigest(), where)


def _compare(blob: Blob, total: int, found: str, where: str) -> None:
    if (total, f"sha256:{found}") != (blob.size, blob.digest):
        raise BadBundle(
            "A blob is not what its digest says.", where=where,
            why=f"{blob.digest} of {blob.size:,} bytes is named, sha256:{found} of {total:,} bytes was read",
        )  # fmt: skip
