"""The Gateway API's HTTPRoute for a real cluster: its CustomResourceDefinition, from the Go module that `go/gateway/go.mod` pins."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from tests.cluster import build
from tests.fixtures_cluster import Client

MODULE = "sigs.k8s.io/gateway-api"
NAME = "httproutes.gateway.networking.k8s.io"
_FILE = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
_PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}"


def install(admin: Client) -> None:
    """Make the kind known. Raises build.CannotBuild, AssertionError."""
    apply = f"{_PATH}?fieldManager=tests&force=true"
    done = admin.request("PATCH", apply, definition().read_bytes(), media="application/apply-patch+yaml")
    assert done.status in (200, 201), done.body


def established(admin: Client) -> bool:
    """Whether the server serves it."""
    conditions = admin.request("GET", _PATH).body["status"].get("conditions") or ()
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def definition() -> Path:
    """The file, fetched when it is not there. Raises build.CannotBuild."""
    pinned = b"".join((build.MODULES / "gateway" / name).read_bytes() for name in ("go.mod", "go.sum"))
    kept = build.cache() / f"gateway-{hashlib.sha256(pinned).hexdigest()[:12]}" / "httproutes.yaml"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_name(f"{os.getpid()}.new")
        fresh.write_bytes((_fetched() / _FILE).read_bytes())
        fresh.rename(kept)
    return kept


def _fetched() -> Path:
    """The module's directory."""
    _go("mod", "download", MODULE)
    return Path(_go("list", "-m", "-f", "{{.Dir}}", MODULE).strip())


def _go(*arguments: str) -> str:
    command, environ = [str(build.find_go()), *arguments], {**os.environ, "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(command, cwd=build.MODULES / "gateway", env=environ, capture_output=True, text=True)
    if done.returncode:
        raise build.CannotBuild(f"go {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
