"""load-images.sh and ctr into a real containerd, and through real Docker engines into a real registry."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundle.samples import API, NAMES, bundle
from tests.bundle.test_engine import engine, kind  # noqa: F401
from tests.bundle.test_load import through
from tests.bundle.test_runtimes import images, node, root_only, wanted  # noqa: F401
from tests.bundle.test_script import SHELL, script, unpacked
from tests.registry.real import PROGRAM, Real, started

pytestmark = [root_only, pytest.mark.skipif(SHELL is None, reason="neither dash nor busybox is installed")]
NO_IMAGES = "2 charts and artifacts are no images"


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    if PROGRAM is None:
        pytest.skip("docker-registry is not installed")
    with started(Real(tmp_path / "registry")) as found:
        yield found


def held(node: str) -> set[str]:  # noqa: F811
    done = subprocess.run(["ctr", "-a", node, "-n", "k8s.io", "content", "ls", "-q"], capture_output=True, text=True)
    return set(done.stdout.split())


def test_a_node_gets_the_images_and_nothing_else(tmp_path: Path, node: str) -> None:  # noqa: F811
    path = bundle(tmp_path)
    done = script(unpacked(path, tmp_path / "out"), "--containerd", CONTAINERD_ADDRESS=node)
    assert done.returncode == 0, done.stderr
    assert NO_IMAGES in done.stdout
    assert images(node) == wanted(path)
    manifests = (tmp_path / "out/images.list").read_text().partition("kind chart")[2]
    chart = next(line.split()[1] for line in manifests.splitlines() if line.startswith("blob "))
    assert f"sha256:{chart}" not in held(node)


def test_ctr_reads_a_plain_tar_as_the_guide_says(tmp_path: Path, node: str) -> None:  # noqa: F811
    path = bundle(tmp_path, "tar")
    command = ["ctr", "-a", node, "-n", "k8s.io", "images", "import", "--base-name", "images", str(path)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert images(node) == wanted(path)


def test_an_engine_pushes_the_images_alone(
    tmp_path: Path, engine: str, real: Real, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    path = bundle(tmp_path)
    options = ["--tool", "docker", "--plain-http", "--registry", f"127.0.0.1:{real.port}/site"]
    done = script(unpacked(path, tmp_path / "out"), *options, DOCKER_HOST=engine)
    assert done.returncode == 0, done.stderr
    assert NO_IMAGES in done.stdout
    assert f"{len(NAMES)} images are in" in done.stdout
    with through(real.port, "site") as registry:
        assert registry.has_manifest("site/sensei/api", "1.0.0") is not None, API
        assert registry.has_manifest("site/sensei/charts/sensei-full", "1.0.0") is None
