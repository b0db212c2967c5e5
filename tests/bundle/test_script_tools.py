"""load-images.sh with real crane and oras, as `python -m tests.cluster build stores` builds them, into real registries."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.bundle.archive import File
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.create import SHAPES, write_bundle
from sensei_tui.bundle.inventory import known_by
from sensei_tui.bundle.layout import Layout
from sensei_tui.bundle.make import Named, Order, build
from tests.bundle.counting import counting
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, SBOM, TOLD, WEB, bundle, charts, layout, pinned
from tests.bundle.test_load import complete, through
from tests.bundle.test_script import (
    SHELL,
    directory,  # noqa: F401
    real,  # noqa: F401
    script,
    secured,  # noqa: F401
    unpacked,
)
from tests.bundle.test_script_reach import kept_login, watched
from tests.cluster import build as build_of
from tests.registry.kinds import both, why_not
from tests.registry.real import PASSWORD, USER, Real, login, needs_htpasswd

pytestmark = [both, pytest.mark.skipif(SHELL is None, reason="neither dash nor busybox is installed")]
MODEL = "registry.sensei.ai/sensei/models/small:1"


@pytest.fixture(params=["crane", "oras"])
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """First of its name where programs are looked for."""
    name: str = request.param
    if why := why_not(name):
        pytest.skip(why)
    monkeypatch.setenv("PATH", f"{build_of.built(name)}:{os.environ['PATH']}")
    return name


def about(made: LayoutMaker, subject: dict[str, Any]) -> None:
    found = {key: subject[key] for key in ("mediaType", "digest", "size")}
    made.about(made.manifest([made.layer(500)], subject=found, artifactType=SBOM, annotations=TOLD))


def for_two_platforms(root: Path) -> Path:
    """Images that share a layer, with SBOMs of an index, and of a manifest in it."""
    made = LayoutMaker(root, 3)
    shared = made.layer(100_000)
    for name in (API, WEB):
        both = [made.manifest([shared, made.layer(9_000)], architecture) for architecture in ("amd64", "arm64")]
        found = made.index(both)
        made.name(found, name)
        if name == API:
            about(made, found)
            about(made, both[1])
    return made.done()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside these charts, and a model in parts."""
    root = tmp_path_factory.mktemp("packed")
    (root / "model").mkdir()
    for number in range(2):
        (root / f"model/part-{number}.safetensors").write_bytes(os.urandom(20_000))
    names = (Named(API, "image"), Named(WEB, "image"), Named(MODEL, "artifact"))
    platforms = ("linux/amd64", "linux/arm64")
    order = Order("1.0.0", charts(root / "charts"), names, platforms, {MODEL: root / "model"})
    made = build(order, Layout(for_two_platforms(root / "layout")), lambda *_: None)
    write_bundle(made, root / "bundle.tar", SHAPES["tar"])
    return root / "bundle.tar"


def load(directory: Path, tool: str, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:  # noqa: F811
    return script(directory, "--tool", tool, *options, **environ)


@pytest.mark.parametrize("prefix", ["", "/mirror/site"])
def test_everything_gets_there_and_nothing_twice(
    packed: Path, directory: Path, real: Real, tool: str, prefix: str  # noqa: F811
) -> None:  # fmt: skip
    with counting(real.port) as narrow:
        options = ["--plain-http", "--registry", f"127.0.0.1:{narrow.port}{prefix}"]
        done = load(directory, tool, *options)
        assert done.returncode == 0, done.stderr
        assert "5 images are in" in done.stdout
        assert "stay behind" not in done.stdout
        with through(real.port, prefix.strip("/")) as registry:
            assert complete(packed, registry), "the indexes of several platforms are whole too"
        narrow.clear()
        assert load(directory, tool, *options).returncode == 0
        assert [path for _, path in narrow.asked if "/blobs/uploads/" in path] == []


def test_signatures_are_found_by_their_image(packed: Path, directory: Path, real: Real, tool: str) -> None:  # noqa: F811
    found = read_contents(File(packed)).referrers
    assert len(found) == 2
    for _ in range(2):
        done = load(directory, tool, "--plain-http", "--registry", f"127.0.0.1:{real.port}")
        assert done.returncode == 0, done.stderr
    with through(real.port) as registry:
        for item in found:
            told = registry.referrers("sensei/api", item.subject)
            assert [(one.digest, one.artifact_type, one.annotations) for one in told] == [(item.digest, SBOM, TOLD)]
            assert registry.manifest("sensei/api", item.digest)


@needs_htpasswd
def test_with_tls_and_a_login_that_nobody_sees(
    packed: Path, directory: Path, secured: Real, tool: str, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    environ = watched(tmp_path, tool, f'exec {shutil.which(tool)} "$@"')
    options = ["--registry", str(secured.place), "--ca", str(secured.ca), "--user", USER]
    done = load(directory, tool, *options, **environ)
    assert done.returncode == 0, done.stderr
    with secured.client(login()) as registry:
        assert complete(packed, registry)
    assert kept_login(tmp_path, str(secured.place))
    assert PASSWORD not in (tmp_path / "seen").read_text() + done.stdout + done.stderr


@needs_htpasswd
def test_what_is_wrong_is_told(directory: Path, secured: Real, tool: str) -> None:  # noqa: F811
    right, own = ["--registry", str(secured.place)], ["--ca", str(secured.ca), "--user", USER]
    for options, password, text in (
        ([*right, *own], "wrong", "401"),
        ([*right, "--user", USER], PASSWORD, "certificate"),
        (["--registry", "127.0.0.1:1", *own], PASSWORD, "refused"),
    ):
        done = load(directory, tool, "--skip-sums", *options, REGISTRY_PASSWORD=password)
        assert (done.returncode, text in done.stderr) == (3, True), (options, done.stderr)
        assert f"{tool} could not load {API}" in done.stderr
        assert password not in done.stderr + done.stdout


def test_images_with_digests(tmp_path: Path, real: Real, tool: str) -> None:  # noqa: F811
    path, *_ = pinned(tmp_path)
    done = load(unpacked(path, tmp_path / "out"), tool, "--plain-http", "--registry", f"127.0.0.1:{real.port}/x")
    assert done.returncode == 0, done.stderr
    with through(real.port, "x") as registry:
        assert complete(path, registry)


def test_a_difference_within_one_image(tmp_path: Path, real: Real, tool: str) -> None:  # noqa: F811
    source = layout(tmp_path / "layout")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    old = bundle(tmp_path / "one", source=source, names=(API, WEB))
    new = bundle(tmp_path / "two", source=source, since=known_by(old))
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}"]
    done = load(unpacked(new, tmp_path / "new"), tool, *options)
    assert done.returncode == 3
    assert (
        f"{tool} could not load {API}; this bundle leaves out what the one before it had: load that first"
        in done.stderr
    )
    assert load(unpacked(old, tmp_path / "old"), tool, *options).returncode == 0
    again = load(tmp_path / "new", tool, *options)
    assert again.returncode == 0, again.stderr
    with through(real.port) as registry:
        assert complete(new, registry)
