"""Requests to one registry: logins, redirects, tries and errors in one place."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from sensei_tui.registry.auth import Auth, Scopes
from sensei_tui.registry.connections import Connections, Live, OnBytes, Origin, Piece
from sensei_tui.registry.errors import Asked, RegistryError, TokenExpired, Unauthorized, refused
from sensei_tui.registry.patience import Patience, Tries

REDIRECTS = 5
"""Followed for one request; storage behind a registry is one or two away."""
LARGEST = 4 << 20
"""Bytes of a manifest or list that are read: what registries take at least (OCI distribution specification)."""
_MOVED = frozenset({301, 302, 303, 307, 308})
_AGENT = "sensei"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    method: str
    url: str
    """Absolute, or a path from the registry's root on."""
    asked: Asked
    good: frozenset[int]
    """The statuses that are no error."""
    scopes: Scopes = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent with its Content-Length."""


class Answer(NamedTuple):
    """One answer, read to its end."""

    status: int
    headers: HTTPMessage
    body: bytes
    url: str
    """Of the request; where Location starts from."""


class Requests:
    """Any thread."""

    def __init__(self, root: str, connections: Connections, auth: Auth, patience: Patience) -> None:
        """`root`: `https://registry.lan:5000`."""
        self.root = root
        self.registry = urlsplit(root).netloc
        """As messages name it."""
        self.connections = connections
        self._origin = Origin.of(urlsplit(root))
        self._auth = auth
        self._patience = patience
        self._closed = threading.Event()

    def tries(self) -> Tries:
        """A new count of tries."""
        return Tries(self._patience, self._closed)

    def close(self) -> None:
        """Waits end at once, idle connections are closed."""
        self._closed.set()
        self.connections.close()

    def ask(self, call: Call, *, at_once: bool = False) -> Answer:
        """The answer, tried again as `Patience` says; `at_once`: only where the registry asks us to wait. Raises
        RegistryError, CredentialsError."""
        tries = self.tries()
        while True:
            try:
                return self.once(call)
            except RegistryError as error:
                if at_once and not error.wait:
                    raise
                tries.failed(error)

    def once(self, call: Call) -> Answer:
        """The answer to one try. Raises RegistryError, CredentialsError."""
        live = self.open(call)
        body = live.rest(LARGEST + 1)
        if len(body) > LARGEST:
            raise RegistryError(call.asked, "The registry's answer is too long.", why=f"more than {LARGEST >> 20} MiB")
        return Answer(live.status, live.headers, body, self.url(call))

    def open(self, call: Call) -> Live:
        """One try whose answer is still to be read. Raises RegistryError, CredentialsError."""
        live, used = self._send(call)
        if live.status == 401 and self._learns(call, live, used):
            live.rest()
            live, _ = self._send(call)
        return self._judged(call, live)

    def send(
        self, call: Call, pieces: Iterable[Piece], count: int, *, within: float, on_bytes: OnBytes | None
    ) -> Answer:
        """One try with a body of `count` bytes that is not sent a second time here. Raises RegistryError,
        CredentialsError and what `pieces` raises; TokenExpired where another try has better prospects."""
        url = self.url(call)
        headers, used = self._headers(call, url)
        headers["Content-Length"] = str(count)
        live = self.connections.exchange(
            call.asked, call.method, url, headers, pieces, within=within, on_bytes=on_bytes
        )  # fmt: skip
        if live.status == 401 and self._learns(call, live, used):
            live.close()
            raise TokenExpired(call.asked, "The registry wants a new login.", status=401)
        live = self._judged(call, live)
        return Answer(live.status, live.headers, live.rest(), url)

    def url(self, call: Call) -> str:
        """The absolute URL of a call."""
        return urljoin(self.root, call.url)

    def location(self, answer: Answer, asked: Asked) -> str:
        """Where an upload goes on. Raises RegistryError if the answer does not say."""
        told = answer.headers.get("Location", "")
        if not told:
            raise RegistryError(asked, f"The registry did not let us {asked.doing}.", why="it names no Location")
        url = urljoin(answer.url, told)
        # A registry behind a proxy may not know its own scheme or port: the host that we reach is the one.
        parts = urlsplit(url)
        if parts.hostname == self._origin.host:
            own = urlsplit(self.root)
            url = parts._replace(scheme=own.scheme, netloc=own.netloc).geturl()
        return url

    def _learns(self, call: Call, live: Live, used: str | None) -> bool:
        # What storage elsewhere asks for is not for the registry's login.
        return used is not None and self._auth.challenged(call.asked, live.headers, call.scopes, used)

    def _judged(self, call: Call, live: Live) -> Live:
        if live.status in call.good:
            return live
        error = refused(call.asked, live.status, live.headers, live.rest())
        raise self._auth.explained(error) if isinstance(error, Unauthorized) else error

    def _send(self, call: Call) -> tuple[Live, str | None]:
        """The answer after redirects, and the Authorization header that went with the last of them."""
        url = self.url(call)
        for _ in range(REDIRECTS + 1):
            headers, used = self._headers(call, url)
            pieces = None if call.body is None else [call.body]
            live = self.connections.exchange(call.asked, call.method, url, headers, pieces)
            if live.status not in _MOVED or call.method not in ("GET", "HEAD"):
                return live, used if self._ours(url) else None
            target = live.headers.get("Location", "")
            live.rest()
            url = urljoin(url, target)
        raise RegistryError(call.asked, f"The registry did not let us {call.asked.doing}.", why="too many redirects")

    def _headers(self, call: Call, url: str) -> tuple[dict[str, str], str]:
        """Credentials go to the registry itself and to nobody else."""
        used = self._auth.header(call.asked, call.scopes) if self._ours(url) else ""
        length = {} if call.body is None else {"Content-Length": str(len(call.body))}
        return {"User-Agent": _AGENT, **call.headers, **length, **({"Authorization": used} if used else {})}, used

    def _ours(self, url: str) -> bool:
        try:
            return Origin.of(urlsplit(url)) == self._origin
        except ValueError:
            return False
