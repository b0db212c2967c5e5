"""PostgreSQL, as far as a check needs it: log in, say a statement, read text.

https://www.postgresql.org/docs/current/protocol.html (version 3.0), SCRAM-SHA-256 as in RFC 5802 and RFC 7677.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import stringprep
import struct
import unicodedata
from typing import Protocol

from sensei_probe.settings import Database, Failure, tls_context
from sensei_probe.web import told

TIMEOUT = 20.0
"""Seconds for a connection or an answer."""
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_PROTOCOL = 196608
_FORBIDDEN = (
    stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
    stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
    stringprep.in_table_c8, stringprep.in_table_c9,
)  # fmt: skip
_OK, _CLEARTEXT, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12


class _Line(Protocol):
    """A socket, with TLS or without."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class Postgres:
    """A session. Raises Failure for everything that does not work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._where = f"PostgreSQL at {database.host}:{database.port}"
        self._buffer = b""
        try:
            self._line = self._connect()
            self._log_in()
        except OSError as error:
            raise Failure(f"{self._where} does not answer: {told(error)}") from None

    def __enter__(self) -> Postgres:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        try:
            self._send(b"X", b"")
        except OSError:
            return
        finally:
            self._line.close()

    def query(self, statement: str) -> list[list[str | None]]:
        """The rows of the last statement, as text. Raises Failure with the server's words."""
        rows: list[list[str | None]] = []
        failed = ""
        try:
            self._send(b"Q", statement.encode() + b"\0")
            while (found := self._receive())[0] != b"Z":
                kind, body = found
                if kind == b"T":
                    rows = []
                elif kind == b"D":
                    rows.append(_row(body))
                elif kind == b"E":
                    failed = failed or _error(body)
        except OSError as error:
            raise Failure(f"{self._where} broke off: {told(error)}") from None
        if failed:
            raise Failure(f"{self._where}: {failed}")
        return rows

    # Connection.

    def _connect(self) -> _Line:
        plain = socket.create_connection((self._database.host, self._database.port), TIMEOUT)
        if self._database.sslmode == "disable":
            return plain
        plain.sendall(_SSL_REQUEST)
        if plain.recv(1) != b"S":
            plain.close()
            raise Failure(f"{self._where} has no TLS, and DATABASE_SSLMODE asks for it")
        return self._context().wrap_socket(plain, server_hostname=self._database.host)

    def _context(self) -> ssl.SSLContext:
        mode = self._database.sslmode
        context = tls_context(self._database.ca)
        context.check_hostname = mode == "verify-full"
        if mode not in ("verify-ca", "verify-full"):
            context.verify_mode = ssl.CERT_NONE
        return context

    def _log_in(self) -> None:
        pairs = ("user", self._database.user, "database", self._database.name, "application_name", "sensei-probe", "")
        body = struct.pack("!i", _PROTOCOL) + b"".join(text.encode() + b"\0" for text in pairs)
        self._line.sendall(struct.pack("!i", len(body) + 4) + body)
        scram: Scram | None = None
        while (found := self._receive())[0] != b"Z":
            kind, body = found
            if kind == b"E":
                raise Failure(f"{self._where}: {_error(body)}")
            if kind == b"R":
                scram = self._authenticate(struct.unpack("!i", body[:4])[0], body[4:], scram)

    def _authenticate(self, wanted: int, data: bytes, scram: Scram | None) -> Scram | None:
        if wanted == _OK:
            return scram
        if wanted == _SASL:
            scram = Scram(self._database.password)
            first = scram.first()
            self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
        elif wanted == _SASL_CONTINUE and scram:
            self._send(b"p", scram.answer(data))
        elif wanted == _SASL_FINAL and scram:
            scram.verify(data)
        elif wanted == _MD5:
            inner = hashlib.md5((self._database.password + self._database.user).encode()).hexdigest()
            self._send(b"p", b"md5" + hashlib.md5(inner.encode() + data[:4]).hexdigest().encode() + b"\0")
        elif wanted == _CLEARTEXT and self._database.sslmode != "disable":
            self._send(b"p", self._database.password.encode() + b"\0")
        else:
            raise Failure(f"{self._where} asks for a way to log in that is not used here (number {wanted})")
        return scram

    # Messages.

    def _send(self, kind: bytes, body: bytes) -> None:
        self._line.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._take(5)
        return head[:1], self._take(struct.unpack("!i", head[1:])[0] - 4)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            block = self._line.recv(65536)
            if not block:
                raise OSError("it closed the connection")
            self._buffer += block
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


class Scram:
    """The client's side of SCRAM-SHA-256, without channel binding."""

    def __init__(self, password: str, nonce: str = "", user: str = "") -> None:
        self._password = prepared(password).encode()
        self._bare = f"n={user},r={nonce or secrets.token_urlsafe(18)}"
        self._server = b""

    def first(self) -> bytes:
        """client-first-message."""
        return f"n,,{self._bare}".encode()

    def answer(self, challenge: bytes) -> bytes:
        """client-final-message. Raises Failure where the server's nonce does not begin with ours."""
        parts = dict(item.split("=", 1) for item in challenge.decode().split(","))
        nonce, salt, rounds = parts["r"], base64.b64decode(parts["s"]), int(parts["i"])
        if not nonce.startswith(self._bare.rpartition("r=")[2]):
            raise Failure("the database's answer to the login is not an answer to ours")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        final = f"c=biws,r={nonce}"
        message = f"{self._bare},{challenge.decode()},{final}".encode()
        client = _mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(client, _mac(hashlib.sha256(client).digest(), message), strict=True))
        self._server = _mac(_mac(salted, b"Server Key"), message)
        return f"{final},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, final: bytes) -> None:
        """Raises Failure where the server does not know the password either."""
        told_ = final.decode().partition("v=")[2].partition(",")[0]
        if not hmac.compare_digest(base64.b64decode(told_), self._server):
            raise Failure("the database could not show that it knows the password")


def prepared(password: str) -> str:
    """SASLprep (RFC 4013), as PostgreSQL does it: a password that it does not allow is taken as it is."""
    mapped = (" " if stringprep.in_table_c12(char) else char for char in password if not stringprep.in_table_b1(char))
    found = unicodedata.normalize("NFKC", "".join(mapped))
    forbidden = any(table(char) for char in found for table in _FORBIDDEN)
    return password if forbidden or not _one_direction(found) else found


def _one_direction(text: str) -> bool:
    """RFC 3454, section 6: what is written from right to left is so from its first character to its last."""
    leftward = [stringprep.in_table_d1(char) for char in text]
    mixed = any(stringprep.in_table_d2(char) for char in text)
    return not any(leftward) or (leftward[0] and leftward[-1] and not mixed)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _row(body: bytes) -> list[str | None]:
    count, at = struct.unpack("!h", body[:2])[0], 2
    found: list[str | None] = []
    for _ in range(count):
        size = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        found.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return found


def _error(body: bytes) -> str:
    """`28P01: password authentication failed for user "sensei"`."""
    parts = {item[:1]: item[1:].decode(errors="replace") for item in body.split(b"\0") if item}
    return f"{parts.get(b'C', '')}: {parts.get(b'M', '')}"
