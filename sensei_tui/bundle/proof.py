"""Around a load: whether it can be; afterwards that all is there as the bundle has it, or what is missing and waits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from threading import Timer

from sensei_tui.base.text import bytes_si
from sensei_tui.bundle.archive import Archive
from sensei_tui.bundle.joined import Joined
from sensei_tui.bundle.load import REMOVE, STILL, Incomplete, Target
from sensei_tui.bundle.oci import Document
from sensei_tui.bundle.pool import reachable
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import Broken, Lied, NotFound


def reach(registry: Registry, tell: Callable[[str], None]) -> None:
    """Whether the registry answers; that it is waited for is told after a while. Raises RegistryError."""
    waiting = Timer(STILL, tell, [f"waiting for {registry.place.host} to answer"])
    waiting.daemon = True
    waiting.start()
    try:
        registry.ping()
    finally:
        waiting.cancel()


def expect_rest(archive: Archive, lacks: Collection[str], tell: Callable[[str], None]) -> None:
    """Before anything is sent: there is room for what has to wait for other volumes. Raises DiskFull."""
    if isinstance(archive, Joined) and archive.kept and (size := archive.prepare(lacks)):
        tell(f"{bytes_si(size)} of what other volumes complete will be kept in {archive.kept.path}")


def demand_rest(
    archive: Archive, lacks: Collection[str], loaded: str, on_bytes: Callable[[int], None], tell: Callable[[str], None]
) -> None:
    """What these volumes have of blobs that others complete is kept; what is in its place is not, any more.

    Raises Incomplete where there are such blobs, DiskFull, BadBundle.
    """
    if not isinstance(archive, Joined):
        return
    if why := archive.release(lacks):
        tell(f"warn: what has been kept and is loaded now could not be removed: {why}")
    archive.keep(lacks, on_bytes)
    if lacks:
        waits = archive.kept and archive.kept.entries and f" What was brought of them waits in {archive.kept.path}."
        raise Incomplete(
            f"Volumes are missing: {loaded}.", where=str(archive.path), why="; ".join(map(str, archive.needed(lacks))),
            remedy=f"Give the same command those volumes, one at a time if need be.{waits or ''}",
        )  # fmt: skip


def absent(targets: Iterable[Target], registry: Registry) -> Iterator[str]:
    """Items whose name the registry does not have, or has with another content. Raises Incomplete where it has them
    and can't read them."""
    for target in targets:
        try:
            found = registry.has_manifest(target.repository, target.version)
        except NotFound:
            found = None
        except Broken as error:
            raise Incomplete(
                "The registry cannot read what it has.", where=error.where,
                why=f"{error.why}: {target.item.digest}, or what it names, is damaged in its storage", remedy=REMOVE,
            ) from None  # fmt: skip
        if found != target.item.digest:
            yield f"{target.item.name}: {'is not there' if found is None else f'is {found}, not {target.item.digest}'}"


def reread(
    targets: Iterable[Target], documents: dict[str, Document], registry: Registry, on_bytes: Callable[[int], None]
) -> int:
    """Read every blob back from the registry. Returns their bytes. Raises Incomplete where some are not the same."""
    seen: set[str] = set()
    other, total = list[str](), 0
    for target in targets:
        for digest in reachable(documents, target.item.digest):
            if digest in documents or digest in seen:
                continue
            seen.add(digest)
            try:
                for piece in registry.blob(target.repository, digest):
                    total += len(piece)
                    on_bytes(len(piece))
            except Lied:
                other.append(f"{target.repository}@{digest}")
    if other:
        raise Incomplete(
            "The registry gives back something else than it was sent.", where=str(registry.place),
            why=", ".join(other), remedy=REMOVE,
        )  # fmt: skip
    return total
