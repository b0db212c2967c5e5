"""What stays the same when a rehearsal is stopped and started again: certificates, token, port, kubeconfig."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import msgspec
import yaml

from sensei_tui.base.paths import private_dir, write_atomic
from sensei_tui.rehearsal import tls

CONTEXT = "rehearsal"


class Identity(msgspec.Struct):
    """Kept in `identity.json` (0600). `port` is 0 until the server has one."""

    token: str
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


def load(directory: Path) -> Identity:
    """The identity of a rehearsal directory, made on first use."""
    private_dir(directory)
    path = directory / "identity.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    identity = Identity(secrets.token_urlsafe(32))
    save(directory, identity)
    return identity


def save(directory: Path, identity: Identity) -> None:
    write_atomic(directory / "identity.json", msgspec.json.encode(identity))


def certificates(directory: Path) -> tuple[Path, Path, Path]:
    """(CA certificate, server certificate, server key)."""
    return tls.ensure(directory / "tls")


def kubeconfig_path(directory: Path) -> Path:
    return directory / "kubeconfig"


def write_kubeconfig(directory: Path, identity: Identity) -> Path:
    """Write the kubeconfig (0600, context `rehearsal`), unless it says the same already."""
    authority = base64.b64encode(certificates(directory)[0].read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": identity.url, "certificate-authority-data": authority}}],
        "users": [{"name": CONTEXT, "user": {"token": identity.token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}],
        "current-context": CONTEXT,
    }
    path, text = kubeconfig_path(directory), yaml.safe_dump(config, sort_keys=False)
    if not path.exists() or path.read_text() != text:
        write_atomic(path, text)
    return path
