"""What a manifest refers to, by https://github.com/opencontainers/image-spec (1.1) and Docker's schema 2."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from sensei_tui.bundle.errors import BadBundle
from sensei_tui.registry.manifests import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST

OCI_INDEX: Final = INDEX
OCI_MANIFEST: Final = MANIFEST
INDEXES: Final = frozenset({INDEX, DOCKER_LIST})
MANIFESTS: Final = frozenset({MANIFEST, DOCKER_MANIFEST})
CONFIGS: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
"""Media types of what tells how an image is run, and on what."""
EMPTY: Final = "application/vnd.oci.empty.v1+json"
REF_NAME: Final = "org.opencontainers.image.ref.name"
CONTAINERD_NAME: Final = "io.containerd.image.name"
"""By the one skopeo and oras find an image in a layout, by the other containerd."""
ATTESTED: Final = "vnd.docker.reference.digest"
"""Annotation of a manifest in an index: it tells something about that other one (SBOM, provenance)."""
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
MANIFEST_MAX: Final = 4 << 20
"""Bytes: what registries take at most (https://github.com/opencontainers/distribution-spec, 1.1)."""


class Platform(msgspec.Struct, frozen=True, omit_defaults=True):
    """`linux/arm64/v8`."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def fits(self, wanted: str) -> bool:
        """Whether it is what an operator calls so: the variant may be left out."""
        return str(self) == wanted or f"{self.os}/{self.architecture}" == wanted


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Something by its digest."""

    media_type: str
    digest: str
    size: int
    """Bytes."""
    platform: Platform | None = None
    annotations: dict[str, str] = {}
    artifact_type: str = ""
    urls: tuple[str, ...] = ()
    """Where a foreign layer lies: registries do not have it."""

    @property
    def hex(self) -> str:
        """The digest without its algorithm."""
        return self.digest.partition(":")[2]


class _Manifest(msgspec.Struct, rename="camel"):
    media_type: str = ""
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    artifact_type: str = ""
    annotations: dict[str, str] | None = None
    subject: Descriptor | None = None


class Document(msgspec.Struct, frozen=True):
    """A manifest or an index, read."""

    content: bytes
    media_type: str
    children: tuple[Descriptor, ...]
    """An index's manifests; a manifest's config, then its layers."""
    subject: str = ""
    """Digest of what it is about: a signature's or an SBOM's image."""
    artifact_type: str = ""
    """What it is, where it is no image."""
    annotations: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """Of its bytes."""
        return digest_of(self.content)

    @property
    def is_index(self) -> bool:
        """Whether its children are manifests."""
        return self.media_type in INDEXES

    def descriptor(self, platform: Platform | None = None) -> Descriptor:
        """What refers to it."""
        return Descriptor(
            self.media_type, self.digest, len(self.content), platform, artifact_type=self.artifact_type
        )  # fmt: skip

    def listed(self) -> Descriptor:
        """As a list of referrers has it: with its annotations."""
        return msgspec.structs.replace(self.descriptor(), annotations=self.annotations)


def digest_of(content: bytes) -> str:
    """`sha256:...`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_document(content: bytes, media_type: str, where: str) -> Document:
    """A manifest or an index; `media_type` where its own text does not say. Raises BadBundle."""
    try:
        found = msgspec.json.decode(content, type=_Manifest)
    except (msgspec.DecodeError, ValueError) as error:
        raise BadBundle("A manifest can't be read.", where=where, why=str(error)) from None
    kind = found.media_type or media_type or (OCI_INDEX if found.manifests else OCI_MANIFEST)
    if kind in INDEXES:
        children = found.manifests
    elif kind in MANIFESTS and found.config is not None:
        children = (found.config, *(item for item in found.layers if not item.urls))
    else:
        raise BadBundle("A manifest is of a kind that is not understood.", where=where, why=kind)
    for child in children:
        if not DIGEST.fullmatch(child.digest) or child.size < 0:
            what = "A manifest refers to something without a valid digest."
            raise BadBundle(what, where=where, why=child.digest[:90])
    about = found.subject.digest if found.subject else ""
    return Document(content, kind, children, about, _artifact_type(found), found.annotations or {})


def _artifact_type(found: _Manifest) -> str:
    """By the distribution specification, 1.1: what it says of itself, else its config's media type."""
    config = found.config.media_type if found.config else ""
    return found.artifact_type or ("" if config in CONFIGS else config)


def index_of(children: tuple[Descriptor, ...], media_type: str = OCI_INDEX) -> bytes:
    """An index of these."""
    return encoded({"schemaVersion": 2, "mediaType": media_type, "manifests": children})


def encoded(document: Any) -> bytes:
    """JSON; the same document gives the same bytes."""
    return msgspec.json.encode(document, order="deterministic")
