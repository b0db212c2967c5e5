"""load-images.sh where volumes were unpacked: which are missing, and what it joins is still a bundle."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from sensei_tui.bundle.archive import open_archive
from tests.bundle.test_load import complete, stored, through
from tests.bundle.test_script import SHELL, script
from tests.bundle.test_volumes import _one, cli, media, real  # noqa: F401
from tests.registry.kinds import both
from tests.registry.real import Real

pytestmark = [
    both,
    pytest.mark.skipif(SHELL is None or not shutil.which("curl"), reason="dash or curl is not installed"),
]


def unpack(paths: list[Path], out: Path) -> Path:
    out.mkdir(exist_ok=True)
    for path in paths:
        subprocess.run(["tar", "-xf", path, "-C", out], check=True)
    return out


def test_segments_are_joined_whichever_volume_came_last(media: list[Path], real: Real, tmp_path: Path) -> None:  # noqa: F811
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}"]
    last = [path for path in media if any(".seg" in name for name in open_archive(path).entries)]
    for number, path in enumerate([last[0], media[-1]]):
        out = unpack([*(other for other in media if other != path), path], tmp_path / f"out{number}")
        for _ in range(2):
            done = script(out, *options)
            assert done.returncode == 0, done.stderr
            assert not list(out.glob("blobs/sha256/*.*"))
            found = cli("verify", out, "--allow-unsigned")
            assert found.exit_code == 0, found.output or found.exception
    with through(real.port) as registry:
        assert complete(_one(media), registry)


def test_missing_volumes_are_named(media: list[Path], real: Real, tmp_path: Path) -> None:  # noqa: F811
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}", "--skip-sums"]
    for gone in ({1}, {2}, {len(media)}, {1, len(media) - 1}):
        out = unpack(
            [path for number, path in enumerate(media, 1) if number not in gone], tmp_path / "".join(map(str, gone))
        )
        done = script(out, *options)
        assert done.returncode == 1
        assert "volumes are missing, or not whole" in done.stderr
        assert done.stderr.split(":")[-1].split() == [str(number) for number in sorted(gone)]
    assert stored(real) == set()


def test_a_list_of_volumes_that_was_changed_is_not_followed(media: list[Path], real: Real, tmp_path: Path) -> None:  # noqa: F811
    out = unpack(media, tmp_path / "out")
    (out / "volumes.list").write_text("1 /nowhere\n")
    done = script(out, "--plain-http", "--registry", f"127.0.0.1:{real.port}")
    assert done.returncode == 1
    assert "volumes.list: FAILED" in done.stderr
