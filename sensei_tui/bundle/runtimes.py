"""A bundle's images into a container runtime, without a registry: containerd on this node, or a Docker engine.

What goes there is a plain tar of an OCI layout, made while it is read from the bundle: nothing is unpacked to a disk.
Only images go: charts and artifacts need a registry, or stay in the bundle.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.bundle.archive import Archive, Entry, Plain, write_end, write_entry
from sensei_tui.bundle.contents import Contents, Item, blob_name
from sensei_tui.bundle.disk import DiskFull, free_at, into
from sensei_tui.bundle.load import Incomplete
from sensei_tui.bundle.oci import CONTAINERD_NAME, REF_NAME, Document, encoded, index_of
from sensei_tui.bundle.pool import Blob, Pool, checked
from sensei_tui.bundle.unpacked import unpacked_sizes
from sensei_tui.registry.reference import Place, Reference

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_LAYOUT: Final = b'{"imageLayoutVersion": "1.0.0"}\n'
OnBytes = Callable[[int], None]


class NoRuntime(SenseiError):
    """The runtime does not answer, or failed."""

    code = "no-runtime"


class WrongPlatform(SenseiError):
    """The bundle's images do not run here."""

    code = "wrong-platform"
    exit_code = ExitCode.FINDING


@dataclass(frozen=True)
class Image:
    """An image of the bundle, for one platform."""

    item: Item
    name: str
    """As the runtime has it; empty where it can't name it."""
    manifest: Document
    documents: tuple[Document, ...]
    """Its index, where it has one, and its manifest."""

    @property
    def blobs(self) -> dict[str, int]:
        """Digest -> bytes of its config and layers."""
        return {child.digest: child.size for child in self.manifest.children}

    @property
    def digests(self) -> frozenset[str]:
        """By which a runtime may know it: of the index, of the manifest, of the config (a Docker engine)."""
        return frozenset({self.item.digest, self.manifest.digest, self.manifest.children[0].digest})


class Runtime(Protocol):
    """Where images go."""

    architecture: str
    """`amd64`."""
    told: str
    """What is to be known before anything goes there; may be empty."""
    one_by_one: bool
    """Whether each image is sent for itself: then what is done stays done."""

    def name(self, wanted: Reference) -> str:
        """By which it finds what a pod calls so; empty where it can't have such a name."""

    def there(self) -> Mapping[str, Collection[str]]:
        """Name -> digests of images that are whole. Raises NoRuntime."""

    def ready(self) -> Mapping[str, Collection[str]]:
        """Those of them that are unpacked as well, where the runtime tells that. Raises NoRuntime."""

    def kept(self) -> Collection[str]:
        """Digests of blobs that need not be sent. Raises NoRuntime."""

    def places(self) -> tuple[Path, ...]:
        """Directories of this machine: where it keeps what it is sent, and where it unpacks it. None: not known."""

    def take(self, source: int) -> None:
        """A tar from a descriptor. Raises NoRuntime."""


@dataclass
class Taken:
    """What was done."""

    images: int = 0
    there: int = 0
    sent: int = 0
    """Bytes."""


def this_architecture() -> str:
    """Of this machine, as images call it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def images_of(
    contents: Contents, documents: Mapping[str, Document], runtime: Runtime, place: Place | None
) -> list[Image]:  # fmt: skip
    """With the names that they have in `place`, for the runtime's processor. Raises WrongPlatform, BadReference."""
    found = []
    for item in (item for item in contents.items if item.kind == "image"):
        name = Reference.parse(item.name)
        moved = runtime.name(place.move(name) if place else name)
        found.append(Image(item, moved, *_for(item, documents, runtime.architecture)))
    return found


def demand_names(images: Iterable[Image]) -> None:
    """Raises Incomplete where some could not be named, and so were not sent."""
    if unnamed := [image.item.name for image in images if not image.name]:
        raise Incomplete(
            "A Docker engine can't have images that are named by their digest alone; all others are there.",
            why=", ".join(unnamed), remedy="Values that name tags, or a load into a registry (--registry).",
        )  # fmt: skip


def _for(item: Item, documents: Mapping[str, Document], wanted: str) -> tuple[Document, tuple[Document, ...]]:
    root = documents[item.digest]
    if not root.is_index:
        return root, (root,)
    for child in root.children:
        if child.platform and child.platform.fits(f"linux/{wanted}"):
            return documents[child.digest], (root, documents[child.digest])
    there = ", ".join(sorted({str(child.platform) for child in root.children if child.platform}))
    raise WrongPlatform(
        "The bundle's images do not run here.", where=item.name, why=f"this is linux/{wanted}, it is for {there}",
        remedy=f"Have the bundle made for it: sensei bundle create --platform linux/{wanted}",
    )  # fmt: skip


def check_platform(contents: Contents, wanted: str) -> None:
    """Raises WrongPlatform where the bundle says that it has nothing for this architecture."""
    if not contents.is_for(f"linux/{wanted}"):
        raise WrongPlatform(
            "The bundle's images do not run here.",
            why=f"this is linux/{wanted}, they are for {', '.join(contents.platforms)}",
            remedy=f"Have the bundle made for it: sensei bundle create --platform linux/{wanted}",
        )  # fmt: skip


class Transfer:
    """One load into a runtime. `on_bytes` gets bytes as they are sent, `on_need` their sum before that."""

    def __init__(
        self, archive: Archive, contents: Contents, images: list[Image], runtime: Runtime, on_bytes: OnBytes,
        on_need: OnBytes,
    ) -> None:  # fmt: skip
        self._archive, self._contents, self._runtime = archive, contents, runtime
        self._images = [image for image in images if image.name]
        self._on_bytes, self._on_need = on_bytes, on_need
        self.tally = Taken(len(self._images))
        self.lacks: set[str] = set()
        """Blobs of images that need volumes that are not here: an image goes whole."""
        self.whole = len(self._images)
        """Images whose blobs are all here, or there."""

    def run(self) -> Taken:
        """Until every image is there. Raises NoRuntime, DiskFull, BadBundle, Incomplete."""
        ready, kept = self._runtime.ready(), frozenset(self._runtime.kept())
        missing = [image for image in self._images if not _is_there(image, ready)]
        self.tally.there = len(self._images) - len(missing)
        lacking = self._lacking(missing, kept)
        missing = [image for image in missing if image.item not in lacking]
        needed = {digest: size for image in missing for digest, size in image.blobs.items() if digest not in kept}
        self._check_room(missing, needed)
        self.lacks = {digest for image in self._images if image.item in lacking for digest in image.blobs} - kept
        self.whole = len(self._images) - len(lacking)
        self._on_need(sum(needed.values()))
        for group in [[image] for image in missing] if self._runtime.one_by_one else [missing] if missing else []:
            self._send(group, needed)
        self._prove([image for image in self._images if image.item not in lacking])
        return self.tally

    def _lacking(self, missing: list[Image], kept: frozenset[str]) -> dict[Item, list[str]]:
        """Image -> its blobs in volumes that are not here. Raises Incomplete for what the bundle leaves out."""
        have = kept | {digest for image in missing for digest in image.blobs if self._has(digest)}
        found = {image.item: gone for image in missing if (gone := [item for item in image.blobs if item not in have])}
        left = [item.name for item, gone in found.items() if not {*map(blob_name, gone)} <= self._archive.absent.keys()]
        if left:
            raise self._base_missing(left)
        return found

    def _base_missing(self, names: list[str]) -> Incomplete:
        why = f"the bundle of version {self._contents.since} has it, the runtime has not"
        remedy = "Load that bundle first, or a whole one."
        if not self._runtime.one_by_one:
            remedy = "A whole bundle is needed: an engine takes no image without all of its layers."
        return Incomplete("Images lack what this bundle leaves out.", where=", ".join(names), why=why, remedy=remedy)

    def _has(self, digest: str) -> bool:
        return blob_name(digest) in self._archive.entries

    def _check_room(self, missing: list[Image], needed: Mapping[str, int]) -> None:
        """Raises DiskFull."""
        places = self._runtime.places()
        wants = dict.fromkeys(places, 0)
        for place, size in zip(places, (sum(needed.values()), self._unpacked(missing, needed)), strict=False):
            wants[_same_disk(place, wants)] += size
        for place, size in wants.items():
            if (free := free_at(place)) < size:
                raise DiskFull(
                    "There is not enough room for the images.", where=str(place),
                    why=f"{size:,} bytes are needed, packed and unpacked, {free:,} are free",
                    remedy="Make room: images that nothing uses can go.",
                )  # fmt: skip

    def _unpacked(self, missing: list[Image], needed: Mapping[str, int]) -> int:
        """Bytes that become of what is sent, at least."""
        pool = Pool({digest: self._blob(digest, size) for digest, size in needed.items()})
        pool.documents = {image.manifest.digest: image.manifest for image in missing}
        return sum(unpacked_sizes(pool).values())

    def _blob(self, digest: str, size: int) -> Blob:
        return Blob(digest, size, lambda first=0: self._archive.read(blob_name(digest), first))

    def _send(self, images: list[Image], needed: dict[str, int]) -> None:
        """Their blobs are taken out of `needed`: a layer that images share is sent once."""
        blobs = {digest: needed[digest] for image in images for digest in image.blobs if digest in needed}
        if self._runtime.one_by_one:
            for digest in blobs:
                del needed[digest]
        _piped(lambda file: self._write(file, images, blobs), self._runtime.take)

    def _write(self, file: int, images: list[Image], blobs: dict[str, int]) -> None:
        shape, out = Plain(), into(file)
        for name, content in _small(images).items():
            write_entry(out, shape, Entry(name, len(content)), [memoryview(content)], 0)
        for digest, size in blobs.items():
            write_entry(out, shape, Entry(blob_name(digest), size), self._told(digest, size), 0)
        write_end(out, shape)

    def _told(self, digest: str, size: int) -> Iterator[memoryview]:
        for piece in checked(self._blob(digest, size), f"{self._archive.path}: {blob_name(digest)}"):
            yield piece
            self.tally.sent += len(piece)
            self._on_bytes(len(piece))

    def _prove(self, images: Iterable[Image]) -> None:
        there = self._runtime.there()
        missing = [image.name for image in images if not _is_there(image, there)]
        if missing:
            raise Incomplete(
                "The runtime does not have everything.", why=", ".join(missing), remedy="Run the same command again."
            )


def _same_disk(place: Path, places: Iterable[Path]) -> Path:
    """The first of these that is on its file system."""
    return next(item for item in places if item.stat().st_dev == place.stat().st_dev)


def _is_there(image: Image, there: Mapping[str, Collection[str]]) -> bool:
    return not image.digests.isdisjoint(there.get(image.name, ()))


def _small(images: Iterable[Image]) -> dict[str, bytes]:
    """What a runtime reads a layout by, and the manifests."""
    images = list(images)
    documents = {document.digest: document.content for image in images for document in image.documents}
    return {
        "oci-layout": _LAYOUT,
        "index.json": index_of(tuple(_named(image) for image in images)),
        "manifest.json": encoded([_saved(image) for image in images]),
        **{blob_name(digest): content for digest, content in documents.items()},
    }


def _named(image: Image) -> Any:
    notes = {REF_NAME: image.name, CONTAINERD_NAME: image.name}
    return msgspec.structs.replace(image.documents[0].descriptor(), annotations=notes)


def _saved(image: Image) -> dict[str, Any]:
    """As `docker load` finds it."""
    config, *layers = (blob_name(child.digest) for child in image.manifest.children)
    return {"Config": config, "RepoTags": [image.name], "Layers": layers}


def _piped(write: Callable[[int], None], take: Callable[[int], None]) -> None:
    """What one writes the other takes. The writer's error is the cause, where both fail."""
    source, into = os.pipe()
    failed: SenseiError | None = None
    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(_written, write, into)
        try:
            take(source)
        except SenseiError as error:
            failed = error
        finally:
            # Whoever still writes is told so.
            os.close(source)
        with suppress(BrokenPipeError):
            writing.result()
    if failed:
        raise failed


def _written(write: Callable[[int], None], into: int) -> None:
    try:
        write(into)
    finally:
        os.close(into)
