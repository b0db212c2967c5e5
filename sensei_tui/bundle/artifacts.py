"""Charts and files as OCI artifacts: the same files give the same bytes.

A chart is what `helm pull oci://` understands (https://helm.sh/docs/topics/registries/). Files are what the charts'
loaders fetch: a layer each, or a part of one: its title is the path, and `ai.sensei.file.offset` and `.size` (bytes)
say where a part belongs.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sensei_tui.base.errors import UsageError
from sensei_tui.bundle.oci import EMPTY, OCI_MANIFEST, Descriptor, Document, encoded
from sensei_tui.bundle.pool import Pool, file_reader
from sensei_tui.site import yamlfile

PART = 512 << 20
"""Bytes of a layer at most: after a cut at most this much is sent again, whatever the registry can resume."""
TITLE = "org.opencontainers.image.title"
OFFSET, SIZE = "ai.sensei.file.offset", "ai.sensei.file.size"
CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
FILES, FILE_PART = "application/vnd.ai.sensei.files.v1", "application/octet-stream"


def packed_chart(directory: Path) -> bytes:
    """`helm package` without its time stamps. Raises UsageError, YamlError, OSError."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        # Chart.yaml first: Helm knows the archive's directory by it.
        files = sorted(item for item in directory.rglob("*") if item.is_file())
        for file in sorted(files, key=lambda item: item != directory / "Chart.yaml"):
            info = tarfile.TarInfo(f"{directory.name}/{file.relative_to(directory).as_posix()}")
            content = file.read_bytes()
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def add_chart(directory: Path, pool: Pool) -> tuple[Descriptor, bytes]:
    """The chart as an artifact in the pool. Returns it and the package's bytes. Raises UsageError, YamlError."""
    file = directory / "Chart.yaml"
    about = yamlfile.parse(yamlfile.read(file), file)
    package = packed_chart(directory)
    config = pool.add_bytes(encoded(_plain(about)), CHART_CONFIG)
    return _manifest(pool, config, [pool.add_bytes(package, CHART_CONTENT)], ""), package


def add_files(paths: list[Path], root: Path, pool: Pool) -> Descriptor:
    """Files by their paths below `root`, in parts of at most `PART`. Raises UsageError (there are none), OSError."""
    if not paths:
        raise UsageError("There is no file to put into the bundle.", where=str(root))
    layers = [layer for path in sorted(paths) for layer in _parts(path, path.relative_to(root).as_posix(), pool)]
    return _manifest(pool, pool.add_bytes(b"{}", EMPTY), layers, FILES)


def _parts(path: Path, title: str, pool: Pool) -> Iterator[Descriptor]:
    whole = path.stat().st_size
    for first in range(0, max(1, whole), PART):
        size = min(PART, whole - first)
        check = hashlib.sha256()
        for piece in file_reader(path, first, size)():
            check.update(piece)
        notes = {TITLE: title}
        if whole > PART:
            notes |= {OFFSET: str(first), SIZE: str(whole)}
        found = Descriptor(FILE_PART, f"sha256:{check.hexdigest()}", size, annotations=notes)
        pool.add(found.digest, size, file_reader(path, first, size))
        yield found


def _manifest(pool: Pool, config: Descriptor, layers: list[Descriptor], artifact_type: str) -> Descriptor:
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
    if artifact_type:
        document["artifactType"] = artifact_type
    return pool.add_document(
        Document(encoded(document), OCI_MANIFEST, (config, *layers), "", artifact_type or config.media_type)
    )


def _plain(value: Any) -> Any:
    """Without the YAML reader's own types."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
