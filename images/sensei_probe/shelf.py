"""Where backups lie: a bucket or a directory. Paths are `backups/NAME/manifest.json`, `objects/ab/abc...`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from sensei_probe.s3 import S3, Stored, whole
from sensei_probe.settings import Failure, Storage, WrongUse, buckets, required
from sensei_probe.web import Readable

BLOCK = 1 << 20


class Shelf(Protocol):
    """What a backup needs of its place. Every method raises Failure."""

    def write(self, path: str, source: Readable, size: int | None = None) -> int:
        """A stream, whole or not at all. Returns its bytes."""

    def read(self, path: str) -> Readable:
        """To be read to the end."""

    def list(self, prefix: str) -> Iterator[str]:
        """Every path that begins so."""

    def delete(self, path: str) -> None:
        """Take one away."""

    def take(self, source: S3, bucket: str, item: Stored, path: str) -> None:
        """An object of a bucket, by the shortest way; Refused (404, 412) where it is not this one any more."""


class Bucket:
    """A bucket of an S3 service, made if it is missing."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._s3, self._name = S3(storage), name
        if not self._s3.exists(name):
            self._s3.make(name)

    def write(self, path: str, source: Readable, size: int | None = None) -> int:
        return self._s3.upload(self._name, path, source, size=size)

    def read(self, path: str) -> Readable:
        return self._s3.get(self._name, path)

    def list(self, prefix: str) -> Iterator[str]:
        return (item.key for item in self._s3.listed(self._name, prefix))

    def delete(self, path: str) -> None:
        self._s3.delete(self._name, path)

    def take(self, source: S3, bucket: str, item: Stored, path: str) -> None:
        if source.storage == self._s3.storage:
            self._s3.copy(bucket, item, self._name, path)
        else:
            self.write(path, source.get(bucket, item.key, item.etag), item.size)


class Folder:
    """A directory, of a persistent volume."""

    def __init__(self, root: Path) -> None:
        self._root = root
        if not root.is_dir():
            raise Failure(f"{root} is no directory: the volume is not mounted")

    def write(self, path: str, source: Readable, size: int | None = None) -> int:
        target = self._root / path
        part = target.with_name(f"{target.name}.part")
        total = 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                while block := source.read(BLOCK):
                    total += file.write(block)
                file.flush()
                os.fsync(file.fileno())
            whole(size, total, str(target))
            part.replace(target)
        except OSError as error:
            raise Failure(f"{target} can't be written: {error.strerror}") from None
        finally:
            part.unlink(missing_ok=True)
        return total

    def read(self, path: str) -> Readable:
        try:
            return (self._root / path).open("rb")
        except OSError as error:
            raise Failure(f"{self._root / path} can't be read: {error.strerror}") from None

    def list(self, prefix: str) -> Iterator[str]:
        base = self._root / prefix
        found = sorted(base.rglob("*")) if base.is_dir() else []
        return (str(item.relative_to(self._root)) for item in found if item.is_file())

    def delete(self, path: str) -> None:
        target = self._root / path
        target.unlink(missing_ok=True)
        # A directory that is empty now goes too.
        if target.parent != self._root and not any(target.parent.iterdir()):
            shutil.rmtree(target.parent, ignore_errors=True)

    def take(self, source: S3, bucket: str, item: Stored, path: str) -> None:
        self.write(path, source.get(bucket, item.key, item.etag), item.size)


def shelf_of(environ: Mapping[str, str] = os.environ) -> Shelf:
    """BACKUP_TO: `bucket` or `volume`. Raises Failure."""
    kind = required(environ, "BACKUP_TO")
    if kind == "volume":
        return Folder(Path(required(environ, "BACKUP_DIR")))
    if kind == "bucket":
        storage, name = Storage.of(environ, "BACKUP_S3_"), required(environ, "BACKUP_S3_BUCKET")
        if name in buckets(environ).values() and storage.endpoint == Storage.of(environ).endpoint:
            raise WrongUse(f"BACKUP_S3_BUCKET is {name}, which is saved: a backup would save itself. Name another")
        return Bucket(storage, name)
    raise WrongUse("BACKUP_TO must be bucket or volume")
