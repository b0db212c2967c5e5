"""A real registry on this host, as sites have it: plain, or with TLS and a login."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.base.redaction import Secret
from sensei_tui.registry.client import Registry
from sensei_tui.registry.credentials import Keyring, Login
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from sensei_tui.rehearsal import tls

PROGRAM = shutil.which("docker-registry")
needs_htpasswd = pytest.mark.skipif(
    shutil.which("htpasswd") is None, reason="htpasswd (apache2-utils) is not installed"
)
USER, PASSWORD = "sensei", "pass:word ü"
QUICK = Patience(attempts=6, first=0.02, longest=0.2)


class Real:
    """One registry with its storage in `root`. Starts again on the port it had."""

    program = PROGRAM
    """Which one: docker-registry 2.8, or what `kinds.registry_kind` sets."""

    def __init__(self, root: Path, **http: Any) -> None:
        self.root = root
        self.port = 0
        self.ca: Path | None = None
        self.log: list[str] = []
        self._http = http
        self._auth: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        root.mkdir(parents=True, exist_ok=True)

    def with_tls(self) -> Real:
        return self.with_certificate(*tls.ensure(self.root / "tls"))

    def with_certificate(self, ca: Path, certificate: Path, key: Path) -> Real:
        self.ca = ca
        self._http["tls"] = {"certificate": str(certificate), "key": str(key)}
        return self

    def with_login(self) -> Real:
        command = ["htpasswd", "-Bbn", "-C", "4", USER, PASSWORD]
        (self.root / "htpasswd").write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
        self._auth = {"htpasswd": {"realm": "tests", "path": str(self.root / "htpasswd")}}
        return self

    def with_tokens(self, realm: str, name: str, authority: Path) -> Real:
        self._auth = {
            "token": {"realm": realm, "service": name, "issuer": name, "rootcertbundle": str(authority)}
        }  # fmt: skip
        return self

    @property
    def place(self) -> Place:
        return Place.parse(f"127.0.0.1:{self.port}")

    def client(
        self,
        credentials: Login | Keyring | None = None,
        *,
        patience: Patience = QUICK,
        timeout: float = 20,
        **more: Any,
    ) -> Registry:
        more = {"plain": self.ca is None, "ca": self.ca} | more
        return Registry(self.place, credentials=credentials, patience=patience, timeout=timeout, **more)

    def start(self) -> None:
        assert self.program
        (self.root / "config.json").write_text(json.dumps(self._config()))
        # A registry takes every REGISTRY_* variable for a part of its configuration; 3 sends traces to a collector
        # that is not here.
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("REGISTRY_", "OTEL_"))}
        clean["OTEL_TRACES_EXPORTER"] = "none"
        self._process = subprocess.Popen(
            [self.program, "serve", str(self.root / "config.json")], env=clean, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.port = self._listening(self._process)

    def kill(self) -> None:
        """As `kill -9`."""
        assert self._process
        self._process.kill()
        self._process.wait(20)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """It takes connections, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def uploads(self) -> list[Path]:
        """The bytes of uploads that are not finished (a directory of hashes stays behind where one is given up)."""
        return list((self.root / "blobs").glob("docker/registry/v2/repositories/**/_uploads/*/data"))

    def _listening(self, process: subprocess.Popen[str]) -> int:
        assert process.stderr
        for line in process.stderr:
            self.log.append(line)
            if match := re.search(r"listening on \S*:(\d+)", line):
                threading.Thread(target=self.log.extend, args=(process.stderr,), daemon=True).start()
                return int(match[1])
        raise AssertionError("".join(self.log))

    def _config(self) -> dict[str, object]:
        return {
            "version": 0.1, "log": {"level": "info"}, "storage": {"filesystem": {"rootdirectory": str(self.root / "blobs")}},
            "http": {"addr": f"127.0.0.1:{self.port}", **self._http}, **({"auth": self._auth} if self._auth else {}),
        }  # fmt: skip


@contextmanager
def started(real: Real) -> Iterator[Real]:
    real.start()
    try:
        yield real
    finally:
        real.kill()


def login(password: str = PASSWORD) -> Login:
    return Login(USER, Secret(password))
