"""Manifests and lists as registries give them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import TypeVar
from urllib.parse import urljoin

import msgspec

from sensei_tui.registry.errors import Asked, Lied, RegistryError
from sensei_tui.registry.reference import is_digest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST)
T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index as it is stored, byte by byte."""

    content: bytes
    media_type: str
    digest: str
    """Of `content`, computed here."""

    @classmethod
    def of(cls, content: bytes, media_type: str, algorithm: str = "sha256") -> Manifest:
        """With its digest."""
        return cls(content, media_type, f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """What an index says of one manifest."""

    media_type: str
    digest: str
    size: int
    """Bytes."""
    artifact_type: str = ""
    annotations: dict[str, str] = {}


class Tags(msgspec.Struct):
    """The answer of `tags/list`."""

    tags: list[str] | None = None


class Index(msgspec.Struct):
    """What is needed of an index."""

    manifests: list[Descriptor] | None = None


class Subject(msgspec.Struct):
    """What a manifest says it is about, if anything."""

    subject: dict[str, object] | None = None


def decoded(asked: Asked, content: bytes, kind: type[T]) -> T:
    """JSON as one of the above. Raises RegistryError."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = f"The registry did not let us {asked.doing}."
        raise RegistryError(asked, what, why=f"its answer is not what it should be ({error})") from None


def own_type(content: bytes) -> str:
    """The media type that a manifest itself has in it, for registries that do not tell it; an OCI manifest's if not."""
    try:
        told = msgspec.json.decode(content)["mediaType"]
    except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
        return MANIFEST
    return str(told)


def check(asked: Asked, manifest: Manifest, headers: HTTPMessage) -> None:
    """Raises Lied if the manifest is not the one that was asked for, or the registry calls it by another digest."""
    told = headers.get("Docker-Content-Digest", "")
    for digest in (asked.version, told):
        if is_digest(digest) and _other(digest, manifest.digest):
            why = f"the registry says {digest}, its content is {manifest.digest}"
            raise Lied(asked, "The registry has another manifest than the digest says.", why=why, remedy=_DAMAGED)


def following(headers: HTTPMessage, url: str) -> str:
    """The next page of a list as an absolute URL (RFC 8288); empty after the last."""
    match = re.search(r'<([^>]*)>\s*;[^,]*\brel="?next"?', headers.get("Link", ""))
    return urljoin(url, match[1]) if match else ""


_DAMAGED = "Its storage, or a proxy before it, may be damaged: load this image again."


def _other(digest: str, ours: str) -> bool:
    """Whether two digests of one kind differ."""
    return digest != ours and digest.partition(":")[0] == ours.partition(":")[0]
