"""Where backups lie: a bucket or a directory. Paths are `backups/NAME/manifest.json`, `objects/ab/abc...`."""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sensei_probe.s3 import S3, Stored, whole
from sensei_probe.settings import Failure, Storage, WrongUse, buckets, place, required, site
from sensei_probe.streams import BLOCK, Measured
from sensei_probe.web import Readable, Refused

INCOMING = ".incoming"
"""Where a file of a volume is written before it gets its name."""
SOON = 20.0
"""Seconds for each step of a hurried request: to connect, to send, to be answered."""
_TRIES = 5
_GONE, _CHANGED = 404, 412
_GONE_HERE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)
"""What is wrong with one file; anything else is wrong with the volume."""


class Lost(Failure):
    """A content that is gone, or another one than was written."""


class Changed(Lost):
    """There is a content, with another etag or none: it may have been copied, and then is the same."""


class Shelf(Protocol):
    """What a backup needs of its place. Every method raises Failure."""

    def write(self, path: str, source: Readable, size: int | None = None) -> int:
        """A stream, whole or not at all. Returns its bytes."""

    def read(self, path: str, etag: str = "") -> Readable:
        """To be read to the end. Raises Lost where it is not there, Changed where its etag is not this one."""

    def size(self, path: str) -> int | None:
        """Its bytes; None where it is not there."""

    def list(self, prefix: str) -> Iterator[str]:
        """Every path that begins so."""

    def delete(self, path: str) -> None:
        """Take one away."""

    def hurried(self) -> Shelf:
        """The same, with every request made once and given up soon."""

    def take(self, source: S3, bucket: str, item: Stored, path: str) -> dict[str, str]:
        """An object of a bucket, by the shortest way; Refused (404, 412) where it is not this one any more.

        Returns what proves it later: `sha256`, or of what does not pass through here the `copy`'s etag.
        """

    def sweep(self, before: datetime) -> None:
        """Remove what writes left that were killed before then."""


class Bucket:
    """A bucket of an S3 service; a missing one is made, or there is no backup."""

    def __init__(self, storage: Storage, name: str, *, make: bool = True) -> None:
        self._s3, self._name = S3(storage), name
        if not self._s3.exists(name):
            if not make:
                raise Failure(f"there is no backup: no bucket {name} at {storage.endpoint}")
            self._s3.make(name)

    def write(self, path: str, source: Readable, size: int | None = None) -> int:
        return self._s3.upload(self._name, path, source, size=size)

    def read(self, path: str, etag: str = "") -> Readable:
        try:
            return self._s3.get(self._name, path, etag)
        except Refused as error:
            if error.status in (_GONE, _CHANGED):
                raise (Lost if error.status == _GONE else Changed)(str(error)) from None
            raise

    def size(self, path: str) -> int | None:
        found = self._s3.head(self._name, path)
        return found.size if found else None

    def list(self, prefix: str) -> Iterator[str]:
        return (item.key for item in self._s3.listed(self._name, prefix))

    def delete(self, path: str) -> None:
        self._s3.delete(self._name, path)

    def hurried(self) -> Shelf:
        found = copy.copy(self)
        found._s3 = S3(self._s3.storage, 1, SOON)
        return found

    def take(self, source: S3, bucket: str, item: Stored, path: str) -> dict[str, str]:
        if source.storage == self._s3.storage:
            tag = self._s3.copy(bucket, item, self._name, path)
            # One of several parts is another wherever the bucket is mirrored to.
            return {} if "-" in tag else {"copy": tag}
        return _streamed(self, source, bucket, item, path)

    def sweep(self, before: datetime) -> None:
        # A service that does not tell of them has its own rule for them, or none.
        with contextlib.suppress(Failure, ValueError):
            for key, upload in list(self._s3.unfinished(self._name, before)):
                if key.startswith(("backups/", "objects/")):
                    self._s3.abort(self._name, key, upload)


class Folder:
    """A directory, of a persistent volume."""

    def __init__(self, root: Path) -> None:
        self._root = root
        if not root.is_dir():
            raise Failure(f"{root} is no directory: the volume is not mounted")

    def write(self, path: str, source: Readable, size: int | None = None) -> int:
        target, part = self._root / path, self._root / INCOMING / secrets.token_hex(16)
        try:
            part.parent.mkdir(exist_ok=True)
            total = _written(part, source)
            whole(size, total, str(target))
            _named(part, target)
        except OSError as error:
            raise Failure(f"{target} can't be written: {error.strerror}") from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return total

    def read(self, path: str, etag: str = "") -> Readable:
        found = _File(self._root / path)
        if etag:
            raise Changed(f"{self._root / path} has no etag")
        return found

    def size(self, path: str) -> int | None:
        with _told(self._root / path, "can't be read"):
            try:
                return (self._root / path).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def list(self, prefix: str) -> Iterator[str]:
        base = self._root / prefix
        with _told(base, "can't be listed"):
            walk = os.walk(base, onerror=_unless_gone)
            found = sorted(str(Path(place, file)) for place, _, files in walk for file in files)
        return (os.path.relpath(item, self._root) for item in found)

    def delete(self, path: str) -> None:
        target = self._root / path
        with _told(target, "can't be removed"):
            target.unlink(missing_ok=True)
        # A directory that is empty now goes too.
        with contextlib.suppress(OSError):
            target.parent.rmdir()

    def hurried(self) -> Shelf:
        return self

    def take(self, source: S3, bucket: str, item: Stored, path: str) -> dict[str, str]:
        return _streamed(self, source, bucket, item, path)

    def sweep(self, before: datetime) -> None:
        incoming = self._root / INCOMING
        with _told(incoming, "can't be cleaned"):
            for part in incoming.iterdir() if incoming.is_dir() else ():
                with contextlib.suppress(FileNotFoundError):
                    if part.stat().st_mtime < before.timestamp():
                        part.unlink()


@contextlib.contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Raises Failure in place of OSError."""
    try:
        yield
    except OSError as error:
        raise Failure(f"{path} {what}: {error.strerror}") from None


def _unless_gone(error: OSError) -> None:
    """What another removes meanwhile is no mistake; what can't be read is not absent: its contents would be removed."""
    if not isinstance(error, FileNotFoundError):
        raise error


class _File:
    """A file of a volume, read; closed with its end, or when nobody has it any more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._told():
            self._file = path.open("rb")

    def read(self, size: int = -1) -> bytes:
        with self._told():
            return self._file.read(size)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = Lost if error.errno in _GONE_HERE else Failure
            raise kind(f"{self._path} can't be read: {error.strerror}") from None


def _written(part: Path, source: Readable) -> int:
    with part.open("xb") as file:
        while block := source.read(BLOCK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _named(part: Path, target: Path) -> None:
    for left in reversed(range(_TRIES)):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.replace(target)
            return
        except FileNotFoundError:
            # Another has removed the last file of this directory, and it with that.
            if not left:
                raise


def _streamed(shelf: Shelf, source: S3, bucket: str, item: Stored, path: str) -> dict[str, str]:
    stream = Measured(source.get(bucket, item.key, item.etag), f"{bucket}/{item.key}", item.size)
    shelf.write(path, stream, item.size)
    return {"sha256": stream.sha256}


def shelf_of(environ: Mapping[str, str] = os.environ, *, make: bool = False) -> Shelf:
    """BACKUP_TO: `bucket` (one that is missing is made if `make` says so) or `volume`. Raises Failure."""
    kind = required(environ, "BACKUP_TO")
    if kind == "volume":
        return Folder(Path(required(environ, "BACKUP_DIR")))
    if kind == "bucket":
        storage, name = Storage.of(environ, "BACKUP_S3_"), required(environ, "BACKUP_S3_BUCKET")
        namespace, _, _ = site(environ).partition("/")
        places = {place(of.endpoint, namespace) for of in (storage, Storage.of(environ))}
        if name in buckets(environ).values() and len(places) == 1:
            raise WrongUse(f"BACKUP_S3_BUCKET is {name}, which is saved: a backup would save itself. Name another")
        return Bucket(storage, name, make=make)
    raise WrongUse("BACKUP_TO must be bucket or volume")
