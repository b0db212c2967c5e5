"""Certificates with something wrong about them."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def server(directory: Path, address: str, days: float) -> tuple[Path, Path, Path]:
    """(authority, certificate, key) for an address, the certificate valid until so many days from now."""
    issuer, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _made("the site's own authority", "the site's own authority", issuer, issuer, 10)
    certificate = _made(address, "the site's own authority", own, issuer, days)
    paths = (directory / "ca.crt", directory / "server.crt", directory / "server.key")
    pem = serialization.Encoding.PEM
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for path, content in zip(paths, (authority.public_bytes(pem), certificate.public_bytes(pem), key), strict=True):
        path.write_bytes(content)
    return paths


def _made(
    name: str, issuer: str, own: ec.EllipticCurvePrivateKey, signs: ec.EllipticCurvePrivateKey, days: float
) -> x509.Certificate:
    now = datetime.now(UTC)
    subject, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=own is signs, path_length=None), critical=True)
    )
    if own is not signs:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signs, hashes.SHA256())
