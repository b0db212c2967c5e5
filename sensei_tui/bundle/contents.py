"""`bundle.json`: what is in a bundle, and for what it is."""

from __future__ import annotations

import hashlib

import msgspec

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.base.text import bytes_si, clip, one_line
from sensei_tui.bundle.archive import Archive
from sensei_tui.bundle.errors import AGAIN as AGAIN
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.oci import DIGEST
from sensei_tui.registry.reference import BadReference, Reference

FORMAT = 1
PRODUCT = "sensei"
CONTENTS = "bundle.json"
SUMS = "SHA256SUMS"
VOLUMES, VOLUME = "volumes.json", "volume.json"
VOLUME_LIST = "volumes.list"
"""`NUMBER NAME` lines: the same as `volumes.json` for a shell."""
BLOBS = "blobs/sha256/"


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """An image, or an artifact: something with a name in a registry."""

    name: str
    """`registry.sensei.ai/sensei/kora:1.0.0`, as it stands in the pod; a chart's is `sensei/charts/NAME:VERSION`."""
    kind: str
    """`image`, `artifact` or `chart`."""
    digest: str
    media_type: str
    size: int
    """Bytes of everything below it; what it shares with others is counted in each."""
    unpacked: int = 0
    """The same on a node, or on the volume of a model: at least so many bytes."""
    used_by: tuple[str, ...] = ()
    cuda: str = ""
    """NVIDIA_REQUIRE_CUDA of the image: which drivers it runs with."""
    weights: int = 0
    """Of a model: bytes that its GPUs must hold, all together, before the first question."""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A packed chart in `charts/`."""

    name: str
    version: str
    file: str


class Referrer(msgspec.Struct, frozen=True, rename="camel"):
    """A manifest about an image: a signature, an SBOM."""

    digest: str
    media_type: str
    subject: str
    """Digest of the image's manifest or index."""


class Left(msgspec.Struct, frozen=True, omit_defaults=True):
    """A blob that the site has already."""

    digest: str
    size: int
    name: str = ""
    """An image that had it in the bundle before: the new one may have that no more."""


class Contents(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole of it. Times are ISO 8601 in UTC; sizes are bytes."""

    format: int = FORMAT
    product: str = PRODUCT
    version: str
    created: str
    """Of the newest image: the same images give the same bundle."""
    kubernetes: str
    """`>=1.30.0-0`: kubeVersion of the charts."""
    upgrade_from: str = ""
    """Versions that may be upgraded to this one; empty: any."""
    platforms: tuple[str, ...]
    charts: tuple[Chart, ...]
    items: tuple[Item, ...]
    referrers: tuple[Referrer, ...] = ()
    blobs: int
    size: int
    """Of all blobs in the bundle, each once."""
    unpacked: int = 0
    """Of everything that a site has then, unpacked, each layer once; at least."""
    since: str = ""
    """Version of the bundle that the site has: this one is a difference to it."""
    left: tuple[Left, ...] = ()

    def is_for(self, platform: str) -> bool:
        """Whether it has images for `linux/arm64`; those for `linux/arm64/v8` are."""
        return any(item == platform or item.startswith(f"{platform}/") for item in self.platforms)

    @property
    def left_out(self) -> str:
        """`12 MB that the bundle of 1.0.0 has`; empty where nothing is left out."""
        size = bytes_si(sum(item.size for item in self.left))
        return f"{size} that the bundle of {self.since} has" if self.left else ""

    @property
    def roots(self) -> tuple[tuple[str, str], ...]:
        """Digest and media type of everything from which the rest is reached."""
        images = [(item.digest, item.media_type) for item in self.items]
        return (*images, *((item.digest, item.media_type) for item in self.referrers))


class Part(msgspec.Struct, frozen=True):
    """A file of a volume that not all volumes have: a blob, a segment of one, a chart."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimal."""


class Volumes(msgspec.Struct, frozen=True):
    """`volumes.json`."""

    volumes: tuple[tuple[Part, ...], ...]
    """Of the first volume, of the second, and so on."""


class Volume(msgspec.Struct, frozen=True):
    """`volume.json`."""

    number: int
    """From 1 on."""
    of: int


class NewerBundle(SenseiError):
    """Made by a later version of this program."""

    code = "newer-bundle"
    exit_code = ExitCode.FINDING


def summed(archive: Archive, name: str) -> bytes:
    """A small file as SHA256SUMS has it: that is what a signature covers. Raises BadBundle."""
    content = archive.text(name)
    line = f"{hashlib.sha256(content).hexdigest()}  {name}"
    if line not in archive.text(SUMS).decode(errors="replace").split("\n"):
        where = f"{archive.path}: {name}"
        raise BadBundle("The bundle is damaged.", where=where, why=f"it is not what {SUMS} says", remedy=AGAIN)
    return content


def read_contents(archive: Archive) -> Contents:
    """Raises BadBundle, NewerBundle."""
    where, content = f"{archive.path}: {CONTENTS}", summed(archive, CONTENTS)
    try:
        head = msgspec.json.decode(content)
        if isinstance(head, dict) and isinstance(head.get("format"), int) and head["format"] > FORMAT:
            raise NewerBundle(
                f"The bundle has format {head['format']}; this program knows {FORMAT}.", where=where,
                remedy="Use the sensei that came with it.",
            )  # fmt: skip
        found = msgspec.json.decode(content, type=Contents)
    except msgspec.DecodeError as error:
        raise BadBundle("What is in the bundle can't be read.", where=where, why=str(error), remedy=AGAIN) from None
    if found.product != PRODUCT:
        raise BadBundle(
            "The bundle is for another product.", where=where, why=f"it is for {_harmless(found.product)}",
            remedy="Name a bundle of Sensei.",
        )  # fmt: skip
    _check_named(found, where)
    return found


def _check_named(found: Contents, where: str) -> None:
    """Digests and names become paths, here and in registries."""
    for digest in (*(digest for digest, _ in found.roots), *(item.digest for item in found.left)):
        if not DIGEST.fullmatch(digest):
            why = _harmless(digest)
            raise BadBundle("The bundle names something without a valid digest.", where=where, why=why, remedy=AGAIN)
    for name in (*(item.name for item in found.items), *(item.name for item in found.left if item.name)):
        try:
            Reference.parse(name)
        except BadReference as error:
            why = f"{_harmless(name)}: {error.why}"
            what = "The bundle names an image that no registry could have."
            raise BadBundle(what, where=where, why=why, remedy=AGAIN) from None


def _harmless(text: str) -> str:
    return clip(one_line(text), 80)


def blob_name(digest: str) -> str:
    """`blobs/sha256/HEX`."""
    return BLOBS + digest.partition(":")[2]
