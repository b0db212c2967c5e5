"""A registry as a site has one: a name in the DNS, a certificate of the site's own authority, a login."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.node.engine import ADDRESS
from tests.node.images import REGISTRY

USER, PASSWORD = "sensei", "pass word"
_EMPTY = "application/vnd.oci.empty.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """What answers as `test.local`."""

    def __init__(self, authority: Path) -> None:
        self.authority = authority

    def push(self, repository: str, tag: str, files: Mapping[str, bytes]) -> None:
        """An OCI artifact: a layer for each file."""
        layers = []
        for name, content in files.items():
            title = {"org.opencontainers.image.title": name}
            layers.append({**self._blob(repository, content, "application/octet-stream"), "annotations": title})
        config = self._blob(repository, b"{}", _EMPTY)
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        answer = self._ask("PUT", f"/v2/{repository}/manifests/{tag}", json.dumps(manifest).encode(), _MANIFEST)
        assert answer.status == 201

    def answers(self) -> bool:
        try:
            return self._ask("GET", "/v2/").status == 200
        except OSError:
            return False

    def _blob(self, repository: str, content: bytes, media: str) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        place = self._ask("POST", f"/v2/{repository}/blobs/uploads/").getheader("location") or ""
        path = place.removeprefix(f"https://{REGISTRY}")
        answer = self._ask("PUT", f"{path}&digest={digest}", content, "application/octet-stream")
        assert answer.status == 201
        return {"mediaType": media, "digest": digest, "size": len(content)}

    def _ask(self, method: str, path: str, body: bytes = b"", media: str = "") -> http.client.HTTPResponse:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"authorization": f"Basic {login}", "host": REGISTRY, **({"content-type": media} if media else {})}
        context = ssl.create_default_context(cafile=str(self.authority))
        context.check_hostname = False  # this process has no DNS that knows the name
        line = http.client.HTTPSConnection(ADDRESS, context=context, timeout=20)
        line.request(method, path, body, headers)
        answer = line.getresponse()
        answer.read()
        return answer


@contextmanager
def registry(directory: Path) -> Iterator[Registry]:
    """It, for the time of the block."""
    directory.mkdir(parents=True, exist_ok=True)
    _certificates(directory)
    (directory / "config.json").write_text(json.dumps(_config(directory)))
    login = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], capture_output=True, text=True, check=True).stdout
    (directory / "htpasswd").write_text(login)
    command = [str(shutil.which("docker-registry")), "serve", str(directory / "config.json")]
    with (directory / "registry.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        found, deadline = Registry(directory / "ca.crt"), time.monotonic() + 30
        while not found.answers():
            assert time.monotonic() < deadline, (directory / "registry.log").read_text()[-2000:]
            time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def _config(directory: Path) -> dict[str, object]:
    return {
        "version": 0.1, "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "blobs")}},
        "http": {"addr": f"{ADDRESS}:443", "host": f"https://{REGISTRY}",
                 "tls": {"certificate": str(directory / "server.crt"), "key": str(directory / "server.key")}},
        "auth": {"htpasswd": {"realm": "tests", "path": str(directory / "htpasswd")}},
    }  # fmt: skip


def _certificates(directory: Path) -> None:
    """An authority as `openssl req -x509` makes one, without key usage; and the registry's certificate by it."""
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the site's own authority")])
    own = _builder(issuer, issuer, authority).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, REGISTRY)])
    names = x509.SubjectAlternativeName([x509.DNSName(REGISTRY)])
    given = _builder(name, issuer, server).add_extension(names, critical=False)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    given = given.add_extension(identifier, critical=False)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (directory / "ca.crt").write_bytes(own.sign(authority, hashes.SHA256()).public_bytes(pem))
    (directory / "server.crt").write_bytes(given.sign(authority, hashes.SHA256()).public_bytes(pem))
    key = server.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (directory / "server.key").write_bytes(key)


def _builder(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
