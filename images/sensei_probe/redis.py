"""Redis and Valkey, as far as a check needs them (RESP2)."""

from __future__ import annotations

import socket

from sensei_probe.settings import Failure, Redis, tls_context
from sensei_probe.web import told

TIMEOUT = 20.0


class Session:
    """Logged in where a password is set. Raises Failure for everything that does not work."""

    def __init__(self, redis: Redis) -> None:
        self._where = f"Redis at {redis.host}:{redis.port}"
        try:
            line: socket.socket = socket.create_connection((redis.host, redis.port), TIMEOUT)
            if redis.tls:
                line = tls_context().wrap_socket(line, server_hostname=redis.host)
        except OSError as error:
            raise Failure(f"{self._where} does not answer: {told(error)}") from None
        self._line, self._file = line, line.makefile("rb")
        if redis.password:
            self._log_in(redis.password)

    def _log_in(self, password: str) -> None:
        try:
            self.ask("AUTH", password)
        except Failure as error:
            # A server that does not know the command repeats its arguments.
            raise Failure(str(error).replace(password, "***")) from None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._line.close()

    def ask(self, *words: str) -> str | None:
        """One command's answer as text. Raises Failure with the server's words."""
        parts = [word.encode() for word in words]
        message = f"*{len(parts)}\r\n".encode() + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        try:
            self._line.sendall(message)
            return self._answer()
        except OSError as error:
            raise Failure(f"{self._where} broke off: {told(error)}") from None

    def _answer(self) -> str | None:
        head = self._file.readline()
        if not head.endswith(b"\r\n"):
            raise OSError("it closed the connection")
        kind, rest = head[:1], head[1:-2].decode(errors="replace")
        if kind == b"-":
            raise Failure(f"{self._where}: {rest}")
        if kind == b"$":
            return None if int(rest) < 0 else self._file.read(int(rest) + 2)[:-2].decode(errors="replace")
        return rest
