"""Images as a Docker engine on this host keeps them.

An engine unpacks what it pulls: its layers are not compressed, and it does not keep the registry's manifests. One with
containerd's image store (the default from 29 on) keeps the layers as they came, and an index that may name platforms
which it has not. Of both, `manifest.json` says what an image consists of; here it gets a manifest, and a digest, of its
own. The same image in the engine gives the same ones.
"""

from __future__ import annotations

import errno
import posixpath
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import SenseiError
from sensei_tui.bundle.disk import DiskFull
from sensei_tui.bundle.errors import BadBundle, cause
from sensei_tui.bundle.oci import DIGEST, MANIFEST_MAX, OCI_MANIFEST, Descriptor, Document, digest_of, encoded
from sensei_tui.bundle.pool import Reader, file_reader
from sensei_tui.bundle.source import NotThere, Source

TOLD = (
    "Images of a Docker engine have other digests than in their registry, and mostly layers that are not compressed: "
    "values that name a digest, and signatures, do not fit them."
)
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_COMPRESSED = {b"\x1f\x8b": "+gzip", b"\x28\xb5\x2f\xfd": "+zstd"}
"""By how it begins: RFC 1952, RFC 8878."""


class NoEngine(SenseiError):
    """No Docker engine answers here, or it failed."""

    code = "no-engine"


class _Saved(msgspec.Struct):
    config: str = msgspec.field(name="Config")
    layers: tuple[str, ...] = msgspec.field(name="Layers", default=())


class _Files(msgspec.Struct):
    diff_ids: tuple[str, ...] = ()


class _Config(msgspec.Struct):
    rootfs: _Files


class Engine(Source):
    """The engine of DOCKER_HOST, or of this host. What it gives is kept below `work` until `close`."""

    def __init__(self, work: Path) -> None:
        """Raises NoEngine where none answers, OSError where `work` can't be written to."""
        import docker

        try:
            self._client: Any = docker.from_env(timeout=600)
            self._client.ping()
        except (docker.errors.DockerException, OSError) as error:
            raise NoEngine(
                "No Docker engine answers.", where="DOCKER_HOST, or /var/run/docker.sock", why=cause(error),
                remedy="Start it, or take the images from their registry: leave --images-from out.",
            ) from None  # fmt: skip
        self._kept = tempfile.TemporaryDirectory(prefix=".sensei-images-", dir=work)
        self._blobs: dict[str, Reader] = {}

    def close(self) -> None:
        """Remove what was kept."""
        self._client.close()
        self._kept.cleanup()

    def root(self, name: str) -> Document:
        if "@" in name:
            raise NotThere(
                f"A Docker engine can't give {name}.", why="it does not keep the digests of the registry",
                remedy="Take the images from their registry: leave --images-from out.",
            )  # fmt: skip
        found = _Image(self._saved(name), name)
        self._blobs |= found.blobs
        return found.document

    def document(self, name: str, wanted: Descriptor) -> Document:
        raise NotThere(f"A Docker engine has one platform of {name} only.", where=wanted.digest)

    def blob(self, name: str, wanted: Descriptor) -> Reader:
        return self._blobs[wanted.digest]

    def _saved(self, name: str) -> Path:
        """`docker save` of it."""
        import docker

        path = Path(self._kept.name) / f"{len(list(Path(self._kept.name).iterdir()))}.tar"
        try:
            with path.open("wb") as file:
                for piece in self._client.api.get_image(name):
                    file.write(piece)
        except docker.errors.NotFound as error:
            # Also of an image that it has for another platform only: the engine's words say so.
            raise NotThere(
                f"The Docker engine has no image {name}.", why=str(error.explanation), remedy=f"docker pull {name}"
            ) from None  # fmt: skip
        except (docker.errors.DockerException, OSError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise DiskFull(
                    "There is no room for the engine's images.", where=str(path.parent),
                    remedy="Each is kept beside the bundle while it is made: make room, or name another --output.",
                ) from None  # fmt: skip
            raise NoEngine("The Docker engine could not give an image.", where=name, why=cause(error)) from None
        return path


class _Image:
    """What is in the tar of one image. Raises BadBundle."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._files = self._places()
        try:
            (saved,) = msgspec.json.decode(self._small("manifest.json"), type=tuple[_Saved, ...])
            config = self._small(saved.config)
            unpacked = msgspec.json.decode(config, type=_Config).rootfs.diff_ids
            layers = [self._layer(*item) for item in zip(saved.layers, unpacked, strict=True)]
        except (msgspec.DecodeError, ValueError) as error:
            raise self._bad(str(error)) from None
        own = Descriptor(_CONFIG, digest_of(config), len(config))
        self.blobs: dict[str, Reader] = {own.digest: self._reader(saved.config)}
        self.blobs |= {layer.digest: self._reader(file) for layer, file in zip(layers, saved.layers, strict=True)}
        text = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": own, "layers": layers}
        self.document = Document(encoded(text), OCI_MANIFEST, (own, *layers))

    def _places(self) -> dict[str, tuple[int, int]]:
        """Name -> offset and size. A layer that several have is there once, and linked to."""
        try:
            with tarfile.open(self._path, "r:") as tar:
                items = tar.getmembers()
        except (tarfile.TarError, OSError) as error:
            raise self._bad(str(error)) from None
        found = {item.name: (item.offset_data, item.size) for item in items if item.isreg()}
        for item in items:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(item.name), item.linkname))
            if item.issym() and target in found:
                found[item.name] = found[target]
        return found

    def _layer(self, file: str, unpacked: str) -> Descriptor:
        """By its name in newer engines (25 on), else by the digest that the config has of it."""
        digest = f"sha256:{file.rpartition('/')[2]}" if file.startswith("blobs/sha256/") else unpacked
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest[:80]} is no digest")
        first, size = self._place(file)
        head = b"".join(bytes(piece) for piece in file_reader(self._path, first, min(4, size))())
        packed = next((kind for magic, kind in _COMPRESSED.items() if head.startswith(magic)), "")
        return Descriptor(f"{_LAYER}{packed}", digest, size)

    def _reader(self, file: str) -> Reader:
        return file_reader(self._path, *self._place(file))

    def _small(self, file: str) -> bytes:
        if self._place(file)[1] > MANIFEST_MAX:
            raise ValueError(f"{file} is larger than it can be")
        return b"".join(bytes(piece) for piece in self._reader(file)())

    def _place(self, file: str) -> tuple[int, int]:
        if file not in self._files:
            raise ValueError(f"it lacks {file}")
        return self._files[file]

    def _bad(self, why: str) -> BadBundle:
        return BadBundle("What the Docker engine gave can't be read.", where=self._name, why=why)
