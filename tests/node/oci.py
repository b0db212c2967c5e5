"""Container images without a builder: layers from directories, an OCI layout in one tar, as `ctr images import` takes it.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TYPES = "application/vnd.oci.image"


@dataclass(frozen=True)
class Blob:
    """A file by its digest."""

    digest: str
    size: int
    content: bytes | Path

    def described(self, media: str, **more: Any) -> dict[str, Any]:
        return {"mediaType": f"{_TYPES}.{media}", "digest": self.digest, "size": self.size, **more}


@dataclass(frozen=True)
class Image:
    """What becomes an image: its full names, layers from the lowest, and how it starts."""

    names: tuple[str, ...]
    layers: tuple[Blob, ...]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    stop_signal: str = ""


def blob(content: bytes) -> Blob:
    return Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content), content)


def file_blob(path: Path) -> Blob:
    with path.open("rb") as file:
        return Blob(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}", path.stat().st_size, path)


def layer(fill: Callable[[tarfile.TarFile], None], target: Path | None = None) -> Blob:
    """A layer that `fill` writes, in memory or in a file. It is not compressed: it is read once, on this machine."""
    if target is not None:
        with tarfile.open(target, "w") as tar:
            fill(tar)
        return file_blob(target)
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        fill(tar)
    return blob(memory.getvalue())


def add(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """A file of root's."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


def layout(images: Iterable[Image], target: Path) -> None:
    """Write the images into one tar; what they share is in it once."""
    blobs: dict[str, Blob] = {}
    manifests = []
    for image in images:
        config = blob(json.dumps(_config(image)).encode())
        manifest = blob(json.dumps(_manifest(image, config)).encode())
        blobs |= {one.digest: one for one in (*image.layers, config, manifest)}
        for name in image.names:
            note = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
            manifests.append(manifest.described("manifest.v1+json", annotations=note))
    index = {"schemaVersion": 2, "mediaType": f"{_TYPES}.index.v1+json", "manifests": manifests}
    with tarfile.open(target, "w") as tar:
        add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        add(tar, "index.json", json.dumps(index).encode())
        for one in blobs.values():
            _add_blob(tar, one)


def _add_blob(tar: tarfile.TarFile, one: Blob) -> None:
    name = f"blobs/{one.digest.replace(':', '/')}"
    if isinstance(one.content, bytes):
        add(tar, name, one.content)
    else:
        tar.add(one.content, name)


def _config(image: Image) -> dict[str, Any]:
    started = {
        "Entrypoint": list(image.entrypoint), "Cmd": list(image.command), "User": image.user,
        "Env": [f"{name}={value}" for name, value in image.environ.items()], "StopSignal": image.stop_signal,
    }  # fmt: skip
    return {
        "architecture": "amd64", "os": "linux", "config": {key: value for key, value in started.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [one.digest for one in image.layers]},
    }  # fmt: skip


def _manifest(image: Image, config: Blob) -> dict[str, Any]:
    return {
        "schemaVersion": 2, "mediaType": f"{_TYPES}.manifest.v1+json", "config": config.described("config.v1+json"),
        "layers": [one.described("layer.v1.tar") for one in image.layers],
    }  # fmt: skip
