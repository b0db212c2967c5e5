"""Whether a bundle is what it says: every byte of it, in place, by as many threads as help."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from sensei_tui.bundle.archive import INDEX, Archive
from sensei_tui.bundle.contents import BLOBS, SUMS, Contents, blob_name
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.oci import Document, digest_of, read_document
from sensei_tui.bundle.pool import reachable
from sensei_tui.bundle.signed import APPENDED

THREADS = min(4, os.cpu_count() or 1)
"""Two saturate SHA extensions of two cores; more only help where there are more (research: 1.2, 2.4, 1.7 GB/s)."""
SMALL = 64 << 20
"""Bytes: a chart has 16 MiB at most."""
_SUM = re.compile(r"([0-9a-f]{64})  (\S+)")
OnBytes = Callable[[int], None]


def sums(archive: Archive) -> dict[str, str]:
    """Name -> SHA-256 in hexadecimal, from SHA256SUMS. Raises BadBundle where it does not name every file, and once."""
    found: dict[str, str] = {}
    for number, line in enumerate(archive.text(SUMS).decode(errors="replace").splitlines(), 1):
        match = _SUM.fullmatch(line)
        if not match or match[2] in found:
            raise _bad(archive, SUMS, f"line {number} is no checksum, or there twice")
        found[match[2]] = match[1]
    for name in archive.entries.keys() - found.keys() - {INDEX, SUMS, *APPENDED}:
        raise _bad(archive, name, f"{SUMS} does not name it")
    for name in found.keys() - archive.entries.keys() - archive.absent.keys():
        raise _bad(archive, name, f"{SUMS} names it, and it is not there")
    return found


def check_small(archive: Archive, wanted: dict[str, str]) -> Iterator[str]:
    """What is damaged of the files that are no blobs, a sentence each: kilobytes, which nobody else compares."""
    for name in archive.entries:
        if name in wanted and not name.startswith(BLOBS) and digest_of(archive.text(name, SMALL))[7:] != wanted[name]:
            yield f"{name}: its content is not what its checksum says"


def check_files(archive: Archive, wanted: dict[str, str], on_bytes: OnBytes, threads: int = THREADS) -> list[str]:
    """What is damaged, a sentence each. `on_bytes` is called from any thread."""
    lock = Lock()

    def look(name: str) -> str:
        total = hashlib.sha256()
        try:
            for piece in archive.prove(name):
                total.update(piece)
                with lock:
                    on_bytes(len(piece))
        except BadBundle as error:
            return f"{name}: {error.why}"
        good = total.hexdigest() == wanted.get(name, total.hexdigest())
        return "" if good else f"{name}: its content is not what its checksum says"

    with ThreadPoolExecutor(threads) as pool:
        return [text for text in [*pool.map(look, archive.entries), _end(archive)] if text]


def _end(archive: Archive) -> str:
    try:
        archive.prove_end()
    except BadBundle as error:
        return f"the end: {error.why}"
    return ""


def documents(archive: Archive, contents: Contents) -> dict[str, Document]:
    """Every manifest that the items lead to, each compared with its digest. Raises BadBundle."""
    found: dict[str, Document] = {}

    def walk(digest: str, media_type: str) -> None:
        if digest in found:
            return
        content = archive.text(blob_name(digest))
        if digest_of(content) != digest:
            raise _bad(archive, blob_name(digest), "its content is not what its checksum says")
        found[digest] = read_document(content, media_type, f"{archive.path}: {digest}")
        if found[digest].is_index:
            for child in found[digest].children:
                walk(child.digest, child.media_type)

    for root, kind in contents.roots:
        walk(root, kind)
    return found


def lacking(archive: Archive, contents: Contents, found: dict[str, Document]) -> Iterator[str]:
    """Digests that an item refers to and that are neither here, nor in another volume, nor left out on purpose; those
    of another size too."""
    left = {item.digest for item in contents.left}
    sizes = {child.digest: child.size for document in found.values() for child in document.children}
    for digest in dict.fromkeys(digest for root, _ in contents.roots for digest in reachable(found, root)):
        entry = archive.entries.get(blob_name(digest))
        if entry is None and digest not in left and blob_name(digest) not in archive.absent:
            yield f"{digest} is missing"
        elif entry is not None and sizes.get(digest, entry.size) != entry.size:
            yield f"{digest} has {entry.size:,} of {sizes[digest]:,} bytes"


def blob_bytes(archive: Archive) -> int:
    """Bytes of all blobs."""
    return sum(entry.size for name, entry in archive.entries.items() if name.startswith(BLOBS))


def _bad(archive: Archive, name: str, why: str) -> BadBundle:
    return BadBundle(
        "The bundle is damaged.", where=f"{archive.path}: {name}", why=why, remedy="Copy it again from its source."
    )
