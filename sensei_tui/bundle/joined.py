"""Volumes of a bundle read as one archive, in any order, some of them missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from sensei_tui.bundle.archive import INDEX, NAME, Archive, Entry, open_archive
from sensei_tui.bundle.contents import AGAIN, SUMS, VOLUME, VOLUMES, Part, Volume, Volumes, blob_name, summed
from sensei_tui.bundle.errors import BadBundle, NoBundle
from sensei_tui.bundle.kept import Kept
from sensei_tui.bundle.oci import digest_of
from sensei_tui.bundle.pool import Blob, checked
from sensei_tui.bundle.signed import APPENDED

_SEG = ".seg"
_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class Missing:
    """A volume that is not here, or not whole."""

    number: int
    of: int
    parts: tuple[Part, ...]
    """What of it is missing."""

    def __str__(self) -> str:
        more = f" and {len(self.parts) - 1} more" if len(self.parts) > 1 else ""
        return f"volume {self.number} of {self.of} with {self.parts[0].name}{more}"


class Joined(Archive):
    """What these archives have together. A blob in segments is an entry once all of them are here.

    `keep` is a directory of parts that earlier media brought, of any bundle. Raises BadBundle where one of the archives
    is of another bundle.
    """

    def __init__(self, archives: Iterable[Archive], keep: Path | None = None) -> None:
        self.archives = [*archives]
        self.path = self.archives[0].path
        self._check_same()
        self._map = _read(self.archives[0], VOLUMES, summed(self.archives[0], VOLUMES), Volumes)
        self.segments = _segments(self._map)
        """By the blob's name."""
        self.kept = self._kept(keep) if keep else None
        self._at: dict[str, Archive] = {}
        for archive in (*self.archives, *([self.kept] if self.kept else [])):
            for name in archive.entries:
                self._at.setdefault(name, archive)
        self.entries = {name: self._at[name].entries[name] for name in self._at if _SEG not in name and name != VOLUME}
        for name, parts in self.segments.items():
            if name not in self.entries and all(part.name in self._at for part in parts):
                self.entries[name] = Entry(name, sum(part.size for part in parts))
        self.missing = tuple(self._missing())
        self.absent = {name: size for name, size in self._wanted().items() if name not in self.entries}

    def read(self, name: str, first: int = 0, last: int | None = None) -> Iterator[memoryview]:
        if name in self._at:
            yield from self._at[name].read(name, first, last)
            return
        at, stop = 0, self.entries[name].size if last is None else last
        for part in self.segments[name]:
            low, high = max(0, first - at), min(part.size, stop - at)
            if low < high:
                yield from self._segment(part, low, high)
            at += part.size

    def close(self) -> None:
        for archive in self.archives:
            archive.close()

    def needed(self, digests: Collection[str]) -> list[Missing]:
        """The missing volumes, and what of these blobs each of them holds."""
        names = {blob_name(digest) for digest in digests}
        found = [
            Missing(item.number, item.of, tuple(part for part in item.parts if _blob(part) in names))
            for item in self.missing
        ]
        return [item for item in found if item.parts]

    def prepare(self, digests: Collection[str]) -> int:
        """Bytes that `keep` would copy of these blobs; there is room for them. Raises DiskFull."""
        return self.kept.prepare(self._parts_of(self.archives, digests)) if self.kept else 0

    def keep(self, digests: Collection[str], on_bytes: Callable[[int], None]) -> None:
        """Of these blobs, which other volumes complete, keep what is here. Raises DiskFull, BadBundle, NoBundle."""
        if self.kept:
            for archive in self.archives:
                self.kept.add(archive, self._parts_of([archive], digests), on_bytes)

    def release(self, digests: Collection[str]) -> str:
        """Remove what is kept of other blobs than these. Returns why some of it stays, if it does."""
        if self.kept is None:
            return ""
        wanted = {*self._parts_of([self.kept], digests)}
        return self.kept.remove([name for name in self.kept.entries if name not in wanted])

    def _parts_of(self, archives: Iterable[Archive], digests: Collection[str]) -> Iterator[str]:
        names = {blob_name(digest) for digest in digests}
        found = dict.fromkeys(name for archive in archives for name in archive.entries)
        return (name for name in found if name.partition(_SEG)[0] in names)

    def _kept(self, keep: Path) -> Kept:
        key = digest_of(self.archives[0].text(SUMS))[7:23]
        return Kept(keep / key, (part for volume in self._map.volumes for part in volume))

    def sums_of(self, archive: Archive, sums: dict[str, str]) -> dict[str, str]:
        """Name -> SHA-256 of what one of the archives has of `sums` and of segments."""
        known = sums | {part.name: part.sha256 for volume in self._map.volumes for part in volume}
        return {name: known[name] for name in archive.entries if name in known}

    def strange(self, archive: Archive, sums: dict[str, str]) -> list[str]:
        """Names in one of the archives that nothing vouches for."""
        known = self.sums_of(archive, sums)
        return [name for name in archive.entries if name not in {*known, INDEX, SUMS, VOLUME, *APPENDED}]

    def _segment(self, part: Part, low: int, high: int) -> Iterator[memoryview]:
        archive = self._at[part.name]
        if (low, high) != (0, part.size) or archive is self.kept:
            yield from archive.read(part.name, low, high)
            return
        blob = Blob(f"sha256:{part.sha256}", part.size, lambda first=0: archive.read(part.name, first))
        yield from checked(blob, f"{archive.path}: {part.name}")

    def _check_same(self) -> None:
        wanted = self.archives[0].text(SUMS)
        for archive in self.archives[1:]:
            if SUMS not in archive.entries or archive.text(SUMS) != wanted:
                raise BadBundle(
                    "The files are of different bundles.", where=str(archive.path),
                    why=f"its {SUMS} is not that of {self.path}", remedy="Name the volumes of one bundle only.",
                )  # fmt: skip

    def _wanted(self) -> dict[str, int]:
        """Name -> size of everything that a volume holds, segments as their blobs."""
        whole = {part.name: part.size for volume in self._map.volumes for part in volume if _SEG not in part.name}
        return whole | {name: sum(part.size for part in parts) for name, parts in self.segments.items()}

    def _missing(self) -> Iterator[Missing]:
        for number, parts in enumerate(self._map.volumes, 1):
            gone = tuple(part for part in parts if part.name not in self._at and _blob(part) not in self.entries)
            if gone:
                yield Missing(number, len(self._map.volumes), gone)


def _blob(part: Part) -> str:
    return part.name.partition(_SEG)[0]


def _segments(found: Volumes) -> dict[str, list[Part]]:
    parts: dict[str, list[Part]] = {}
    for part in sorted(
        (part for volume in found.volumes for part in volume if _SEG in part.name), key=lambda item: item.name
    ):
        parts.setdefault(_blob(part), []).append(part)
    return parts


def _read(archive: Archive, name: str, content: bytes, kind: type[_Kind]) -> _Kind:
    try:
        found = msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise _bad(archive, name, str(error)) from None
    parts = [part for volume in found.volumes for part in volume] if isinstance(found, Volumes) else []
    wrong = next((part.name for part in parts if not NAME.fullmatch(part.name) or part.size < 0), None)
    if wrong is not None or len({part.name for part in parts}) != len(parts):
        raise _bad(archive, name, f"it names {wrong[:80]!r}" if wrong else "it names something twice")
    return found


def _bad(archive: Archive, name: str, why: str) -> BadBundle:
    return BadBundle("The bundle is damaged.", where=f"{archive.path}: {name}", why=why, remedy=AGAIN)


def volume_of(archive: Archive) -> Volume | None:
    """Which volume a file is; None for a bundle in one file. Raises BadBundle."""
    return _read(archive, VOLUME, archive.text(VOLUME), Volume) if VOLUME in archive.entries else None


def open_bundle(paths: Iterable[Path], keep: Path | None = None) -> Archive:
    """A bundle's file, its volumes in any order, a directory of them, or where they were unpacked. `keep`: see Joined.

    Raises NoBundle, BadBundle, which names the file.
    """
    files = [file for path in paths for file in files_of(path)]
    opened: list[Archive] = []
    try:
        for file in files:
            opened.append(open_archive(file))
        if all(VOLUMES in archive.entries for archive in opened):
            return Joined(opened, keep)
        if len(opened) > 1:
            single = next(archive for archive in opened if VOLUMES not in archive.entries)
            raise NoBundle(
                "Only volumes can be named together.", where=str(single.path), why="this is a bundle by itself",
                remedy="Name one bundle, or the volumes of one.",
            )  # fmt: skip
    except BaseException:
        for archive in opened:
            archive.close()
        raise
    return opened[0]


def files_of(path: Path) -> list[Path]:
    """The volumes in a directory; anything else is itself. Raises NoBundle where there is none, OSError."""
    if not path.is_dir() or (path / INDEX).exists():
        return [path]
    found = sorted(item for item in path.iterdir() if item.is_file() and ".vol" in item.name and item.suffix != ".part")
    if not found:
        raise NoBundle("There is no volume of a bundle.", where=str(path), remedy="Name the file of a bundle.")
    return found
