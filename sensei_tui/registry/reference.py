"""Names of images as they stand in pods, and where a site's own registry has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sensei_tui.base.errors import UsageError
from sensei_tui.base.text import clip, one_line

HUB = "docker.io"
"""The registry of a name that names none."""
_OFFICIAL = "library/"
"""Where the Hub keeps what has no owner."""
_LATEST = "latest"
_LONGEST = 255
"""Characters of a path with its host (distribution's reference package)."""

# The grammar of distribution's reference package, which the container runtimes use.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class BadReference(UsageError):
    """What should name an image or a registry does not."""

    code = "image-reference"


def is_digest(text: str) -> bool:
    """Whether this is a digest of a kind that registries have: `sha256:` or `sha512:` with its hexadecimal digits."""
    return bool(_DIGEST.fullmatch(text))


def digest_of(text: str) -> str:
    """The text itself if it is a digest. Raises BadReference."""
    if not is_digest(text):
        raise BadReference("This is not a digest.", where=clip(one_line(text), 300), remedy="Write sha256:...")
    return text


@dataclass(frozen=True, slots=True)
class Reference:
    """One image or artifact by its full name."""

    host: str
    """`docker.io` where none was written; with its port, IPv6 in brackets: `[fd00::5]:5000`."""
    path: str
    """What the registry calls the repository: `library/postgres`."""
    tag: str
    """Empty where only a digest was written, `latest` where neither was."""
    digest: str
    """`sha256:...`, or empty."""
    written: str
    """The path as it was written, without `library/`: what stays of a name that is moved."""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """`[HOST[:PORT]/]PATH[:TAG][@DIGEST]`. Raises BadReference."""
        rest, at, digest = text.partition("@")
        if at and not is_digest(digest):
            raise _bad(text, "what follows the @ is not a digest (sha256: and 64 hexadecimal digits)")
        host, written = _split(rest)
        written, colon, tag = written.partition(":")
        _check(text, host, written, tag if colon else None)
        path = _OFFICIAL + written if host == HUB and "/" not in written else written
        return cls(host, path, tag or ("" if digest else _LATEST), digest, written)

    @property
    def version(self) -> str:
        """What to ask the registry for: the digest if there is one, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return f"{self.host}/{self.path}{self.suffix}"

    @property
    def suffix(self) -> str:
        """`:TAG`, `@DIGEST` or both."""
        return f"{':' if self.tag else ''}{self.tag}{'@' if self.digest else ''}{self.digest}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a site keeps its images: `global.imageRegistry` of the charts, `--registry` of the command line."""

    host: str
    """With its port; IPv6 in brackets."""
    prefix: str = ""
    """A path in it, without slashes at the ends; may be empty."""

    @classmethod
    def parse(cls, text: str) -> Place:
        """`HOST[:PORT][/PREFIX]`. Raises BadReference."""
        if "://" in text:
            raise _bad(text, "a registry is named without https:// or http://", _PLACE)
        host, _, prefix = text.rstrip("/").partition("/")
        if not _is_host(host):
            raise _bad(text, "container runtimes take a name without dot and port for a path at docker.io", _PLACE)
        if not _HOST.fullmatch(host) or (prefix and not _PATH.fullmatch(prefix)):
            raise _bad(text, "the name has characters that a registry's can't have", _PLACE)
        return cls(host, prefix)

    def __str__(self) -> str:
        return f"{self.host}/{self.prefix}" if self.prefix else self.host

    def move(self, reference: Reference) -> Reference:
        """The same image here, as `sensei.image` of the charts names it when `global.imageRegistry` is this place.

        The host is dropped and the place put before the path as it was written. An `image.registry` that has a path
        of its own (`harbor.lan/mirror`) the charts drop whole; a rendered name does not tell where that path ends,
        so such names must be rendered with `global.imageRegistry` empty and that registry's path kept in mind.
        """
        return Reference.parse(f"{self}/{reference.written}{reference.suffix}")

    def repository(self, path: str) -> str:
        """A path under the prefix, as the registry calls the repository."""
        return f"{self.prefix}/{path}" if self.prefix else path


_IMAGE = "Write HOST[:PORT]/PATH:TAG or HOST[:PORT]/PATH@sha256:..."
_PLACE = "Write HOST[:PORT] or HOST[:PORT]/PREFIX, for example registry.example.com/mirror."


def _split(text: str) -> tuple[str, str]:
    """Host and what follows it, by the runtimes' rule: a host has a dot, a port or a capital, or is localhost."""
    first, slash, rest = text.partition("/")
    if not slash or not _is_host(first):
        return HUB, text
    return (HUB if first == f"index.{HUB}" else first), rest


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost" or text != text.lower()


def _check(text: str, host: str, path: str, tag: str | None) -> None:
    if not _HOST.fullmatch(host):
        raise _bad(text, "its host has characters that a host can't have")
    if not _PATH.fullmatch(path):
        raise _bad(text, "its path is empty or has characters that a repository can't have (capitals are not allowed)")
    if len(host) + 1 + len(path) > _LONGEST:
        raise _bad(text, f"it is longer than {_LONGEST} characters")
    if tag is not None and not _TAG.fullmatch(tag):
        raise _bad(text, "its tag is empty or has characters that a tag can't have")


def _bad(text: str, why: str, remedy: str = _IMAGE) -> BadReference:
    what = "This is not the name of a registry." if remedy is _PLACE else "This is not the name of an image."
    return BadReference(what, where=clip(one_line(text), 300), why=why, remedy=remedy)
