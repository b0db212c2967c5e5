"""What one medium brought and only others complete, kept on a disk until they come: media are loaded one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from sensei_tui.bundle.archive import Archive, Entry
from sensei_tui.bundle.contents import Part
from sensei_tui.bundle.disk import DiskFull, free_at
from sensei_tui.bundle.errors import AGAIN, BadBundle
from sensei_tui.bundle.pool import Blob, checked, file_reader


class Kept(Archive):
    """The parts of one bundle's volumes that lie in a directory; it is made with the first of them."""

    def __init__(self, path: Path, parts: Iterable[Part]) -> None:
        self.path = path
        self._parts = {part.name: part for part in parts}
        self.entries = {
            name: Entry(name, part.size) for name, part in self._parts.items() if _size(self.file(name)) == part.size
        }

    def file(self, name: str) -> Path:
        """Where a part lies, or would."""
        return self.path / name.rpartition("/")[2]

    def read(self, name: str, first: int = 0, last: int | None = None) -> Iterator[memoryview]:
        part, file = self._parts[name], self.file(name)
        stop = part.size if last is None else last
        if (first, stop) != (0, part.size):
            yield from file_reader(file, first, stop - first)()
            return
        try:
            yield from checked(_blob(part, file_reader(file)), str(file))
        except BadBundle as error:
            stays = self.remove([name])
            done = f"It could not be removed ({stays}): remove it" if stays else "It is removed"
            error.remedy = f"{done}; the same command then tells which volume has it: load that one again."
            raise

    def add(self, archive: Archive, names: Iterable[str], on_bytes: Callable[[int], None]) -> None:
        """Copy parts that are not there yet. Raises DiskFull, BadBundle, NoBundle."""
        try:
            for name in names:
                if name in self._parts and name not in self.entries:
                    self._make()
                    self._copy(self._parts[name], archive, on_bytes)
        except OSError as error:
            raise self._full(error.strerror or str(error)) from None

    def prepare(self, names: Iterable[str]) -> int:
        """Bytes of the parts that would be added: there is room for them, and files can be written. Raises DiskFull."""
        needed = sum(self._parts[name].size for name in names if name in self._parts and name not in self.entries)
        try:
            if needed:
                self._make()
                with TemporaryFile(dir=self.path):
                    self._check_room(needed)
        except OSError as error:
            raise self._full(error.strerror or str(error)) from None
        return needed

    def _make(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _copy(self, part: Part, source: Archive, on_bytes: Callable[[int], None]) -> None:
        file = self.file(part.name)
        begun = file.with_name(f"{file.name}.part")
        try:
            with begun.open("wb") as into:
                for piece in checked(_blob(part, lambda first=0: source.read(part.name, first)), _where(source, part)):
                    into.write(piece)
                    on_bytes(len(piece))
                into.flush()
                os.fsync(into.fileno())
        except BadBundle as error:
            begun.unlink(missing_ok=True)
            error.remedy = error.remedy or AGAIN
            raise
        begun.replace(file)
        self.entries[part.name] = Entry(part.name, part.size)

    def remove(self, names: Iterable[str]) -> str:
        """What is in its place now; with the last of it the directory goes. Returns why something stays, if it does."""
        try:
            for name in [*names]:
                if self.entries.pop(name, None):
                    self.file(name).unlink(missing_ok=True)
            if not self.entries:
                for begun in self.path.glob("*.part"):
                    begun.unlink(missing_ok=True)
        except OSError as error:
            return f"{self.path}: {error.strerror}"
        if not self.entries:
            with suppress(OSError):
                self.path.rmdir()
                self.path.parent.rmdir()
        return ""

    def _check_room(self, needed: int) -> None:
        if (free := free_at(self.path)) < needed:
            raise self._full(f"{needed:,} bytes are needed, {free:,} are free")

    def _full(self, why: str) -> DiskFull:
        return DiskFull(
            "What other volumes complete can't be kept.", where=str(self.path), why=why,
            remedy="Make room, name another directory (--keep DIR), or copy all volumes into one and name that.",
        )  # fmt: skip


def _where(source: Archive, part: Part) -> str:
    return f"{source.path}: {part.name}"


def _blob(part: Part, read: Callable[..., Iterable[memoryview]]) -> Blob:
    return Blob(f"sha256:{part.sha256}", part.size, read)


def _size(file: Path) -> int:
    """-1 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1
