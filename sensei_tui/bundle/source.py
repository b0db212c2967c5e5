"""Where images come from, and which parts of each are taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import msgspec

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.bundle.oci import (
    ATTESTED,
    CONFIGS,
    MANIFEST_MAX,
    Descriptor,
    Document,
    Platform,
    index_of,
    read_document,
)
from sensei_tui.bundle.pool import Pool, Reader

PLATFORM = "linux/amd64"
"""Taken where nothing else is asked for: the vendor's requirements name x86_64 GPUs and nodes."""


class NotThere(SenseiError):
    """The source has no such image, or not for this platform."""

    code = "not-there"
    exit_code = ExitCode.FINDING


def all_of(errors: Sequence[NotThere]) -> NotThere:
    """What several say, so that it is found out once; a single one as it is."""
    if len(errors) == 1:
        return errors[0]
    wheres, whys, remedies = (
        [*dict.fromkeys(texts)] for texts in zip(*((item.where, item.why, item.remedy) for item in errors), strict=True)
    )
    alike = len(whys) == 1
    told = [item.what.rstrip(".") + (f" ({item.why})" if item.why and not alike else "") for item in errors]
    return NotThere(
        f"{len(errors)} images are not there.", where=wheres[0] if len(wheres) == 1 else "",
        why="; ".join([*told, *(whys if alike else [])]), remedy="; ".join(filter(None, remedies)),
    )  # fmt: skip


class Source(ABC):
    """A registry, a Docker engine, an OCI layout. Names are those that stand in the pods."""

    @abstractmethod
    def root(self, name: str) -> Document:
        """What the name stands for. Raises NotThere, SenseiError."""

    @abstractmethod
    def document(self, name: str, wanted: Descriptor) -> Document:
        """A manifest of that image. Raises BadBundle where it is another, SenseiError."""

    @abstractmethod
    def blob(self, name: str, wanted: Descriptor) -> Reader:
        """How a blob of that image is read; what comes is compared with its digest by who reads. Raises SenseiError."""

    def referrers(self, name: str, digest: str) -> tuple[Descriptor, ...]:
        """Manifests about that one: signatures, SBOMs. Raises SenseiError."""
        return ()

    def close(self) -> None:  # noqa: B027 - most keep nothing
        """Give back what it keeps: connections, files."""


def take(source: Source, name: str, platforms: tuple[str, ...], pool: Pool) -> Descriptor:
    """An image with everything below it into the pool. Raises NotThere, BadBundle, SenseiError."""
    root = chosen(source.root(name), name, platforms)
    _check_platform(source, name, root, platforms)
    _below(source, name, root, pool)
    for digest in (root.digest, *(child.digest for child in root.children if root.is_index)):
        for item in source.referrers(name, digest):
            _below(source, name, source.document(name, item), pool)
    return root.descriptor()


def _below(source: Source, name: str, document: Document, pool: Pool) -> None:
    if document.digest in pool.documents:
        return
    for child in document.children:
        if document.is_index:
            _below(source, name, source.document(name, child), pool)
        else:
            pool.add(child.digest, child.size, source.blob(name, child))
    pool.add_document(document)


def chosen(root: Document, name: str, platforms: tuple[str, ...]) -> Document:
    """The image for these platforms: its own index where they are all or a digest is asked for, else a smaller one."""
    if not root.is_index or "@" in name:
        return root
    kept = _kept(root.children, platforms)
    missing = [wanted for wanted in platforms if not any(_is(item, wanted) for item in kept)]
    if missing:
        there = ", ".join(sorted({str(item.platform) for item in root.children if item.platform})) or "none told"
        raise _not_for(name, missing, there)
    if len(kept) == len(root.children):
        return root
    return read_document(index_of(kept, root.media_type), root.media_type, name)


def _check_platform(source: Source, name: str, root: Document, platforms: tuple[str, ...]) -> None:
    """An image without an index says in its config what it is for; an artifact is for all."""
    if root.is_index or root.children[0].media_type not in CONFIGS or root.children[0].size > MANIFEST_MAX:
        return
    content = b"".join(bytes(piece) for piece in source.blob(name, root.children[0])())
    try:
        found = msgspec.json.decode(content, type=Platform)
    except msgspec.DecodeError:
        return
    missing = [wanted for wanted in platforms if not found.fits(wanted)]
    if found.architecture and missing:
        raise _not_for(name, missing, str(found))


def _not_for(name: str, missing: Sequence[str], there: str) -> NotThere:
    return NotThere(
        f"Image {name} is not there for {', '.join(missing)}.", why=f"it is there for: {there}",
        remedy="Name only platforms that it has (--platform), or get it for the others.",
    )  # fmt: skip


def _kept(children: tuple[Descriptor, ...], platforms: tuple[str, ...]) -> tuple[Descriptor, ...]:
    """Those of the platforms, and what tells something about them."""
    images = {item.digest for item in children if any(_is(item, wanted) for wanted in platforms)}
    return tuple(item for item in children if item.digest in images or item.annotations.get(ATTESTED) in images)


def _is(item: Descriptor, wanted: str) -> bool:
    return item.platform is not None and item.platform.fits(wanted)
