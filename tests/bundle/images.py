"""Images made by the tests: layers of random files, shared and their own, for one platform or several."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

from sensei_tui.bundle.oci import CONTAINERD_NAME, OCI_INDEX, OCI_MANIFEST, REF_NAME


class LayoutMaker:
    """Writes an OCI image layout."""

    def __init__(self, root: Path, seed: int = 1) -> None:
        self.root = root
        self.blobs = root / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        self._random = random.Random(seed)
        self._roots: list[dict[str, Any]] = []
        self._unpacked: dict[str, str] = {}

    def put(self, content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        """A blob. Returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        (self.blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content), **more}

    def layer(self, size: int, empty: int = 0) -> dict[str, Any]:
        """A layer with one file of random bytes, and one of `empty` zeros, packed by itself."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            info = tarfile.TarInfo(f"data-{self._random.randrange(1 << 30)}")
            info.size = size
            tar.addfile(info, io.BytesIO(self._random.randbytes(size)))
            at = plain.tell()
            if empty:
                info = tarfile.TarInfo("empty")
                info.size = empty
                tar.addfile(info, io.BytesIO(bytes(empty)))
        parts = (plain.getvalue()[:at], plain.getvalue()[at:]) if empty else (plain.getvalue(),)
        packed = b"".join(gzip.compress(part, 1, mtime=0) for part in parts)
        found = self.put(packed, "application/vnd.oci.image.layer.v1.tar+gzip")
        self._unpacked[found["digest"]] = f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}"
        return found

    def manifest(
        self, layers: list[dict[str, Any]], architecture: str = "amd64", env: list[str] | None = None, **more: Any
    ) -> dict[str, Any]:
        """An image's manifest. Returns its descriptor."""
        unpacked = [self._unpacked.get(layer["digest"], "") for layer in layers]
        config = {"architecture": architecture, "os": "linux", "created": "2026-09-01T10:00:00.5Z",
                  "config": {"Env": env or []}, "rootfs": {"type": "layers", "diff_ids": unpacked}}  # fmt: skip
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": layers,
                    "config": self.put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
                    **more}  # fmt: skip
        platform = {"os": "linux", "architecture": architecture}
        return self.put(json.dumps(document).encode(), OCI_MANIFEST, platform=platform)

    def index(self, manifests: list[dict[str, Any]]) -> dict[str, Any]:
        """An index of several. Returns its descriptor."""
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
        return self.put(json.dumps(document).encode(), OCI_INDEX)

    def name(self, root: dict[str, Any], name: str) -> None:
        """The image's name in the layout."""
        self._roots.append({**root, "annotations": {REF_NAME: name, CONTAINERD_NAME: name}})

    def about(self, root: dict[str, Any]) -> None:
        """A manifest that has a subject and no name."""
        self._roots.append(root)

    def done(self) -> Path:
        """Write the index. Returns the layout's directory."""
        (self.root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self._roots}))
        return self.root
