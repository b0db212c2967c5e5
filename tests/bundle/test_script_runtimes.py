"""load-images.sh and ctr into a real containerd, and through real engines (Docker, podman) into a real registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.bundle.disk import free_at
from tests.bundle.samples import API, NAMES, TOOL, bundle, layout, pinned
from tests.bundle.test_engine import engine, kind  # noqa: F401
from tests.bundle.test_load import complete, through
from tests.bundle.test_runtimes import ROOM, images, narrow, node, root_only, wanted  # noqa: F401
from tests.bundle.test_script import SHELL, script, unpacked
from tests.registry.real import PASSWORD, PROGRAM, USER, Real, login, needs_htpasswd, started

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


def test_the_namespace_is_told_and_looked_at_first(tmp_path: Path, node: str) -> None:  # noqa: F811
    path = bundle(tmp_path)
    out = unpacked(path, tmp_path / "out")
    done = script(out, "--containerd", CONTAINERD_ADDRESS=node, CONTAINERD_NAMESPACE="other")
    assert done.returncode == 3
    assert "containerd has no namespace other (CONTAINERD_NAMESPACE): a kubelet looks into k8s.io" in done.stderr
    subprocess.run(["ctr", "-a", node, "namespaces", "create", "other"], check=True)
    done = script(out, "--containerd", CONTAINERD_ADDRESS=node, CONTAINERD_NAMESPACE="other")
    assert "3 images into this node's containerd, namespace other" in done.stdout
    assert (images(node, "other"), images(node)) == (wanted(path), {})
    done = script(out, "--containerd", CONTAINERD_ADDRESS=node)
    assert "it has no namespace k8s.io. K3s and RKE2: CONTAINERD_ADDRESS=" in done.stdout
    assert "3 images into this node's containerd, namespace k8s.io" in done.stdout
    assert images(node) == wanted(path)


def test_who_does_not_answer_is_named(tmp_path: Path) -> None:
    out = unpacked(bundle(tmp_path), tmp_path / "out")
    done = script(out, "--containerd", CONTAINERD_ADDRESS=f"{tmp_path}/none")
    if shutil.which("ctr") is None:
        assert "ctr is not here" in done.stderr
    else:
        assert f"containerd does not answer at {tmp_path}/none" in done.stderr
    assert done.returncode == 3


def test_room_is_counted_first(tmp_path: Path, narrow: Path, node: str) -> None:  # noqa: F811
    source = layout(tmp_path / "layout", ROOM // 3)
    out = unpacked(bundle(tmp_path, source=source), tmp_path / "out")
    free = free_at(narrow)
    done = script(out, "--containerd", "--skip-sums", CONTAINERD_ADDRESS=node)
    assert done.returncode == 3
    assert f"not enough room in {narrow}/root/io.containerd.content.v1.content" in done.stderr
    needed, left = (int(text) for text in re.findall(r"\b\d{7,}\b", done.stderr))
    assert needed > ROOM
    assert abs(left - free) < 200_000
    assert held(node) == set()
    (tmp_path / "small").mkdir()
    small = bundle(tmp_path / "small", source=source, names=(TOOL,))
    done = script(unpacked(small, tmp_path / "few"), "--containerd", CONTAINERD_ADDRESS=node)
    assert done.returncode == 0, done.stderr
    assert images(node) == wanted(small)


def test_what_is_there_needs_less_room(tmp_path: Path, narrow: Path, node: str) -> None:  # noqa: F811
    """containerd takes it once more, blob by blob, before it sees that it has it."""
    out = unpacked(bundle(tmp_path, source=layout(tmp_path / "layout", ROOM // 8)), tmp_path / "out")
    assert script(out, "--containerd", CONTAINERD_ADDRESS=node).returncode == 0
    for left, code in ((ROOM // 12, 3), (ROOM // 6, 0)):
        (narrow / "else").unlink(missing_ok=True)
        (narrow / "else").write_bytes(bytes(free_at(narrow) - left))
        done = script(out, "--containerd", CONTAINERD_ADDRESS=node)
        assert done.returncode == code, done.stderr
        assert ("not enough room in" in done.stderr) == (code == 3)


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


@pytest.fixture
def podman(tmp_path: Path) -> dict[str, str]:
    """Its environment, with a storage of its own."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    (tmp_path / "podman").mkdir()
    text = f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/podman/graph"\nrunroot = "{tmp_path}/podman/run"\n'
    (tmp_path / "podman/storage.conf").write_text(text)
    environ = {"CONTAINERS_STORAGE_CONF": f"{tmp_path}/podman/storage.conf"}
    done = subprocess.run(["podman", "info"], env={**os.environ, **environ}, capture_output=True)
    if done.returncode:
        pytest.skip("podman does not start here")
    return environ


def there(real: Real, **more: object) -> set[str | None]:
    """The images' names that a registry has, behind `site`."""
    with real.client(**more) as registry:  # type: ignore[arg-type]
        names = {"site/sensei/api": "1.0.0", "site/sensei/web": "1.0.0", "site/library/tool": "2"}
        return {name for name, tag in names.items() if registry.has_manifest(name, tag) is not None}


def test_podman_pushes_the_images_alone(tmp_path: Path, podman: dict[str, str], real: Real) -> None:
    options = ["--tool", "podman", "--plain-http", "--registry", f"127.0.0.1:{real.port}/site"]
    done = script(unpacked(bundle(tmp_path), tmp_path / "out"), *options, **podman)
    assert done.returncode == 0, done.stderr
    assert "WARNING: podman changes the digests" in done.stdout
    assert NO_IMAGES in done.stdout
    assert len(there(real)) == len(NAMES)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_does_not_take_what_an_engine_packed_anew(tmp_path: Path, podman: dict[str, str], real: Real) -> None:
    """Both remember in the same file which blobs a registry has, and which of them hold the same."""
    path = bundle(tmp_path)
    out = unpacked(path, tmp_path / "out")

    def load(into: Real, tool: str) -> None:
        place = f"127.0.0.1:{into.port}/{tool}"
        done = script(out, "--tool", tool, "--plain-http", "--registry", place, **podman)
        assert done.returncode == 0, done.stderr

    load(real, "curl")
    pull = ["podman", "pull", "--tls-verify=false", f"127.0.0.1:{real.port}/curl/sensei/api:1.0.0"]
    subprocess.run(pull, env={**os.environ, **podman}, check=True, capture_output=True)
    with started(Real(tmp_path / "other")) as other:
        load(other, "podman")
        load(other, "skopeo")
        with through(other.port, "skopeo") as registry:
            assert complete(path, registry)


@pytest.mark.skipif(shutil.which("nerdctl") is None, reason="nerdctl is not installed")
def test_nerdctl_pushes_the_images_alone(tmp_path: Path, node: str, real: Real) -> None:  # noqa: F811
    options = ["--tool", "nerdctl", "--plain-http", "--registry", f"127.0.0.1:{real.port}/site"]
    done = script(unpacked(bundle(tmp_path), tmp_path / "out"), *options, CONTAINERD_ADDRESS=node)
    assert done.returncode == 0, done.stderr
    assert "WARNING: nerdctl changes the digests" in done.stdout
    assert NO_IMAGES in done.stdout
    assert len(there(real)) == len(NAMES)


@needs_htpasswd
def test_podman_has_the_authority_and_the_login(tmp_path: Path, podman: dict[str, str]) -> None:
    if PROGRAM is None:
        pytest.skip("docker-registry is not installed")
    with started(Real(tmp_path / "registry").with_tls().with_login()) as secured:
        options = ["--tool", "podman", "--registry", f"{secured.place}/site", "--ca", str(secured.ca), "--user", USER]
        done = script(unpacked(bundle(tmp_path), tmp_path / "out"), *options, REGISTRY_PASSWORD=PASSWORD, **podman)
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        assert len(there(secured, credentials=login())) == len(NAMES)


def test_an_engine_is_not_given_what_it_can_not_name(tmp_path: Path, podman: dict[str, str], real: Real) -> None:
    path, first, _ = pinned(tmp_path)
    options = ["--tool", "podman", "--plain-http", "--registry", f"127.0.0.1:{real.port}"]
    done = script(unpacked(path, tmp_path / "out"), *options, **podman)
    assert done.returncode == 3
    assert f"can't have images that are named by their digest alone: example.com/pinned@{first}" in done.stderr
