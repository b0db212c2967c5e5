"""How much room images take once they are unpacked, and what a model needs: read from a few bytes of each layer."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Final

from sensei_tui.bundle.artifacts import TITLE
from sensei_tui.bundle.oci import Descriptor
from sensei_tui.bundle.pool import Blob, Pool, reachable

_TURN: Final = 1 << 32
_PACKED: Final = 32
"""Layers are 2 to 4 times smaller; logs and empty databases 20 times."""
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
WEIGHTS: Final = (".safetensors", ".gguf", ".bin", ".pt", ".pth")
"""Files that a server of models has in the memory of its GPUs."""


def unpacked_sizes(pool: Pool) -> dict[str, int]:
    """Digest -> bytes that a layer has at least once it is unpacked; other blobs as they are. Raises SenseiError."""
    layers = _layers(pool)
    return {digest: _size(blob, layers.get(digest, "")) for digest, blob in pool.blobs.items()}


def _layers(pool: Pool) -> dict[str, str]:
    """Digest -> media type."""
    return {child.digest: child.media_type for document in pool.documents.values() for child in document.children}


def _size(blob: Blob, media_type: str) -> int:
    if media_type.endswith(("+gzip", ".gzip")) and blob.size >= 18:
        return _gzip(blob)
    if media_type.endswith("+zstd"):
        return max(blob.size, _zstd(_bytes(blob, 0, 18)))
    return blob.size


def _gzip(blob: Blob) -> int:
    """By its last four bytes, the size modulo 2^32 (RFC 1952): exact for one member of less than 4 GiB.

    What was packed is hardly larger than what it was made of, and not `_PACKED` times smaller: by that we know a size
    that has gone round, and files of many members (eStargz), whose last one tells nothing.
    """
    found = int.from_bytes(_bytes(blob, blob.size - 4, 4), "little")
    least = blob.size - blob.size // 1000 - 1024
    found += -(-max(0, least - found) // _TURN) * _TURN
    return found if found <= blob.size * _PACKED + 65536 else blob.size


def _zstd(head: bytes) -> int:
    """The frame's content size (RFC 8878, 3.1.1.1), 0 where it is not told."""
    if head[:4] != _ZSTD or len(head) < 18:
        return 0
    flags = head[4]
    single = flags >> 5 & 1
    length = (single, 2, 4, 8)[flags >> 6]
    first = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    return int.from_bytes(head[first : first + length], "little") + (256 if length == 2 else 0)


def _bytes(blob: Blob, first: int, count: int) -> bytes:
    """Closed early: a registry would go on sending."""
    found, pieces = bytearray(), iter(blob.read(first))
    for piece in pieces:
        found += piece
        if len(found) >= count:
            break
    if isinstance(pieces, Generator):
        pieces.close()
    return bytes(found[:count])


def room(pool: Pool, sizes: dict[str, int], root: str) -> int:
    """Bytes of everything below a root, unpacked; each blob once."""
    return sum(sizes[digest] for digest in reachable(pool.documents, root) if digest not in pool.documents)


def weights(pool: Pool, root: str) -> int:
    """Bytes of a model's files that GPUs must hold, all together; 0 for what is no model."""
    return sum(item.size for item in _files(pool, root) if item.annotations.get(TITLE, "").endswith(WEIGHTS))


def _files(pool: Pool, root: str) -> Iterable[Descriptor]:
    documents = (pool.documents[digest] for digest in reachable(pool.documents, root) if digest in pool.documents)
    return (child for document in documents for child in document.children)
