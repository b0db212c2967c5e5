"""A token server whose tokens a real registry takes: signed JWTs, each for the repositories that were asked for.

https://distribution.github.io/distribution/spec/auth/jwt/
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from tests.registry.real import PASSWORD, USER, Real, started
from tests.registry.scripted import Asked, Reply, scripted

NAME = "tests"
"""Service and issuer."""
_LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Issuer:
    """Gives tokens to whoever has the login; keeps what it gave."""

    def __init__(self, directory: Path) -> None:
        self.given: list[str] = []
        self.asked: list[tuple[str, ...]] = []
        """Scopes of each request."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _own(self._key)
        self.authority = directory / "issuer.crt"
        self.authority.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def __call__(self, asked: Asked) -> Reply:
        scopes = tuple(asked.queries.get("scope", ()))
        self.asked.append(scopes)
        if asked.login != _LOGIN:
            return Reply(401, {}, b'{"errors": [{"code": "UNAUTHORIZED"}]}')
        token = self._signed({**_claims(), "access": [_access(scope) for scope in scopes]})
        self.given.append(token)
        return Reply(200, {"Content-Type": "application/json"}, json.dumps({"token": token}).encode())

    def _signed(self, claims: dict[str, object]) -> str:
        chain = [base64.b64encode(self._certificate.public_bytes(serialization.Encoding.DER)).decode()]
        head = {"typ": "JWT", "alg": "ES256", "x5c": chain}
        text = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(claims).encode())}"
        pair = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_encoded(b''.join(number.to_bytes(32, 'big') for number in pair))}"


@contextmanager
def with_tokens(root: Path) -> Iterator[tuple[Real, Issuer]]:
    """A running registry that sends everybody to an issuer."""
    root.mkdir(parents=True, exist_ok=True)
    issuer = Issuer(root)
    with scripted(issuer) as server:
        real = Real(root / "registry").with_tokens(f"{server.url}/token", NAME, issuer.authority)
        with started(real):
            yield real, issuer


def _claims() -> dict[str, object]:
    now = int(time.time())
    return {"iss": NAME, "sub": USER, "aud": NAME, "iat": now, "nbf": now - 10, "exp": now + 300,
            "jti": secrets.token_hex(8)}  # fmt: skip


def _access(scope: str) -> dict[str, object]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _own(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return dated.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
