"""The servers, started once for a module, and where they can't be had a reason why not."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster import build
from tests.images import servers

IMAGES = Path(__file__).parents[2] / "images"
Probe = Callable[..., subprocess.CompletedProcess[str]]


def why_not() -> str:
    """Why the tests against real servers can't run here; empty where they can."""
    if os.environ.get("SENSEI_TEST_STORES") != "1":
        return "needs real stores: make test-stores"
    missing = [name for name, there in (
        ("PostgreSQL", servers.postgres_bin()), ("redis-server", Path("/usr/bin/redis-server").exists()),
        ("docker-registry", Path("/usr/bin/docker-registry").exists()), ("MinIO", build.built("minio")),
        ("Weaviate", build.built("weaviate"))) if not there]  # fmt: skip
    return f"not installed: {', '.join(missing)}" if missing else ""


def script(kind: str) -> str:
    """What the container of PostgreSQL's own programs runs, as the chart puts it together: `dump` or `restore`."""
    files = IMAGES.parent / "charts/sensei-full/files"
    text = (files / "database-client.sh").read_text() + (files / f"database-{kind}.sh").read_text()
    # As the kubelet hands a command over.
    return text.replace("$$", "$")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """All four stores of the platform; the variables that lead to them."""
    if why := why_not():
        pytest.skip(why)
    root = tmp_path_factory.mktemp("stores")
    for place in (root, root.parent, root.parent.parent):
        place.chmod(0o755)
    with contextlib.ExitStack() as open_:
        found: dict[str, str] = {"LLM_PROVIDER": "none"}
        for start in (servers.postgres, servers.redis, servers.minio, servers.weaviate):
            found |= open_.enter_context(start(root))
        yield found


def run(
    module: str, *arguments: str, environ: Mapping[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """`python -m module`, as its image starts it: with these variables and no others that matter."""
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**kept, **environ},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@pytest.fixture
def probe() -> Probe:
    """The probe as a process."""
    return lambda *arguments, **options: run("sensei_probe", *arguments, **options)


@pytest.fixture(scope="module")
def filled(stores: dict[str, str]) -> dict[str, str]:
    """Something in every store."""
    from tests.images.filled import fill

    fill(stores)
    return stores


@pytest.fixture(params=["bucket", "volume"])
def place(request: pytest.FixtureRequest, filled: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The two kinds of places a backup can lie in."""
    (tmp_path / "backups").mkdir()
    to = {
        "bucket": {"BACKUP_TO": "bucket", "BACKUP_S3_BUCKET": f"backups-{uuid.uuid4().hex[:8]}"},
        "volume": {"BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups")},
    }[request.param]
    return {**filled, **to, "BACKUP_LABEL": "manual", "BACKUP_VERSION": "1.0.0", "WORK_DIR": str(tmp_path)}
