"""An HTTP server that does what a test says: for what a real registry can't be made to do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from sensei_tui.registry.client import Registry
from sensei_tui.registry.credentials import Keyring, Login
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from sensei_tui.rehearsal import tls
from tests.registry.real import QUICK


class Asked:
    """One request; its body is read when the script wants it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        self.method = handler.command
        self.path = parts.path
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.queries = parse_qs(parts.query)
        self.headers = handler.headers
        self.line_from: int = handler.client_address[1]
        """The port that the connection comes from: the same for all that is asked on one."""
        self.login = handler.headers.get("Authorization", "")
        self.length = int(handler.headers.get("Content-Length") or 0)
        self._handler = handler
        self._read = 0

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    def body(self, count: int | None = None) -> bytes:
        """What is left of the body, or the next `count` bytes of it."""
        found = self._handler.rfile.read(self.length - self._read if count is None else count)
        self._read += len(found)
        return found


class Reply(NamedTuple):
    """One answer. Content-Length is that of the body unless the headers have another."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""
    cut: bool = False
    """Hang up afterwards, with a reset."""
    end: bool = False
    """Hang up afterwards in the regular way."""
    hold: threading.Event | None = None
    """Read nothing more after the answer and leave the connection open until this is set."""


Script = Callable[[Asked], Reply | None]
"""None: hang up without an answer."""


class InTurn:
    """A script that answers one after the other; the last one again and again."""

    def __init__(self, *replies: Reply | None) -> None:
        self.replies = list(replies)

    def __call__(self, asked: Asked) -> Reply | None:
        asked.body()
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class Scripted:
    """The server, and what it was asked in order."""

    def __init__(self, port: int, ca: Path | None = None) -> None:
        self.port = port
        self.ca = ca
        self.asked: list[Asked] = []

    @property
    def lines(self) -> list[str]:
        return [item.line for item in self.asked]

    @property
    def url(self) -> str:
        return f"{'https' if self.ca else 'http'}://127.0.0.1:{self.port}"

    def client(
        self, credentials: Login | Keyring | None = None, *, patience: Patience = QUICK, timeout: float = 20
    ) -> Registry:  # fmt: skip
        place = Place.parse(f"127.0.0.1:{self.port}")
        return Registry(
            place, ca=self.ca, plain=self.ca is None, credentials=credentials, patience=patience, timeout=timeout
        )


@contextmanager
def scripted(script: Script, certificates: Path | None = None) -> Iterator[Scripted]:
    """A server for the time of the block; the script is called once for each request, in the server's threads.

    `certificates`: a directory that gets an authority and a certificate; the server speaks TLS.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Not on the terminal."""

        def _any(self) -> None:
            asked = Asked(self)
            found.asked.append(asked)
            reply = script(asked)
            if reply is not None:
                self._answer(reply)
            if reply is None or reply.cut:
                _reset(self.connection)
                self.close_connection = True
            elif reply.end or asked._read < asked.length:
                self.close_connection = True

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
            if reply.hold:
                reply.hold.wait(60)

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._any)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Scripted(server.server_address[1])
    if certificates:
        found.ca, certificate, key = tls.ensure(certificates)
        server.socket = tls.server_context(certificate, key).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


def _reset(connection: socket.socket) -> None:
    """As a crash looks on the wire: RST, not FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
