"""A bundle's images into a registry, straight from the archive: what is there already is not sent again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import TypeVar

from sensei_tui.base import clock
from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.base.text import bytes_si
from sensei_tui.bundle.archive import Archive
from sensei_tui.bundle.contents import Contents, Item, blob_name
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.oci import OCI_INDEX, Descriptor, Document, index_of
from sensei_tui.bundle.pool import reachable
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import Broken
from sensei_tui.registry.manifests import Manifest
from sensei_tui.registry.reference import Place, Reference
from sensei_tui.registry.uploads import CHUNK

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")
AT_ONCE = 4
"""Blobs in flight: two keep a registry of two cores busy, and nothing gains beyond four (docs/benchmarks.md)."""
STILL = 5.0
"""Seconds after which it is told that nothing moves; a registry on a slow disk is silent for less."""
REMOVE = (
    "Have the blob removed from the registry's storage (docker-registry: blobs/sha256/XX/HEX), for it keeps what it "
    "has; then load again."
)


class Incomplete(SenseiError):
    """What the registry has is not all that is needed."""

    code = "incomplete"
    exit_code = ExitCode.FINDING


@dataclass(frozen=True)
class Target:
    """An item, and where it goes."""

    item: Item
    repository: str
    version: str
    """Tag, or digest where the name has one."""


@dataclass
class Tally:
    """What was done; read at any time. Bytes count blobs once, however many images share them."""

    total: int = 0
    """Bytes of all blobs, but for those in volumes that are not here."""
    sent: int = 0
    there: int = 0
    """Bytes that the registry had."""
    mounted: int = 0
    images: int = 0
    images_there: int = 0
    what: str = ""
    still: float = 0
    """Seconds for which nothing has moved; 0 where it is less than `STILL`."""
    reading: bool = False
    """Whether it is the bundle that something is awaited from."""

    @property
    def waits(self) -> str:
        """`waiting for the registry: 35s`; empty while something moves."""
        whom = "the disk that the bundle is on" if self.reading else "the registry"
        return f"waiting for {whom}: {clock.duration(self.still)}" if self.still else ""

    @property
    def done(self) -> int:
        """Of `total`."""
        return min(self.total, self.sent + self.there)

    @property
    def needed(self) -> int:
        """Bytes of room that the registry still needs."""
        return self.total - self.done


@dataclass
class _Work:
    """A blob, and every repository that needs it."""

    digest: str
    size: int
    repositories: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Where the bundle before had it: from there it can be taken over."""
    there: set[str] = field(default_factory=set)
    """Repositories that have it."""


class Stopped(SenseiError):
    """Told to stop; what was sent stays and is not sent again."""

    code = "stopped"


class Loader:
    """One load. `registry` must be of `place`. `on_change` is called from any thread, whenever the tally changed;
    `on_need` once, when everything was asked for and nothing is sent yet."""

    def __init__(
        self, archive: Archive, contents: Contents, documents: dict[str, Document], registry: Registry,
        on_change: Callable[[Tally], None], at_once: int = AT_ONCE,
        on_need: Callable[[Tally], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._archive, self._contents, self._documents = archive, contents, documents
        self._registry, self._on_change, self._at_once = registry, on_change, at_once
        self._on_need = on_need
        self.tally = Tally()
        self.whole: list[Target] = []
        """What is in the registry, once `run` has returned."""
        self.named: list[Target] = []
        """What of it got its name, or parts of it, by this call; the rest was there, name and blobs."""
        self.stop = Event()
        self._lock = Lock()
        self._moved = clock.monotonic()
        self._reading: set[str] = set()
        """Blobs of which a piece is read at this moment."""
        self._left = {item.digest for item in contents.left}
        self._sizes = {child.digest: child.size for document in documents.values() for child in document.children}
        self.lacking: set[str] = set()
        """Blobs that are in volumes that are not here, and that the registry does not have from an earlier call."""

    def run(self) -> Tally:
        """Blobs, then manifests, then names. Raises RegistryError, BadBundle, Incomplete, Stopped.

        A name alone proves nothing: every blob is asked for, of images that are there too. Of volumes, only images
        whose blobs are all there get their names; see `lacking`.
        """
        ended = Event()
        Thread(target=self._watch, args=(ended,), daemon=True).start()
        try:
            return self._run()
        finally:
            ended.set()

    def _watch(self, ended: Event) -> None:
        """Whoever waits is told so: everything else speaks only when something moves."""
        while not ended.wait(min(STILL, 1.0)):
            still = clock.monotonic() - self._moved
            if still >= STILL and not self.stop.is_set():
                self.tally.still, self.tally.reading = still, bool(self._reading)
                self._on_change(self.tally)

    def _run(self) -> Tally:
        targets = [target_of(item, self._registry.place) for item in self._contents.items]
        named = list[Target]()
        self._each(targets, lambda target: named.append(target) if self._is_there(target) else None)
        work = self._work(targets)
        self.tally.total = sum(item.size for item in work.values())
        self._each(work.values(), self._look)
        self._count(work.values())
        missing = [target for target in targets if target not in named or not self._has_all(target, work)]
        self.tally.images, self.tally.images_there = len(targets), len(targets) - len(missing)
        self._on_need(self.tally)
        self._each(work.values(), self._bring)
        for target in missing:
            self._check()
            if self._is_whole(target):
                self._manifests(target)
        self.named = [target for target in missing if self._is_whole(target)]
        self.whole = [target for target in targets if target not in missing or target in self.named]
        return self.tally

    def _is_whole(self, target: Target) -> bool:
        """Whether the registry has its blobs, once they were looked at."""
        return self.lacking.isdisjoint(self._below(target))

    def _is_there(self, target: Target) -> bool:
        self._check()
        return _held(self._registry.has_manifest, target.repository, target.version) == target.item.digest

    def _has_all(self, target: Target, work: Mapping[str, _Work]) -> bool:
        return all(target.repository in work[digest].there for digest in self._below(target))

    def _count(self, work: Iterable[_Work]) -> None:
        """What is neither here nor there. Raises Incomplete where the registry lacks what the bundle leaves out."""
        gone = [item for item in work if not item.there and blob_name(item.digest) not in self._archive.entries]
        self.lacking = {item.digest for item in gone if blob_name(item.digest) in self._archive.absent}
        self.tally.total -= sum(item.size for item in gone if item.digest in self.lacking)
        if left := [item for item in gone if item.digest not in self.lacking]:
            raise self._base_missing(left)

    def _base_missing(self, left: list[_Work]) -> Incomplete:
        since, more = self._contents.since, f" and {len(left) - 1} more" if len(left) > 1 else ""
        return Incomplete(
            "The registry lacks what this bundle leaves out.",
            where=f"{self._registry.place.host}/{left[0].repositories[0]}",
            why=f"{left[0].digest}{more}: of the bundle of version {since}",
            remedy=f"Load the bundle of version {since} first, into the same place, or a whole one.",
        )  # fmt: skip

    def _work(self, targets: Iterable[Target]) -> dict[str, _Work]:
        """Large ones first, so that none is left alone at the end; the others as they lie in the archive."""
        found: dict[str, _Work] = {}
        for target in targets:
            for digest in self._below(target):
                work = found.setdefault(digest, _Work(digest, self._size(digest)))
                if target.repository not in work.repositories:
                    work.repositories.append(target.repository)
        for item in self._contents.left:
            if item.name and item.digest in found:
                found[item.digest].others.append(self._registry.place.move(Reference.parse(item.name)).path)
        order = sorted(found.values(), key=lambda item: (-item.size if item.size > CHUNK else 0, item.digest))
        return {item.digest: item for item in order}

    def _below(self, target: Target) -> list[str]:
        """Blobs of a target, and of what is told about it, that are no manifests."""
        roots = [target.item.digest, *(item.digest for item in self._about(target))]
        found = dict.fromkeys(digest for root in roots for digest in reachable(self._documents, root))
        return [digest for digest in found if digest not in self._documents]

    def _about(self, target: Target) -> list[Document]:
        """Signatures, SBOMs."""
        there = {*reachable(self._documents, target.item.digest)}
        return [document for document in self._documents.values() if document.subject in there]

    def _size(self, digest: str) -> int:
        entry = self._archive.entries.get(blob_name(digest))
        if entry is None and digest not in self._left and blob_name(digest) not in self._archive.absent:
            raise BadBundle("The bundle lacks a blob.", where=str(self._archive.path), why=digest)
        return entry.size if entry else self._sizes[digest]

    # Blobs.

    def _each(self, work: Iterable[_Item], does: Callable[[_Item], None]) -> None:
        """For all of them, some at once; the first failure ends it, and Ctrl-C ends it at once."""
        with ThreadPoolExecutor(self._at_once) as pool:
            futures = [pool.submit(does, item) for item in work]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                self._end(futures)
                self._registry.close()
                raise
            failed = [future for future in done if future.exception()]
            if failed:
                self._end(futures)
        _raise_first(failed)

    def _end(self, futures: Iterable[Future[None]]) -> None:
        self.stop.set()
        for future in futures:
            future.cancel()

    def _look(self, work: _Work) -> None:
        """In every repository: one that has it may have lost it elsewhere."""
        for name in work.repositories:
            self._look_in(work, name)
        for name in work.others:
            if not work.there:
                self._look_in(work, name)
        if work.there:
            self._tell(there=work.size)

    def _look_in(self, work: _Work, name: str) -> None:
        """Of another size it is as good as not there: a disk was full, or is damaged."""
        self._check()
        if _held(self._registry.has_blob, name, work.digest) == work.size:
            work.there.add(name)

    def _bring(self, work: _Work) -> None:
        self._check()
        if work.digest in self.lacking:
            return
        if not work.there:
            self._send(work, work.repositories[0])
            work.there.add(work.repositories[0])
        held = min(work.there)
        for name in work.repositories:
            if name not in work.there and not self._registry.mount(name, work.digest, held):
                self._send(work, name, counted=False)

    def _send(self, work: _Work, repository: str, *, counted: bool = True) -> None:
        """To be there afterwards as well: a registry keeps what it has under a digest, whatever that is."""
        reader = _Reader(self._archive, work.digest, self._reading)
        told = (lambda count: self._tell(sent=count)) if counted else (lambda _: self._check())
        self._tell(what=repository)
        self._registry.upload(repository, work.digest, work.size, reader.read, told)
        if (size := self._registry.has_blob(repository, work.digest)) not in (work.size, None):
            raise Incomplete(
                "The registry has something else under a blob's digest.",
                where=f"{self._registry.place.host}/{repository}@{work.digest}",
                why=f"it has {size:,} bytes, not {work.size:,}: its storage is damaged", remedy=REMOVE,
            )  # fmt: skip

    def _tell(self, sent: int = 0, there: int = 0, what: str = "") -> None:
        self._check()
        with self._lock:
            self.tally.sent += sent
            self.tally.there += there
            self.tally.what = what or self.tally.what
        self._on_change(self.tally)

    def _check(self) -> None:
        """With everything that is asked, answered or sent."""
        self._moved, self.tally.still = clock.monotonic(), 0
        if self.stop.is_set():
            raise Stopped("The load was stopped.", remedy="The same command goes on where it stopped.")

    # Manifests.

    def _manifests(self, target: Target) -> None:
        """Children before those that refer to them; the name last: whoever asks for it finds all of it."""
        for digest in reachable(self._documents, target.item.digest):
            if digest in self._documents and digest != target.item.digest:
                self._put(target.repository, digest, digest)
        for document in self._about(target):
            self._refer(target.repository, document)
        # Whatever breaks off before here is done again: only the name says that an image is there.
        self._put(target.repository, target.version, target.item.digest)

    def _put(self, repository: str, version: str, digest: str) -> bool:
        document = self._documents[digest]
        return self._registry.put_manifest(repository, version, Manifest(document.content, document.media_type, digest))

    def _refer(self, repository: str, document: Document) -> None:
        """Where a registry keeps no list of referrers, clients keep one under a tag."""
        if self._put(repository, document.digest, document.digest):
            return
        there = self._registry.referrers(repository, document.subject)
        known = [Descriptor(item.media_type, item.digest, item.size, None, item.annotations, item.artifact_type)
                 for item in there]  # fmt: skip
        if document.digest not in {item.digest for item in known}:
            content = index_of((*known, document.listed()))
            self._registry.put_manifest(
                repository, document.subject.replace(":", "-", 1), Manifest.of(content, OCI_INDEX)
            )


class _Reader:
    """A blob's bytes; hashed on the way, so that the last of a wrong one is never sent."""

    def __init__(self, archive: Archive, digest: str, reading: set[str]) -> None:
        self._archive, self._digest, self._reading = archive, digest, reading

    def read(self, first: int) -> Iterator[memoryview]:
        """From `first` on. From a later byte on the registry alone compares the digest, and it always does."""
        name = blob_name(self._digest)
        size, at, check = self._archive.entries[name].size, first, hashlib.sha256()
        pieces = self._archive.read(name, first)
        while (piece := self._next(pieces)) is not None:
            at += len(piece)
            if not first:
                check.update(piece)
                if at == size and f"sha256:{check.hexdigest()}" != self._digest:
                    raise BadBundle(
                        "The bundle is damaged.", where=f"{self._archive.path}: {name}",
                        why="its content is not what its checksum says", remedy="Copy it again from its source.",
                    )  # fmt: skip
            yield piece

    def _next(self, pieces: Iterator[memoryview]) -> memoryview | None:
        self._reading.add(self._digest)
        try:
            return next(pieces, None)
        finally:
            self._reading.discard(self._digest)


def target_of(item: Item, place: Place) -> Target:
    """Where an item goes. Raises BadReference."""
    moved = place.move(Reference.parse(item.name))
    return Target(item, moved.path, moved.version)


def _held(ask: Callable[[str, str], _Found | None], repository: str, version: str) -> _Found | None:
    """What the registry has; None also where it can't tell because it is damaged there: sending it again mends that."""
    try:
        return ask(repository, version)
    except Broken:
        return None


def _raise_first(failed: list[Future[None]]) -> None:
    """The cause rather than what was stopped because of it."""
    errors = [error for future in failed if (error := future.exception())]
    for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):
        raise error


def need(tally: Tally) -> str:
    """What a load will send, and so what room the registry needs for it."""
    return f"{bytes_si(tally.needed)} to send, for which the registry needs room; {bytes_si(tally.there)} are there"
