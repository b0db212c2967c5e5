"""Bundles on what they travel on: discs that can only be read, and sticks with FAT (both through FUSE)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensei_tui.bundle.create import SHAPES, write_bundle
from tests.bundle.samples import built, bundle
from tests.bundle.test_command import run_in
from tests.bundle.test_kept import Site
from tests.bundle.test_load import complete, through
from tests.bundle.test_script import script, unpacked
from tests.bundle.test_volumes import written
from tests.registry.kinds import both
from tests.registry.real import Real, started


def _lacks() -> str:
    """Why nothing can be mounted here; empty where it can."""
    for program in ("genisoimage", "fuseiso", "fusefat", "mkfs.vfat", "fusermount"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            return f"{program} is not installed"
    return "" if os.access("/dev/fuse", os.R_OK | os.W_OK) else "FUSE (/dev/fuse) is not to be had here"


pytestmark = pytest.mark.skipif(bool(_lacks()), reason=_lacks() or "-")


@contextmanager
def mounted(program: str, image: Path, *options: str) -> Iterator[Path]:
    """Where it is mounted, while it is."""
    place = image.with_suffix(".mounted")
    place.mkdir(exist_ok=True)
    done = subprocess.run([program, *options, image, place], capture_output=True, text=True)
    if done.returncode or not place.is_mount():
        # Such as a container that may not.
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()[:80]}")
    try:
        yield place
    finally:
        subprocess.run(["fusermount", "-u", place], check=True)


@contextmanager
def disc(image: Path, content: Path) -> Iterator[Path]:
    """A disc with a file or a directory: ISO 9660 with the long names of Linux (Rock Ridge)."""
    if not image.exists():
        subprocess.run(["genisoimage", "-quiet", "-R", "-o", image, content], check=True)
    with mounted("fuseiso", image) as place:
        yield place


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """32 MiB of FAT."""
    image = tmp_path / "stick.img"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(
        ["mkfs.vfat", image],
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    with mounted("fusefat", image, "-o", "rw+") as place:
        yield place


@pytest.fixture
def site(tmp_path: Path, registry_kind: str) -> Iterator[Site]:
    with started(Real(tmp_path / "registry")) as real:
        yield Site(real.port, tmp_path / "keep")


@both
def test_one_disc_after_another(site: Site, tmp_path: Path) -> None:
    volumes = written(tmp_path / "volumes")
    for path in reversed(volumes):
        with disc(tmp_path / f"{path.name}.iso", path) as place:
            # A process of its own: the disc can be taken out once it has ended.
            done = run_in(tmp_path, "bundle", "load", place / path.name, "--registry", f"127.0.0.1:{site.port}",
                          "--plain-http", "--allow-unsigned", "--keep", site.keep)  # fmt: skip
        assert done.code == (0 if path == volumes[0] else 1), done.errors
    with through(site.port) as registry:
        assert complete(bundle(tmp_path, source=tmp_path / "volumes/layout"), registry)


@both
def test_unpacked_on_a_disc(site: Site, tmp_path: Path) -> None:
    packed = bundle(tmp_path)
    with disc(tmp_path / "disc.iso", unpacked(packed, tmp_path / "out")) as place:
        assert site.load(place) is None
        done = script(place, "--plain-http", "--registry", f"127.0.0.1:{site.port}/script")
    assert (done.returncode, done.stderr) == (0, "")
    for prefix in ("", "script"):
        with through(site.port, prefix) as registry:
            assert complete(packed, registry)


@pytest.mark.parametrize("form", ["tar.gz", "tar"])
def test_written_onto_a_stick(tmp_path: Path, stick: Path, form: str) -> None:
    """FAT keeps no room beforehand, and may know no way around the page cache."""
    build = built(tmp_path)
    write_bundle(build, tmp_path / "there", SHAPES[form])
    wanted = (tmp_path / "there").read_bytes()
    write_bundle(build, stick / "bundle", SHAPES[form])
    assert (stick / "bundle").read_bytes() == wanted
    (stick / "bundle").unlink()
    (stick / "bundle.part").write_bytes(wanted[: len(wanted) * 2 // 3])
    steps = list[int]()
    write_bundle(build, stick / "bundle", SHAPES[form], lambda done, total, what: steps.append(done))
    assert (stick / "bundle").read_bytes() == wanted
    assert not (stick / "bundle.part").exists()
