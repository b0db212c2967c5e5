"""HTTP for the rest: one connection kept open per host, errors in one line, nothing of a credential in them."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from sensei_probe.settings import Failure, tls_context

TIMEOUT = 60.0
"""Seconds for one answer; a block of 16 MiB passes a slow line in that time."""
TRIES = 5
BUSY = (429, 500, 502, 503, 504)
"""What a server answers that will do better soon."""


class Unreachable(Failure):
    """Nobody answered."""


class Refused(Failure):
    """An answer that says no. `status` is HTTP's, `code` the service's own word where it has one."""

    def __init__(self, text: str, status: int, code: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.code = code


class Readable(Protocol):
    """What an answer's body offers."""

    def read(self, size: int = -1, /) -> bytes: ...


class Answer:
    """Status, headers (names in small letters) and the body, read as it is asked for."""

    def __init__(self, found: http.client.HTTPResponse) -> None:
        self._found = found
        self.status = found.status
        self.headers = {name.lower(): value for name, value in found.getheaders()}

    def read(self, size: int = -1) -> bytes:
        """The next bytes; all that is left with -1. Raises Unreachable where the line breaks."""
        try:
            block = self._found.read(None if size < 0 else size)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the answer broke off: {told(error)}") from None
        # Read in blocks, http.client takes a connection that was closed too early for the end.
        if size and not block and self._found.length:
            raise Unreachable(f"the answer broke off: {self._found.length} bytes are missing")
        return block

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.read())
        except ValueError:
            return None


class Server:
    """One origin (`http://host:port`)."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Failure(f"{url} is no http or https address")
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.host = parts.netloc
        self._secure = parts.scheme == "https"
        self._name, self._port = parts.hostname, parts.port or (443 if self._secure else 80)
        self._timeout = timeout
        self._line: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """End the connection."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | bytearray | None = None,
        tries: int = TRIES,
    ) -> Answer:  # fmt: skip
        """The answer, whatever its status; asked again, ever later, where the line breaks or the server is busy.

        An answer must be read to its end before the next is asked for. Raises Unreachable.
        """
        for left in reversed(range(tries)):
            try:
                answer = self._once(method, path, headers or {}, body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not left:
                    raise Unreachable(f"{self.origin} does not answer: {told(error)}") from None
            else:
                if answer.status not in BUSY or not left:
                    return answer
                answer.read()
            time.sleep(min(8.0, 0.25 * 2 ** (tries - left)))
        raise AssertionError

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes | bytearray | None) -> Answer:
        if self._line is None:
            self._line = self._connect()
        self._line.request(method, path, body=body, headers=dict(headers))
        return Answer(self._line.getresponse())

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            return http.client.HTTPSConnection(self._name, self._port, timeout=self._timeout, context=tls_context())
        return http.client.HTTPConnection(self._name, self._port, timeout=self._timeout)


def told(error: Exception) -> str:
    """The error in a few words."""
    if isinstance(error, socket.gaierror):
        return "its name is not known to the DNS"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def expect(answer: Answer, what: str, statuses: Iterable[int] = (200,)) -> Answer:
    """The answer, if its status is one of these. Raises Refused with what the server said."""
    if answer.status in statuses:
        return answer
    said = answer.read()[:500].decode(errors="replace").strip().replace("\n", " ")
    raise Refused(f"{what}: HTTP {answer.status}{': ' + said if said else ''}", answer.status)
