"""What can go wrong between us and a registry, each with its cause and what to do about it."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import BadStatusLine, HTTPMessage
from pathlib import Path

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import clip, one_line

_LONGEST = 400
"""Characters that are told of a registry's own words."""
_ENDLESS = 1e9
"""Seconds: more than that nobody waits."""
ALWAYS = 1_000
"""Worth trying again as long as the caller's patience lasts."""
_FAILED = 3
"""Times something is tried that the registry answers with 500: a full or damaged disk does not get better by more."""
_ALERT = "\x15\x03"
"""How an alert of TLS begins: what a TLS server may answer to plain HTTP."""
_NO_PLAIN = "Leave out the option for plain HTTP (--plain-http)."
_OTHER = "That file is not the authority's: get the right one from the registry's administrator (--ca FILE)."
_TRUST = "Name the file of the authority that signed it (--ca FILE)."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of whom: the part of a message that does not depend on what went wrong."""

    registry: str
    doing: str
    """`read the blob`."""
    repository: str = ""
    version: str = ""
    """A digest or a tag."""
    writing: bool = False
    looking: bool = False
    """Whether it is there, not what it is."""

    @property
    def where(self) -> str:
        """`registry.lan:5000/sensei/kora@sha256:...`."""
        path = f"{self.registry}/{self.repository}" if self.repository else self.registry
        mark = "@" if ":" in self.version else ":"
        return one_line(f"{path}{mark}{self.version}" if self.version else path)


class RegistryError(SenseiError):
    """A registry, or the way to it, failed."""

    code = "registry"
    tries = 1
    """How often it is worth trying, the first time included."""

    def __init__(self, asked: Asked, what: str, *, why: str = "", remedy: str = "", status: int = 0) -> None:
        super().__init__(what, where=asked.where, why=why, remedy=remedy)
        self.asked = asked
        self.status = status
        """The HTTP status; 0 where no answer came."""
        self.reason = ""
        """The registry's own code, such as `BLOB_UNKNOWN`; empty where it gave none."""
        self.wait = 0.0
        """Seconds that the registry asks us to wait (Retry-After)."""


class Unreachable(RegistryError):
    """Nobody listens there, or there is no way there: for a moment, if the registry or a switch starts again."""

    code = "registry-unreachable"
    tries = ALWAYS


class UnknownName(Unreachable):
    """The DNS does not know the name."""

    tries = 1


class TlsFailed(RegistryError):
    """The registry's certificate is not trusted, has expired, or is another name's."""

    code = "registry-tls"


class WrongScheme(RegistryError):
    """One side speaks TLS, the other plain HTTP."""

    code = "registry-scheme"


class Unauthorized(RegistryError):
    """401: there is no login, or it is not accepted."""

    code = "registry-unauthorized"


class TokenExpired(Unauthorized):
    """401 in the middle of an upload: a new token was got meanwhile."""

    tries = ALWAYS


class Denied(RegistryError):
    """403: the login is known, but may not."""

    code = "registry-denied"


class NotFound(RegistryError):
    """404: no such repository, manifest or blob."""

    code = "registry-not-found"


class Refused(RegistryError):
    """Another 4xx: the registry refuses what was asked."""

    code = "registry-refused"


class Lied(RegistryError):
    """The registry gave or kept other content than the digest says."""

    code = "registry-digest"


class ServerFailed(RegistryError):
    """408, 429 and 5xx."""

    code = "registry-server"
    tries = ALWAYS


class Broken(ServerFailed):
    """500 to whoever looks whether it is there: what the registry has of it may be damaged.

    docker-registry 2.8 and registry 3 answer so as long as the file that names a blob or manifest is empty, as a crash
    may leave it; sending it again mends that.
    """

    tries = _FAILED


class Full(RegistryError):
    """5xx in the middle of writing: most often there is no room left."""

    code = "registry-full"
    tries = _FAILED


class Slow(RegistryError):
    """Nothing came, or nothing was taken, for as long as the timeout says."""

    code = "registry-slow"
    tries = ALWAYS


class Lost(RegistryError):
    """The connection ended in the middle."""

    code = "registry-lost"
    tries = ALWAYS


class UploadGone(RegistryError):
    """The registry has forgotten an upload, as it does when it starts again: the blob begins again."""

    code = "registry-upload-gone"
    tries = ALWAYS


class SourceShort(RegistryError):
    """Our own side has fewer bytes than it said; nothing of the registry's."""

    code = "registry-source"


def refused(asked: Asked, status: int, headers: HTTPMessage, body: bytes) -> RegistryError:
    """The error for an answer that is none of those expected."""
    reason, message = _told(body)
    kind, why, remedy = _judged(asked, status, reason, message)
    told = ": ".join(part for part in (reason, message) if part)
    error = kind(asked, _cannot(asked), why=why or told or f"HTTP {status}", remedy=remedy, status=status)
    error.reason, error.wait = reason, _seconds(headers.get("Retry-After", ""))
    if error.wait >= 1:
        error.why += f"; it asks us to wait {clock.duration(error.wait)}"
    return error


def _cannot(asked: Asked) -> str:
    return f"The registry did not let us {asked.doing}."


_Judged = tuple[type[RegistryError], str, str]


def _judged(asked: Asked, status: int, reason: str, message: str) -> _Judged:
    if status == 400 and re.search(r"HTTP request .*to (an )?HTTPS", message):
        return WrongScheme, "it speaks TLS, we spoke plain HTTP", _NO_PLAIN
    if reason in _BY_REASON:
        return Refused, "", _BY_REASON[reason]
    if status == 507 or (status == 500 and asked.writing):
        return Full, _full(status, reason, message), "See whether its disk is full, and its log; make room, try again."
    if status == 429:
        return ServerFailed, "", "It takes no more requests for now: try again later, or with fewer at once."
    if status == 408:  # a proxy's, when what we read from came too slowly
        return ServerFailed, "", "It waits too little for what we send: raise the time limit of the proxy before it."
    if status >= 500:
        kind = Broken if status == 500 and asked.looking else ServerFailed
        return kind, "", "Look at the registry's own log, then try again."
    return _BY_STATUS.get(status, (Refused, "", ""))


def _full(status: int, reason: str, message: str) -> str:
    told = ": ".join(part for part in (reason, message) if part)
    return f"the registry's storage may be full (HTTP {status}{', ' + told if told else ''})"


_BY_REASON = {
    "DIGEST_INVALID": "What was sent is not what its digest says: check the bundle and its medium.",
    "MANIFEST_BLOB_UNKNOWN": "Upload the blobs and manifests that it names first.",
    "NAME_INVALID": "Choose a path that this registry allows.",
}
_BY_STATUS: dict[int, _Judged] = {
    401: (Unauthorized, "", "Log in to the registry (docker login or podman login), then try again."),
    403: (Denied, "", "Ask the registry's administrator for this permission, or log in as somebody who has it."),
    404: (NotFound, "", ""),
    413: (Refused, "what we sent is larger than it takes", "Raise the limit of the proxy before the registry."),
    405: (Refused, "", "The registry may be read-only: name one that takes uploads."),
}


def _told(body: bytes) -> tuple[str, str]:
    """Code and message of the first error in an answer, made harmless; text of something else as the message."""
    try:
        first = msgspec.json.decode(body)["errors"][0]
        code, message = str(first.get("code") or ""), str(first.get("message") or "")
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, AttributeError):
        code, message = "", re.sub(r"<[^>]*>", " ", body[:2_000].decode(errors="replace"))
    return clip(one_line(code), 60), clip(one_line(message), _LONGEST)


def _seconds(text: str) -> float:
    """Retry-After as seconds from now: a number or a date (RFC 9110); 0 for what is neither."""
    if text.strip().isdecimal():
        return min(float(text), _ENDLESS)
    try:
        return max(0.0, (parsedate_to_datetime(text) - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def from_exception(asked: Asked, error: Exception, timeout: float, ca: Path | None = None) -> RegistryError:
    """The error for what a socket, TLS or http.client raised. `timeout` in seconds; `ca`: the authority's file."""
    what = f"We could not {asked.doing}."
    if isinstance(error, ssl.SSLCertVerificationError):
        why, remedy = _certificate(error, ca)
        return TlsFailed(asked, what, why=why, remedy=remedy)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _tls(asked, what, error)
    if isinstance(error, TimeoutError):
        remedy = "Check that the address is right, that no firewall drops the traffic, and how busy the registry is."
        return Slow(asked, what, why=f"nothing happened for {timeout:.3g} seconds", remedy=remedy)
    if isinstance(error, OSError):
        return _socket(asked, what, error)
    if isinstance(error, BadStatusLine) and str(error).startswith(_ALERT):
        return WrongScheme(asked, what, why="it speaks TLS, we spoke plain HTTP", remedy=_NO_PLAIN)
    return Lost(asked, what, why="its answer was cut off, or is no HTTP", remedy="Look at the registry's own log.")


def _certificate(error: ssl.SSLCertVerificationError, ca: Path | None) -> tuple[str, str]:
    # Numbers of OpenSSL's X509_V_ERR_*.
    if error.verify_code in (9, 10):
        state = "has expired" if error.verify_code == 10 else "is not valid yet"
        return f"its certificate {state}", "Renew the registry's certificate; check both clocks."
    if error.verify_code in (62, 64):
        return "its certificate is for another name", "Use a name that the certificate has."
    if error.verify_code in (18, 19, 20, 21):
        if ca:
            return f"its certificate is signed by another authority than {ca}", _OTHER
        return "its certificate is signed by an authority that is not trusted here", _TRUST
    return one_line(error.verify_message or "its certificate is not valid"), _OTHER if ca else _TRUST


def _tls(asked: Asked, what: str, error: ssl.SSLError) -> RegistryError:
    # What OpenSSL says when plain HTTP answers a ClientHello; the words changed with OpenSSL 3.2.
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        remedy = "Give the registry TLS, or say that it speaks plain HTTP (--plain-http)."
        return WrongScheme(asked, what, why="it does not speak TLS on this port", remedy=remedy)
    why = one_line(error.reason or "the TLS handshake failed").lower().replace("_", " ")
    return TlsFailed(asked, what, why=why, remedy="Look at the registry's own log.")


def _socket(asked: Asked, what: str, error: OSError) -> RegistryError:
    if isinstance(error, socket.gaierror):
        remedy = "Check the registry's name, and this host's DNS."
        kind = Unreachable if error.errno == socket.EAI_AGAIN else UnknownName
        return kind(asked, what, why="the registry's name cannot be resolved", remedy=remedy)
    if isinstance(error, ConnectionRefusedError):
        remedy = "Check that the registry runs, and its address and port."
        return Unreachable(asked, what, why="connection refused", remedy=remedy)
    if isinstance(error, ConnectionError | ssl.SSLError):
        return Lost(asked, what, why="the connection was cut", remedy="Look at the registry's own log; try again.")
    why = one_line(error.strerror or str(error)).lower() or "there is no way there"
    return Unreachable(asked, what, why=why, remedy="Check the network between this host and the registry.")
