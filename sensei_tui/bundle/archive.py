"""One file, or the directory it was unpacked into: which entries there are, and any byte of them where it lies.

Written and read here: a tar, plain or as stored gzip (`stored`). Every entry is a regular file with a plain name. The
first one, `bundle.index`, names all that follow with their sizes, in order; from that alone follows where each lies,
and where the file must end. What was appended later (a signature) is found by going on from there.
"""

from __future__ import annotations

import os
import re
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeVar

from sensei_tui.bundle import stored
from sensei_tui.bundle.disk import Out
from sensei_tui.bundle.errors import AGAIN, BadBundle, NoBundle, bad_index, no_bundle, unreadable

_Kind = TypeVar("_Kind")
INDEX: Final = "bundle.index"
SECTOR: Final = tarfile.BLOCKSIZE
NAME = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9_][A-Za-z0-9._/+-]{0,98}[A-Za-z0-9_]|[A-Za-z0-9_]")
"""Relative, no `.` or `..`, nothing a shell or a terminal minds; at most the 100 bytes of a tar header."""
ENTRIES_MAX = 20_000
"""Sixty images of a hundred layers each are 6,000."""
INDEX_MAX = 4 << 20
READ: Final = 1 << 20
EXECUTABLE = frozenset({"load-images.sh"})
KEPT = ".registry"
"""What load-images.sh leaves where it was unpacked: the registry of its last call."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive."""

    name: str
    size: int
    """Bytes."""
    offset: int = 0
    """Where its tar header begins: in a stored gzip, that header's member."""


class Shape(Protocol):
    """How a tar lies in a file: as it is, or in gzip members."""

    def span(self, size: int) -> int:
        """Bytes that a part of this size takes."""

    def write(self, out: Out, size: int, content: Iterable[memoryview]) -> None:
        """One part. Raises OSError, ValueError where the content has another size."""

    def read(self, file: int, start: int, size: int, first: int, last: int) -> Iterator[memoryview]:
        """Bytes of a part; a piece is good until the one after the next is asked for. Raises Damaged, OSError."""

    def prove(self, file: int, start: int, size: int) -> Iterator[memoryview]:
        """All of a part, and what stands around it compared as well. Raises stored.Damaged, OSError."""


class Gzip:
    """Each part a member."""

    def span(self, size: int) -> int:
        return stored.member_size(size)

    def write(self, out: Out, size: int, content: Iterable[memoryview]) -> None:
        stored.written(out, size, content)

    def read(self, file: int, start: int, size: int, first: int, last: int) -> Iterator[memoryview]:
        return stored.content(file, start, size, first, last)

    def prove(self, file: int, start: int, size: int) -> Iterator[memoryview]:
        return stored.whole(file, start, size)


class Plain:
    """The parts themselves."""

    def span(self, size: int) -> int:
        return size

    def write(self, out: Out, size: int, content: Iterable[memoryview]) -> None:
        left = size
        for piece in content:
            left -= len(piece)
            out([piece])
        if left:
            raise ValueError(f"{left} bytes are missing")

    def read(self, file: int, start: int, size: int, first: int, last: int) -> Iterator[memoryview]:
        length, at = min(READ, max(1, last - first)), first
        buffers = cycle((bytearray(length), bytearray(length)))
        while at < last:
            buffer = next(buffers)
            got = os.preadv(file, [memoryview(buffer)[: last - at]], start + at)
            if not got:
                raise stored.Damaged("the file ends too early")
            yield memoryview(buffer)[:got]
            at += got

    def prove(self, file: int, start: int, size: int) -> Iterator[memoryview]:
        return self.read(file, start, size, 0, size)


def entry_span(shape: Shape, size: int) -> int:
    """Bytes of a whole entry: header, content, padding."""
    pad = -size % SECTOR
    return shape.span(SECTOR) + (shape.span(size) if size else 0) + (shape.span(pad) if pad else 0)


def end_span(shape: Shape) -> int:
    """Bytes of the end of a tar: two empty sectors."""
    return 2 * shape.span(SECTOR)


def write_entry(out: Out, shape: Shape, entry: Entry, content: Iterable[memoryview], when: int) -> None:
    """Header, content, padding. `when` is in seconds since 1970. Raises OSError, ValueError."""
    shape.write(out, SECTOR, [memoryview(header_of(entry, when))])
    if entry.size:
        shape.write(out, entry.size, content)
    if pad := -entry.size % SECTOR:
        shape.write(out, pad, [memoryview(bytes(pad))])


def header_of(entry: Entry, when: int) -> bytes:
    """Of tar. `when` is in seconds since 1970."""
    info = tarfile.TarInfo(entry.name)
    info.size, info.mtime, info.mode = entry.size, when, 0o755 if entry.name in EXECUTABLE else 0o644
    return info.tobuf(tarfile.GNU_FORMAT)


def write_end(out: Out, shape: Shape) -> None:
    """After the last entry. Raises OSError."""
    for _ in range(2):
        shape.write(out, SECTOR, [memoryview(bytes(SECTOR))])


class Archive:
    """An open bundle file, or an unpacked one. Threads may read from it at the same time."""

    path: Path
    entries: dict[str, Entry]
    absent: dict[str, int] = {}
    """Names and sizes of what is in volumes that are not here."""

    def read(self, name: str, first: int = 0, last: int | None = None) -> Iterator[memoryview]:
        """Bytes of an entry; a piece is good until the one after the next is asked for. Raises NoBundle, BadBundle."""
        raise NotImplementedError

    def prove(self, name: str) -> Iterator[memoryview]:
        """All of an entry, as `read`; what unpacking it would trip over is found too. Raises NoBundle, BadBundle."""
        return self.read(name)

    def prove_end(self) -> None:
        """The same for what follows the last entry. Raises NoBundle, BadBundle."""

    def groups(self, name: str, first: int, last: int) -> Iterator[list[memoryview]]:
        """As `read`, as many pieces at once as there are; all are good until the ones after the next are asked for."""
        return ([piece] for piece in self.read(name, first, last))

    def raw(self, name: str) -> tuple[BinaryIO, int] | None:
        """An open file that has the entry's bytes one after another, and where they begin; None where they do not."""
        return None

    def text(self, name: str, limit: int = INDEX_MAX) -> bytes:
        """All of a small entry. Raises BadBundle where it is missing, damaged, or larger than `limit` bytes."""
        entry = self.entries.get(name)
        if entry is None:
            what = "The bundle lacks a file that every bundle has."
            raise BadBundle(what, where=f"{self.path}: {name}", remedy=AGAIN)
        if entry.size > limit:
            what = "A file of the bundle is larger than it can be."
            raise BadBundle(what, where=f"{self.path}: {name}", remedy=AGAIN)
        return b"".join(bytes(piece) for piece in self.read(name))

    def close(self) -> None:
        """Give the descriptor back."""


class File(Archive):
    """A bundle as it was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = _opened(path)
        self.size = os.fstat(self._file.fileno()).st_size
        try:
            self.shape = self._shape()
            self.entries = {}
            self.end = self._find()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def read(self, name: str, first: int = 0, last: int | None = None) -> Iterator[memoryview]:
        entry = self.entries[name]
        self._check_header(entry)
        start, stop = entry.offset + self.shape.span(SECTOR), entry.size if last is None else last
        yield from self._told(name, self.shape.read(self._file.fileno(), start, entry.size, first, stop))

    def groups(self, name: str, first: int, last: int) -> Iterator[list[memoryview]]:
        if isinstance(self.shape, Plain):
            yield from super().groups(name, first, last)
            return
        entry = self.entries[name]
        self._check_header(entry)
        start = entry.offset + self.shape.span(SECTOR)
        yield from self._told(name, stored.groups(self._file.fileno(), start, entry.size, first, last))

    def raw(self, name: str) -> tuple[BinaryIO, int] | None:
        entry = self.entries[name]
        self._check_header(entry)
        return (self._file, entry.offset + SECTOR) if isinstance(self.shape, Plain) else None

    def prove(self, name: str) -> Iterator[memoryview]:
        entry, file = self.entries[name], self._file.fileno()
        self._check_header(entry)
        self._drain(name, self.shape.prove(file, entry.offset, SECTOR))
        start = entry.offset + self.shape.span(SECTOR)
        if entry.size:
            yield from self._told(name, self.shape.prove(file, start, entry.size))
            start += self.shape.span(entry.size)
        if pad := -entry.size % SECTOR:
            self._drain(name, self.shape.prove(file, start, pad), zeros=True)

    def prove_end(self) -> None:
        for at in (self.end, self.end + self.shape.span(SECTOR)):
            self._drain("the end", self.shape.prove(self._file.fileno(), at, SECTOR), zeros=True)

    def _drain(self, name: str, pieces: Iterator[memoryview], *, zeros: bool = False) -> None:
        for piece in self._told(name, pieces):
            if zeros and any(piece):
                raise self._bad("its padding is not empty", f"{self.path}: {name}")

    def _told(self, name: str, pieces: Iterator[_Kind]) -> Iterator[_Kind]:
        try:
            yield from pieces
        except stored.Damaged as error:
            raise self._bad(str(error), f"{self.path}: {name}") from None
        except OSError as error:
            raise unreadable(self.path, error) from None

    # Which entries there are.

    def _shape(self) -> Shape:
        head = os.pread(self._file.fileno(), SECTOR, 0)
        if head.startswith(stored.HEAD):
            return Gzip()
        if head[:2] == stored.HEAD[:2]:
            raise BadBundle(
                "The file was compressed anew: it can't be read in place.", where=str(self.path),
                remedy="Unpack it (tar -xzf) and name the directory, or copy it again as it was made.",
            )  # fmt: skip
        if head[257:262] == b"ustar":
            return Plain()
        raise no_bundle(self.path, "it is neither gzip nor tar")

    def _find(self) -> int:
        """Fill `entries`. Returns where the end of the tar begins."""
        first = self._header(0)
        if first is None or first.name != INDEX or first.size > INDEX_MAX:
            raise no_bundle(self.path, f"its first entry is not {INDEX}")
        self.entries[INDEX] = first
        at = self._after(first)
        for name, size in parse_index(self.text(INDEX), str(self.path)):
            at = self._add(Entry(name, size, at))
        self._check_end(at)
        return self._appended(at)

    def _check_end(self, at: int) -> None:
        wanted = at + end_span(self.shape)
        if wanted > self.size:
            whole = sum(self._after(item) <= self.size for item in self.entries.values())
            raise self._bad(
                f"it ends after {self.size:,} of {wanted:,} bytes; {whole} of {len(self.entries)} files are whole"
            )

    def _appended(self, at: int) -> int:
        while (entry := self._header(at)) is not None:
            at = self._add(entry)
        if at + end_span(self.shape) != self.size:
            raise self._bad("something follows its end")
        return at

    def _add(self, entry: Entry) -> int:
        if entry.name in self.entries:
            raise self._bad(f"{entry.name} is there twice")
        if len(self.entries) >= ENTRIES_MAX:
            raise self._bad(f"it has more than {ENTRIES_MAX} files")
        self.entries[entry.name] = entry
        return self._after(entry)

    def _after(self, entry: Entry) -> int:
        return entry.offset + entry_span(self.shape, entry.size)

    def _header(self, at: int) -> Entry | None:
        """The entry that begins there; None at the end of the tar."""
        try:
            raw = b"".join(bytes(item) for item in self.shape.read(self._file.fileno(), at, SECTOR, 0, SECTOR))
            if raw == bytes(SECTOR):
                return None
            info = tarfile.TarInfo.frombuf(raw, "utf-8", "strict")
        except (stored.Damaged, tarfile.HeaderError, UnicodeError, OSError):
            raise self._bad(f"what should be a file's header at byte {at:,} is none") from None
        if info.type != tarfile.REGTYPE or not NAME.fullmatch(info.name) or info.size < 0:
            raise self._bad(f"an entry at byte {at:,} is no plain file, or its name is not allowed")
        found = Entry(info.name, info.size, at)
        if raw != header_of(found, int(info.mtime)):
            raise self._bad(f"the header at byte {at:,} says more than that of a bundle's file")
        return found

    def _check_header(self, entry: Entry) -> None:
        """The index and the tar must say the same: whoever unpacks goes by the tar."""
        found = self._header(entry.offset)
        if found != entry:
            raise self._bad("its index does not agree with what is there", f"{self.path}: {entry.name}")

    def _bad(self, why: str, where: str = "") -> BadBundle:
        return BadBundle("The bundle is damaged.", where=where or str(self.path), why=why, remedy=AGAIN)


class Directory(Archive):
    """A bundle unpacked by tar."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = {}
        for file in sorted(item for item in path.rglob("*") if item.is_file() and not item.is_symlink()):
            name = file.relative_to(path).as_posix()
            if name == KEPT:
                continue
            self.entries[name] = Entry(name, file.stat().st_size)
        if INDEX not in self.entries:
            raise BadBundle("The directory is no unpacked bundle.", where=str(path), why=f"it has no {INDEX}",
                            remedy="Name the directory that a bundle was unpacked into (tar -xf).")  # fmt: skip
        for name, size in parse_index(self.text(INDEX), str(path)):
            found = self.entries.get(name)
            if found is None and name.partition(".seg")[0] in self.entries:
                # load-images.sh has joined the blob.
                continue
            if found is None or found.size != size:
                why = f"{name} is missing" if found is None else f"{name} has {found.size:,} of {size:,} bytes"
                raise BadBundle(
                    "The unpacked bundle is not whole.", where=str(path), why=why, remedy="Unpack it again."
                )

    def read(self, name: str, first: int = 0, last: int | None = None) -> Iterator[memoryview]:
        entry = self.entries[name]
        try:
            with (self.path / name).open("rb") as file:
                stop = entry.size if last is None else last
                yield from Plain().read(file.fileno(), 0, entry.size, first, stop)
        except stored.Damaged as error:
            raise BadBundle("The unpacked bundle changed.", where=str(self.path / name), why=str(error)) from None
        except OSError as error:
            raise unreadable(self.path / name, error) from None


def open_archive(path: Path) -> Archive:
    """A bundle's file or directory. Raises NoBundle, BadBundle."""
    return Directory(path) if path.is_dir() else File(path)


def index_text(entries: Iterable[tuple[str, int]]) -> bytes:
    """`SIZE NAME` lines."""
    return "".join(f"{size} {name}\n" for name, size in entries).encode()


def parse_index(text: bytes, where: str) -> list[tuple[str, int]]:
    """Names and sizes, in order. Raises BadBundle."""
    found: list[tuple[str, int]] = []
    for number, line in enumerate(text.decode(errors="replace").splitlines(), 1):
        size, _, name = line.partition(" ")
        if not re.fullmatch(r"[0-9]{1,15}", size) or not NAME.fullmatch(name):
            raise bad_index(f"{where}: {INDEX}", f"line {number} is no size and name")
        found.append((name, int(size)))
    if index_text(found) != text:
        raise bad_index(f"{where}: {INDEX}", "it is not as it is written")
    return found


def _opened(path: Path) -> BinaryIO:
    """A plain file: a pipe is not waited for. Raises NoBundle."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from None
    why = "it is a directory" if path.is_dir() else "it is a pipe or a device"
    raise NoBundle("A bundle is read in place: it has to be a file.", where=str(path), why=why,
                   remedy="Name the bundle's file; from a pipe or a device, copy it to a disk first.")  # fmt: skip
