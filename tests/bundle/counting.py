"""A way to a registry that counts what goes over it, and can be narrow."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 64 << 10
_PUT = re.compile(rb"^(PUT|POST|PATCH|HEAD|GET) (/v2/\S*)", re.MULTILINE)


class Counting:
    """Listens on `port`. What is counted is what the client sends."""

    def __init__(self, to: int, wait: float = 0.0) -> None:
        self._to, self._wait = to, wait
        """Seconds before each 64 KiB."""
        self.bytes = 0
        self.asked: list[tuple[str, str]] = []
        """Method and path of each request, where it is no TLS."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def sent(self) -> list[str]:
        """Digests of the blobs whose uploads were finished, or begun to be in one request."""
        return [path.rpartition("sha256%3A")[2] for method, path in self.asked if method == "PUT" and "digest=" in path]

    def clear(self) -> None:
        self.bytes = 0
        self.asked.clear()

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()
        self._pass(client, server, True)

    def _pass(self, source: socket.socket, to: socket.socket, count: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if count:
                    self._count(piece)
                to.sendall(piece)
        for end in (source, to):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, piece: bytes) -> None:
        self.bytes += len(piece)
        self.asked += [(match[1].decode(), match[2].decode()) for match in _PUT.finditer(piece)]
        if len(piece) > 1000:
            time.sleep(self._wait)


@contextmanager
def counting(to: int, wait: float = 0.0) -> Iterator[Counting]:
    found = Counting(to, wait)
    try:
        yield found
    finally:
        found.close()
