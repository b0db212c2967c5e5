"""Images from registries, over the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sensei_tui.bundle.oci import Descriptor, Document, read_document
from sensei_tui.bundle.pool import Reader
from sensei_tui.bundle.source import NotThere, Source
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import NotFound
from sensei_tui.registry.reference import Place, Reference

Connect = Callable[[Place], Registry]


class Registries(Source):
    """Each image from the registry in its name, or all of them from one `place`."""

    def __init__(self, connect: Connect, place: Place | None = None) -> None:
        self._connect, self._place = connect, place
        self._open: dict[str, Registry] = {}

    def close(self) -> None:
        """All connections."""
        for registry in self._open.values():
            registry.close()

    def root(self, name: str) -> Document:
        reference, registry = self._find(name)
        try:
            found = registry.manifest(reference.path, reference.version)
        except NotFound as error:
            raise NotThere(
                f"The registry has no image {name}.", where=error.where, why=error.why,
                remedy="Copy it there, or name a registry that has it (--images-from HOST[/PREFIX]).",
            ) from None  # fmt: skip
        return read_document(found.content, found.media_type, str(reference))

    def document(self, name: str, wanted: Descriptor) -> Document:
        reference, registry = self._find(name)
        found = registry.manifest(reference.path, wanted.digest)
        return read_document(found.content, wanted.media_type, f"{reference.host}/{reference.path}@{wanted.digest}")

    def blob(self, name: str, wanted: Descriptor) -> Reader:
        reference, registry = self._find(name)

        def read(first: int = 0) -> Iterator[memoryview]:
            for piece in registry.blob(reference.path, wanted.digest, first):
                yield memoryview(piece)

        return read

    def referrers(self, name: str, digest: str) -> tuple[Descriptor, ...]:
        reference, registry = self._find(name)
        found = registry.referrers(reference.path, digest)
        return tuple(Descriptor(item.media_type, item.digest, item.size) for item in found)

    def _find(self, name: str) -> tuple[Reference, Registry]:
        reference = Reference.parse(name)
        place = self._place or Place(reference.host)
        if self._place:
            reference = self._place.move(reference)
        if str(place) not in self._open:
            self._open[str(place)] = self._connect(place)
        return reference, self._open[str(place)]
