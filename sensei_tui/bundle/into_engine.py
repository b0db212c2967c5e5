"""A Docker engine: the last resort, because it gives images other digests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sensei_tui.bundle.errors import cause
from sensei_tui.bundle.runtimes import NoRuntime
from sensei_tui.registry.reference import Reference

_TOLD: Final = (
    "A Docker engine gives images other digests: values that name a digest, and signatures, do not fit them. "
    "Kubernetes takes images from it only where it is its runtime (cri-dockerd)."
)
_UNNAMED: Final = "<none>:<none>"
_AT_ONCE: Final = 1 << 20


class Engine:
    """The engine of DOCKER_HOST, or of this host. All images go in one stream: it keeps layers by itself."""

    one_by_one = False
    told = _TOLD

    def __init__(self) -> None:
        """Raises NoRuntime where none answers."""
        import docker

        try:
            self._client: Any = docker.from_env(timeout=3600)
            self._about: dict[str, Any] = self._client.info()
            self.architecture = str(self._client.version().get("Arch", ""))
        except (docker.errors.DockerException, OSError) as error:
            raise NoRuntime(
                "No Docker engine answers.", where="DOCKER_HOST, or /var/run/docker.sock", why=cause(error),
                remedy="Start it, or load into a registry: --registry",
            ) from None  # fmt: skip

    def name(self, wanted: Reference) -> str:
        """What it takes has a tag, and a digest of its own."""
        return str(replace(wanted, digest="")) if wanted.tag else ""

    def there(self) -> dict[str, frozenset[str]]:
        """An image's id is the digest of its config, or of its manifest where containerd keeps the images."""
        import docker

        try:
            images = self._client.api.images()
        except (docker.errors.DockerException, OSError) as error:
            raise NoRuntime("The Docker engine does not tell its images.", why=cause(error)) from None
        tags = ((name, str(image["Id"])) for image in images for name in image.get("RepoTags") or ())
        # An engine leaves out the Hub's name.
        return {str(Reference.parse(name)): frozenset({id}) for name, id in tags if name != _UNNAMED}

    def ready(self) -> dict[str, frozenset[str]]:
        return self.there()

    def kept(self) -> frozenset[str]:
        return frozenset()

    def places(self) -> tuple[Path, ...]:
        """It keeps all that it is sent until it has unpacked it."""
        root = Path(str(self._about.get("DockerRootDir", "")))
        local = os.environ.get("DOCKER_HOST", "unix://").startswith("unix://")
        return (root, root) if local and root.is_absolute() and root.exists() else ()

    def take(self, source: int) -> None:
        import docker

        try:
            self._client.images.load(_pieces(source))
        except (docker.errors.DockerException, OSError) as error:
            raise NoRuntime("The Docker engine could not take the images.", why=cause(error)) from None


def _pieces(source: int) -> Iterator[bytes]:
    while piece := os.read(source, _AT_ONCE):
        yield piece
