"""How a registry wants to be spoken to: without a login, with one, or with tokens of another server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.redaction import Secret
from sensei_tui.registry.connections import Connections, Live
from sensei_tui.registry.credentials import Keyring, Login
from sensei_tui.registry.errors import Asked, RegistryError, Unauthorized, refused
from sensei_tui.registry.reference import Place

_LIFE = 60.0
"""Seconds that a token holds when its server does not say (the token specification of distribution)."""
_EARLY = 10.0
"""Seconds before its end from which a token is not used for something new."""
_LARGEST = 1 << 20
"""Bytes of a token server's answer that are read."""
_CLIENT = "sensei"

Scopes = tuple[str, ...]
"""`repository:sensei/kora:pull,push`; empty for what needs none."""


def scope(repository: str, *, push: bool = False) -> str:
    """The permission for one repository, as token servers name it."""
    return f"repository:{repository}:pull{',push' if push else ''}"


class Challenge(NamedTuple):
    """One way that a registry offers (WWW-Authenticate)."""

    scheme: str
    """In small letters."""
    named: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Token:
    value: Secret
    until: float
    """On the monotonic clock."""


class Auth:
    """The Authorization header for one registry. Any thread."""

    def __init__(self, place: Place, connections: Connections, login: Login | Keyring | None, *, plain: bool) -> None:
        self._place, self._connections, self._plain = place, connections, plain
        self._given = login
        self._login: Login | None = login if isinstance(login, Login) else None
        self._sought = not isinstance(login, Keyring)
        self._challenge: Challenge | None = None
        self._tokens: dict[Scopes, _Token] = {}
        self._lock = threading.Lock()

    def header(self, asked: Asked, scopes: Scopes) -> str:
        """The header's value; empty until the registry has asked for one. Raises RegistryError, CredentialsError."""
        with self._lock:
            if self._challenge is None:
                return ""
            if self._challenge.scheme == "basic":
                return self._login.basic() if self._login else ""
            token = self._tokens.get(scopes)
            if token is None or token.until - _EARLY < clock.monotonic():
                token = self._tokens[scopes] = self._fetch(asked, self._challenge, scopes)
            return f"Bearer {token.value.reveal()}"

    def challenged(self, asked: Asked, headers: HTTPMessage, scopes: Scopes, used: str) -> bool:
        """Learn from a 401 to a request that went with the header `used`. Whether another try has better prospects.

        Raises CredentialsError.
        """
        with self._lock:
            self._seek()
            self._challenge = self._chosen(headers) or self._challenge
            if self._challenge is None:
                return False
            if self._challenge.scheme == "basic":
                return bool(self._login and used != self._login.basic())
            token = self._tokens.get(scopes)
            if token and used == f"Bearer {token.value.reveal()}":
                del self._tokens[scopes]
            return True

    def explained(self, error: RegistryError) -> RegistryError:
        """The same 401, with the logins that were looked for: their names, never what they are."""
        if self._login:
            error.why = f"{self._login.source} is not accepted" + (f" ({error.why})" if error.why else "")
        elif isinstance(self._given, Keyring):
            error.why = f"there is no login for {self._place} in {self._given.looked()}"
        else:
            error.why = "it wants a login and none was given"
        return error

    def _seek(self) -> None:
        if not self._sought and isinstance(self._given, Keyring):
            self._login = self._given.find(self._place)
            self._sought = True

    def _chosen(self, headers: HTTPMessage) -> Challenge | None:
        offered = {item.scheme: item for item in challenges(headers.get_all("WWW-Authenticate") or ())}
        found = offered.get("bearer")
        return found if found and found.named.get("realm") else offered.get("basic")

    def _fetch(self, asked: Asked, challenge: Challenge, scopes: Scopes) -> _Token:
        realm = challenge.named["realm"]
        about = Asked(urlsplit(realm).netloc or realm, "get a token")
        if self._login and not self._plain and not realm.startswith("https://"):
            why = "its token server is asked without TLS, which would show the login to everybody"
            raise Unauthorized(asked, f"The registry did not let us {asked.doing}.", why=why)
        answer = self._request(about, realm, challenge.named.get("service", ""), scopes)
        body = answer.rest(_LARGEST)
        if answer.status != 200:
            error = refused(about, answer.status, answer.headers, body)
            raise self.explained(error) if isinstance(error, Unauthorized) else error
        return _token(about, body)

    def _request(self, about: Asked, realm: str, service: str, scopes: Scopes) -> Live:
        named = [("service", service), *(("scope", item) for item in scopes)]
        if self._login and self._login.identity:
            return self._renew(about, realm, service, scopes, self._login.identity)
        if self._login:
            named.append(("account", self._login.user))
        headers = {"Authorization": self._login.basic()} if self._login else {}
        joint = "&" if urlsplit(realm).query else "?"
        return self._connections.exchange(about, "GET", f"{realm}{joint}{urlencode(named)}", headers)

    def _renew(self, about: Asked, realm: str, service: str, scopes: Scopes, identity: Secret) -> Live:
        form = {"grant_type": "refresh_token", "service": service, "client_id": _CLIENT, "scope": " ".join(scopes),
                "refresh_token": identity.reveal()}  # fmt: skip
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        return self._connections.exchange(about, "POST", realm, headers, [body])


def _token(about: Asked, body: bytes) -> _Token:
    try:
        told = msgspec.json.decode(body, type=_Told)
    except msgspec.DecodeError:
        told = _Told()
    value = told.token or told.access_token
    if not value or not value.isascii() or not value.isprintable():
        raise Unauthorized(about, "The registry's token server gave no token.", why="its answer has none in it")
    return _Token(Secret(value), clock.monotonic() + max(told.expires_in, _LIFE))


class _Told(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: float = 0.0


_PARAMETER = re.compile(r'\s*([A-Za-z_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_SCHEME = re.compile(r"\s*([A-Za-z]+)(?:\s*,|\s*$|\s+)(?!=)")


def challenges(values: Iterable[str]) -> list[Challenge]:
    """What WWW-Authenticate headers offer; one header may offer several ways, what is no challenge is passed over."""
    found: list[Challenge] = []
    for text in values:
        place = 0
        while place < len(text):
            match = _PARAMETER.match(text, place)
            if match and found:
                found[-1].named[match[1].lower()] = re.sub(r"\\(.)", r"\1", match[2] or match[3] or "")
            elif match := _SCHEME.match(text, place):
                found.append(Challenge(match[1].lower(), {}))
            else:
                break
            place = match.end()
    return found
