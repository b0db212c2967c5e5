"""Blobs and images that tests send."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

from sensei_tui.registry.client import Registry
from sensei_tui.registry.manifests import MANIFEST, Manifest

PIECE = 64 << 10


class Sample(NamedTuple):
    """A blob that is a byte pattern of a period that no block size divides."""

    size: int
    seed: int = 0

    @property
    def pattern(self) -> bytes:
        return hashlib.shake_128(str(self.seed).encode()).digest(65_537)

    @property
    def content(self) -> bytes:
        found = bytearray()
        for piece in self.read(0):
            found += piece
        return bytes(found)

    @property
    def digest(self) -> str:
        told = hashlib.sha256()
        for piece in self.read(0):
            told.update(piece)
        return f"sha256:{told.hexdigest()}"

    def read(self, first: int) -> Iterator[memoryview]:
        """As a bundle's reader does: many small views, of a buffer that is used again."""
        twice = self.pattern * 2
        buffer = bytearray(PIECE)
        while first < self.size:
            count = min(PIECE, self.size - first)
            start = first % len(self.pattern)
            buffer[:count] = twice[start : start + count]
            yield memoryview(buffer)[:count]
            first += count


def send(registry: Registry, repository: str, sample: Sample) -> dict[str, object]:
    """Upload it; its descriptor."""
    registry.upload(repository, sample.digest, sample.size, sample.read)
    return {"mediaType": "application/octet-stream", "digest": sample.digest, "size": sample.size}


def image(registry: Registry, repository: str, *layers: Sample, **more: object) -> Manifest:
    """The blobs sent, the manifest made but not stored."""
    described = [send(registry, repository, layer) for layer in layers]
    told = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:], **more}
    return Manifest.of(json.dumps(told).encode(), MANIFEST)
