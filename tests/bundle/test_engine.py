"""Images out of real Docker engines, with iptables and bridge off: they pull and run nothing.

Debian's (20.10), and where SENSEI_TEST_STORES=1 and `python -m tests.cluster build stores` have it, a current one with its
own store and with containerd's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.bundle.archive import open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.create import SHAPES, write_bundle
from sensei_tui.bundle.from_engine import Engine, NoEngine
from sensei_tui.bundle.make import Named, Order, build
from sensei_tui.bundle.source import NotThere
from sensei_tui.bundle.verify import check_files, documents, lacking, sums
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, NAMES, TOOL, WEB, bundle, charts
from tests.cluster import build as build_of
from tests.registry.kinds import why_not

DAEMON = shutil.which("dockerd")
CONTAINERD = "engine-current-containerd"
STORES = {"engine": "vfs", "engine-current": "vfs", CONTAINERD: "native"}
"""By kind: the driver. A current engine takes the last for one of containerd's."""
pytestmark = [
    pytest.mark.skipif(DAEMON is None, reason="dockerd (docker.io) is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a Docker engine needs root"),
]


def daemon(kind: str) -> str:
    """Its program; skips where there is none."""
    if kind == "engine":
        return str(DAEMON)
    if why := why_not("dockerd"):
        pytest.skip(why)
    return f"{build_of.built('dockerd')}/dockerd"


@pytest.fixture(scope="module", params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def engine(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address; it has the images of the samples."""
    root = tmp_path_factory.mktemp("engine")
    address = f"unix://{root}/sock"
    command = [daemon(kind), "--host", address, "--data-root", root / "data", "--exec-root", root / "exec", "--pidfile", root / "pid",
               "--iptables=false", "--ip6tables=false", "--bridge=none", f"--storage-driver={STORES[kind]}"]  # fmt: skip
    with (root / "log").open("w") as log:
        process = subprocess.Popen([*map(str, command)], stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + 60
        while "API listen on" not in (root / "log").read_text():
            if process.poll() is not None or time.monotonic() > until:
                pytest.skip("a Docker engine does not start here")
            time.sleep(0.1)
        docker(address, "load", "-i", str(bundle(root, "tar")))
        yield address
    finally:
        process.terminate()
        process.wait(30)


def docker(address: str, *arguments: str) -> None:
    subprocess.run(["docker", "--host", address, *arguments], check=True, capture_output=True)


@pytest.fixture
def source(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("DOCKER_HOST", engine)
    found = Engine(tmp_path)
    yield found
    found.close()
    assert not list(tmp_path.glob(".sensei-images-*")), "what was kept is removed"


def made(root: Path, source: Engine, names: tuple[str, ...] = NAMES) -> Path:
    order = Order("1.0.0", charts(root / "charts"), tuple(Named(name, "image") for name in names))
    write_bundle(build(order, source, lambda *_: None), root / "made.tar", SHAPES["tar"])
    return root / "made.tar"


def test_a_bundle_of_an_engine(kind: str, source: Engine, tmp_path: Path) -> None:
    path = made(tmp_path, source)
    archive = open_archive(path)
    contents = read_contents(archive)
    assert check_files(archive, sums(archive), lambda _: None) == []
    found = documents(archive, contents)
    assert list(lacking(archive, contents, found)) == []
    first, second = (found[item.digest].children for item in contents.items[:2])
    assert first[1] == second[1], "the shared layer is there once"
    assert first[1].media_type.endswith(".tar+gzip" if kind == CONTAINERD else ".tar")
    assert contents.items[1].cuda == "cuda>=12.4"
    once = path.read_bytes()
    assert made(tmp_path, source).read_bytes() == once


def test_the_engine_takes_it_back(source: Engine, engine: str, tmp_path: Path) -> None:
    path = made(tmp_path, source, (API,))
    docker(engine, "rmi", API)
    docker(engine, "load", "-i", str(path))
    assert made(tmp_path, source, (API,)).read_bytes() == path.read_bytes()


def test_what_it_has_not(source: Engine, tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="has no image") as caught:
        made(tmp_path, source, ("example.com/none:1",))
    assert caught.value.remedy == "docker pull example.com/none:1"
    with pytest.raises(NotThere, match="can't give") as pinned:
        made(tmp_path, source, (f"{WEB}@sha256:{'0' * 64}",))
    assert "digests of the registry" in pinned.value.why
    order = Order("1.0.0", charts(tmp_path / "charts"), (Named(TOOL, "image"),), ("linux/arm64",))
    with pytest.raises(NotThere, match="linux/arm64"):
        build(order, source, lambda *_: None)


def test_an_index_of_which_the_engine_has_not_all(kind: str, engine: str, source: Engine, tmp_path: Path) -> None:
    """Two platforms, of which one was left out, and an attestation."""
    if kind != CONTAINERD:
        pytest.skip("only containerd's image store keeps indexes")
    maker = LayoutMaker(tmp_path / "layout", 5)
    layer = maker.layer(3_000)
    here, other = maker.manifest([layer]), maker.manifest([maker.layer(4_000)], "arm64")
    attested = maker.manifest([maker.layer(500)]) | {"platform": {"architecture": "unknown", "os": "unknown"}}
    attested["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
    maker.name(maker.index([here, other, attested]), "example.com/several:1")
    maker.done()
    (maker.blobs / other["digest"][7:]).unlink()
    with tarfile.open(tmp_path / "layout.tar", "w") as tar:
        tar.add(maker.root, ".")
    docker(engine, "load", "-i", str(tmp_path / "layout.tar"))
    assert source.root("example.com/several:1").children[1].digest == layer["digest"]


def test_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address, why in (
        (f"unix://{tmp_path}/none", "No such file or directory"), ("tcp://127.0.0.1:1", "Connection refused"),
        ("nonsense://", "Invalid bind address protocol: nonsense://"),
    ):  # fmt: skip
        monkeypatch.setenv("DOCKER_HOST", address)
        with pytest.raises(NoEngine, match="No Docker engine") as caught:
            Engine(tmp_path)
        assert caught.value.why == why
    assert not list(tmp_path.iterdir())
