"""An OCI image layout, a directory or a tar of one, as a source of images.

https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sensei_tui.bundle.errors import BadBundle, NoBundle, cause
from sensei_tui.bundle.oci import (
    CONTAINERD_NAME,
    DIGEST,
    MANIFEST_MAX,
    REF_NAME,
    Descriptor,
    Document,
    digest_of,
    read_document,
)
from sensei_tui.bundle.pool import Reader, file_reader
from sensei_tui.bundle.source import NotThere, Source


class _Index(msgspec.Struct):
    manifests: tuple[Descriptor, ...] = ()


class Layout(Source):
    """Images by the names that their descriptors carry. Raises NoBundle, BadBundle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = _in_directory(path) if path.is_dir() else _in_tar(path)
        try:
            index = msgspec.json.decode(self._small("index.json"), type=_Index)
        except msgspec.DecodeError as error:
            raise BadBundle("The layout's index can't be read.", where=f"{path}: index.json", why=str(error)) from None
        self._roots = {name: item for item in index.manifests for name in _names(item)}
        self._by_digest = {item.digest: item for item in index.manifests}
        self._referring = _referring(self, index.manifests)

    def root(self, name: str) -> Document:
        found = self._roots.get(name) or self._roots.get(name.partition("@")[0])
        digest = name.partition("@")[2]
        if digest and (found is None or found.digest != digest):
            found = self._by_digest.get(digest)
        if found is None:
            some = ", ".join(sorted(self._roots)[:5]) or "none"
            raise NotThere(
                f"The layout has no image {name}.", where=str(self.path), why=f"its names are: {some}",
                remedy="Copy it there (skopeo copy --all docker://NAME oci:DIR:NAME), or name another source.",
            )  # fmt: skip
        return self.document(name, found)

    def document(self, name: str, wanted: Descriptor) -> Document:
        content = self._small(_file(wanted.digest))
        if digest_of(content) != wanted.digest:
            raise BadBundle("A manifest is not what its digest says.", where=f"{self.path}: {_file(wanted.digest)}")
        return read_document(content, wanted.media_type, f"{self.path}: {wanted.digest}")

    def blob(self, name: str, wanted: Descriptor) -> Reader:
        path, first, size = self._place(_file(wanted.digest))
        return file_reader(path, first, size)

    def referrers(self, name: str, digest: str) -> tuple[Descriptor, ...]:
        return self._referring.get(digest, ())

    def _small(self, name: str) -> bytes:
        path, first, size = self._place(name)
        if size > MANIFEST_MAX:
            raise BadBundle("A manifest is larger than it can be.", where=f"{self.path}: {name}")
        return b"".join(bytes(piece) for piece in file_reader(path, first, size)())

    def _place(self, name: str) -> tuple[Path, int, int]:
        found = self._files.get(name)
        if found is None:
            raise NotThere("The layout lacks a file.", where=f"{self.path}: {name}", remedy="Make the layout anew.")
        return found


def _file(digest: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise BadBundle("The layout names something without a valid digest.", why=digest[:80])
    return f"blobs/{digest.replace(':', '/')}"


def _names(item: Descriptor) -> tuple[str, ...]:
    notes = item.annotations
    return tuple(name for name in (notes.get(REF_NAME), notes.get(CONTAINERD_NAME)) if name)


def _referring(source: Layout, manifests: tuple[Descriptor, ...]) -> Mapping[str, tuple[Descriptor, ...]]:
    """Manifests of the index that are about another one: signatures, SBOMs."""
    found: dict[str, tuple[Descriptor, ...]] = {}
    for item in manifests:
        if _names(item):
            continue
        subject = source.document("", item).subject
        if subject:
            found[subject] = (*found.get(subject, ()), item)
    return found


Files = dict[str, tuple[Path, int, int]]
"""Name -> file, offset, size."""


def _in_directory(path: Path) -> Files:
    files = (item for item in path.rglob("*") if item.is_file())
    return {item.relative_to(path).as_posix(): (item, 0, item.stat().st_size) for item in files}


def _in_tar(path: Path) -> Files:
    """Only a plain tar: what is compressed can't be read in place."""
    try:
        with tarfile.open(path, "r:") as tar:
            return {
                item.name.removeprefix("./"): (path, item.offset_data, item.size) for item in tar if item.isreg()
            }  # fmt: skip
    except (tarfile.TarError, OSError) as error:
        raise NoBundle(
            "The OCI archive can't be read.", where=str(path), why=f"it is no whole tar: {cause(error)}",
            remedy="Name a directory with an OCI layout, or a tar of one that is not compressed.",
        ) from None  # fmt: skip
