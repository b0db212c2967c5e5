"""What is shipped: the wheel built from the sdist holds exactly the tracked files."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked(*under: str) -> set[str]:
    listing = subprocess.run(["git", "ls-files", *under], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return set(listing.stdout.split())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from an unpacked sdist, as pip builds it from an index."""
    work = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(work)]
    subprocess.run([*build, "--sdist", str(ROOT)], check=True, capture_output=True)
    with tarfile.open(next(work.glob("*.tar.gz"))) as sdist:
        sdist.extractall(work, filter="data")
    source = next(path for path in work.iterdir() if path.is_dir())
    subprocess.run([*build, "--wheel", str(source)], check=True, capture_output=True)
    return next(work.glob("*.whl"))


def test_wheel_holds_exactly_the_tracked_files(wheel: Path) -> None:
    expected = tracked("sensei_tui")
    expected |= {f"sensei_tui/{name}" for name in tracked("charts")}
    expected |= {f"sensei_tui/{name.removeprefix('docs/')}" for name in tracked("docs/guide")}
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == expected


def test_wheel_declares_both_commands(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    entry = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
    text = archive.read(entry).decode()
    assert "sensei = " in text
    assert "sensei-tui = " in text
