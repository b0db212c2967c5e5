"""Kept connections to registries, token servers and storage: one request and its answer at a time on each."""

from __future__ import annotations

import http.client
import os
import select
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from sensei_tui.base.errors import UsageError
from sensei_tui.registry.errors import Asked, Lost, RegistryError, from_exception
from sensei_tui.registry.proxies import Proxy, proxy_for

BLOCK = 1 << 20
"""Bytes sent or read at once: larger ones bring nothing, smaller ones cost CPU (measured with 64 KiB and 4 MiB)."""
_JOINED = BLOCK // 4
"""Shorter pieces are put together before they are sent."""
_KEPT = 8
"""Idle connections kept for each host: twice the uploads that run at once."""
_DRAINED = 1 << 16
"""Bytes read of an answer nobody wants, to keep its connection."""

Piece = bytes | bytearray | memoryview
OnBytes = Callable[[int], None]


class Origin(NamedTuple):
    """Whom a connection is to."""

    secure: bool
    host: str
    """IPv6 without brackets."""
    port: int

    @classmethod
    def of(cls, url: SplitResult) -> Origin:
        """Raises ValueError if the URL is none of http or https, or its port is no number."""
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("not an address of http or https")
        secure = url.scheme == "https"
        return cls(secure, url.hostname, url.port or (443 if secure else 80))


def trust(ca: Path | None) -> ssl.SSLContext:
    """The authorities of this host, and those in `ca` (PEM). Raises UsageError if the file is not usable."""
    context = ssl.create_default_context()
    # Authorities made with `openssl req -x509` lack extensions that Python 3.13 insists on; runtimes take them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # A site may name the registry's own certificate, or one in the middle of its chain.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if ca is not None:
        try:
            context.load_verify_locations(cafile=str(ca))
        except (OSError, ssl.SSLError) as error:
            why = "it has no certificate in it" if isinstance(error, ssl.SSLError) else str(error.strerror)
            remedy = "Name the PEM file of the authority that signed the registry's certificate (--ca FILE)."
            raise UsageError(
                "The registry's authority cannot be read.", where=str(ca), why=why, remedy=remedy
            ) from None  # fmt: skip
    return context


class Live:
    """An answer whose body is not read yet, and the connection it comes on."""

    def __init__(
        self, pool: Connections, origin: Origin, connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse, asked: Asked, *, whole: bool,
    ) -> None:  # fmt: skip
        self.status = response.status
        self.headers = response.headers
        self._pool, self._origin, self._connection, self._response = pool, origin, connection, response
        self._asked, self._whole = asked, whole
        self._failed: RegistryError | None = None

    def read(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end or before a cut. Raises RegistryError once there are none before it."""
        held = bytearray()
        try:
            # Not `read`: what it had got before a cut would be lost, and sent again.
            while len(held) < count and (part := self._response.read1(count - len(held))):
                held += part
        except (OSError, http.client.HTTPException) as error:
            self._failed = from_exception(self._asked, error, self._pool.timeout)
        if self._failed and not held:
            raise self._failed
        return bytes(held)

    def rest(self, limit: int = _DRAINED) -> bytes:
        """The body, up to `limit` bytes of it; the connection is kept if that was all of it. Raises RegistryError."""
        try:
            body = self.read(limit)
            length = self._response.getheader("Content-Length", "")
            if self._failed:
                raise self._failed
            if length.isdecimal() and self._response.length and len(body) < limit:
                raise Lost(self._asked, "The registry's answer was cut off.", why="the connection was cut")
        except RegistryError:
            self.close()
            raise
        self.release()
        return body

    def release(self) -> None:
        """Keep the connection if the answer is read to its end, otherwise close it."""
        # Python before 3.13 does not close an answer of known length when `read1` has given the last of it.
        done = self._response.isclosed() or self._response.length == 0
        if done and self._whole and not self._response.will_close:
            self._response.close()
            self._pool.keep(self._origin, self._connection)
        else:
            self.close()

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()
        self._connection.close()


class Connections:
    """Any thread. A connection is used by one request at a time; idle ones wait for the next to the same host."""

    def __init__(
        self, ca: Path | None, timeout: float, environment: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        """`timeout`: seconds in which a connection, or the next byte of an answer, must come. `environment` names
        the proxy, if there is one. Without `ca` (PEM) this host's authorities are trusted, and read when first
        needed. Raises UsageError if that file is not usable."""
        self.timeout = timeout
        self._environment = os.environ if environment is None else environment
        self._ca = ca
        self._tls = trust(ca) if ca else None
        self._idle: dict[Origin, list[http.client.HTTPConnection]] = {}
        self._used: weakref.WeakSet[http.client.HTTPConnection] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def exchange(
        self, asked: Asked, method: str, url: str, headers: Mapping[str, str], pieces: Iterable[Piece] | None = None,
        *, within: float = 0.0, on_bytes: OnBytes | None = None,
    ) -> Live:  # fmt: skip
        """Send one request. `pieces` need a Content-Length among the headers; `within` is added to the timeout for
        the answer. Raises RegistryError, and what `pieces` raises."""
        origin, target = _split(asked, url)
        self._refuse_closed(asked)
        connection = self._take(origin)
        try:
            self._ask(asked, origin, connection, method, target, headers)
            self._refuse_closed(asked)  # `close` cuts what is connected, and this one may not have been
            whole = pieces is None or self._pour(asked, connection, pieces, on_bytes)
            response = self._answer(asked, connection, self.timeout + within)
        except BaseException:
            connection.close()
            raise
        return Live(self, origin, connection, response, asked, whole=whole)

    def _refuse_closed(self, asked: Asked) -> None:
        if self._closed:
            raise Lost(asked, "The connection to the registry was given up.", why="it was ended here")

    def keep(self, origin: Origin, connection: http.client.HTTPConnection) -> None:
        """Take an idle connection back."""
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            self._used.discard(connection)
            if not self._closed and len(idle) < _KEPT:
                idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is idle, and what comes back later; cut what is in use: its thread may wait for a minute."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
            used = [*self._used]
        for connection in idle:
            connection.close()
        for connection in used:
            _cut(connection)

    def _take(self, origin: Origin) -> http.client.HTTPConnection:
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                connection = idle.pop() if idle else self._new(origin)
                self._used.add(connection)
            # Something to read on an idle connection: its end, the other side has closed it meanwhile.
            if connection.sock and _readable(connection):
                connection.close()
                continue
            return connection

    def _new(self, origin: Origin) -> http.client.HTTPConnection:
        if not origin.secure:
            return http.client.HTTPConnection(origin.host, origin.port, timeout=self.timeout, blocksize=BLOCK)
        proxy = self._proxy(origin)
        host, port = (proxy.host, proxy.port) if proxy else (origin.host, origin.port)
        self._tls = self._tls or trust(None)
        found = http.client.HTTPSConnection(host, port, timeout=self.timeout, context=self._tls, blocksize=BLOCK)
        if proxy:
            found.set_tunnel(origin.host, origin.port, proxy.headers())
        return found

    def _proxy(self, origin: Origin) -> Proxy | None:
        return proxy_for(origin.host, origin.port, self._environment) if origin.secure else None

    def _ask(
        self, asked: Asked, origin: Origin, connection: http.client.HTTPConnection, method: str, target: str,
        headers: Mapping[str, str],
    ) -> None:  # fmt: skip
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.sock.settimeout(self.timeout)
        except (OSError, http.client.HTTPException) as error:
            failed = from_exception(asked, error, self.timeout, self._ca)
            if proxy := self._proxy(origin):
                failed.why += f" (by way of the proxy {proxy} that HTTPS_PROXY names; NO_PROXY makes exceptions)"
            raise failed from error

    def _pour(
        self, asked: Asked, connection: http.client.HTTPConnection, pieces: Iterable[Piece], on_bytes: OnBytes | None
    ) -> bool:
        """False if the other side answered, or hung up, before it had everything: its answer says why."""
        for block in joined(pieces):
            if _answered_early(connection):
                return False
            try:
                _send(connection, memoryview(block).cast("B"))
            except (OSError, ssl.SSLError) as error:
                if not _may_have_answered(error):
                    raise from_exception(asked, error, self.timeout) from error
                return False
            if on_bytes:
                on_bytes(len(block))
        return True

    def _answer(self, asked: Asked, connection: http.client.HTTPConnection, within: float) -> http.client.HTTPResponse:
        try:
            connection.sock.settimeout(within)
            response = connection.getresponse()
            if connection.sock:  # given up by http.client where the answer says `Connection: close`
                connection.sock.settimeout(self.timeout)
        except (OSError, http.client.HTTPException) as error:
            raise from_exception(asked, error, within) from error
        return response


def _cut(connection: http.client.HTTPConnection) -> None:
    """End what another thread does with it, TLS or not: closing alone does not wake it."""
    if connection.sock:
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Short pieces put together up to BLOCK, longer ones as they are. Each is used up before the next is asked for."""
    held = bytearray()
    for piece in pieces:
        if len(piece) < _JOINED:
            held += piece
            if len(held) < BLOCK:
                continue
            piece = b""
        if held:
            yield held
            held = bytearray()
        if piece:
            yield piece
    if held:
        yield held


def _split(asked: Asked, url: str) -> tuple[Origin, str]:
    try:
        parts = urlsplit(url)
        origin = Origin.of(parts)
    except ValueError:
        raise RegistryError(asked, "The registry names an address that is none.", why="no valid URL") from None
    return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _send(connection: http.client.HTTPConnection, view: memoryview) -> None:
    """All of it. Not `sendall`: there the timeout is for the whole, and a slow line would look like a dead one."""
    while view:
        view = view[connection.sock.send(view) :]


def _answered_early(connection: http.client.HTTPConnection) -> bool:
    # With TLS there may be records to read that are no answer (session tickets).
    return not isinstance(connection.sock, ssl.SSLSocket) and _readable(connection)


def _may_have_answered(error: OSError) -> bool:
    """A registry that refuses answers and closes: writing fails, the answer can still be read."""
    cut = (BrokenPipeError, ConnectionResetError, ConnectionAbortedError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
    return isinstance(error, (*cut, TimeoutError))


def _readable(connection: http.client.HTTPConnection) -> bool:
    if connection.sock is None:
        return True
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
