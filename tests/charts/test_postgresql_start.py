"""The script that PostgreSQL's pod starts with, run by a real shell: it never starts on an empty directory beside old data."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sensei_tui.site.charts import chart_dir
from tests.charts.helpers import Scenario

SCRIPT = chart_dir("dependencies") / "files" / "postgresql-start.sh"
ENTRYPOINT = '#!/bin/sh\necho "started: $*"\n'
STARTED = "started: postgres --shared_buffers=1MB\n"
REMEDY = "sensei: a major upgrade is a backup, a new empty server and a restore: see 'Data stores' in the guide.\n"


class Volume:
    """The mounted volume, the variables of the pod, and an image."""

    def __init__(self, root: Path) -> None:
        self.root = root / "lib" / "postgresql"
        self.root.mkdir(parents=True)
        self._bin = root / "bin"
        self._bin.mkdir()
        (self._bin / "docker-entrypoint.sh").write_text(ENTRYPOINT)
        (self._bin / "docker-entrypoint.sh").chmod(0o755)

    def filled(self, major: int) -> Path:
        """Data of a major version."""
        data = self.root / str(major) / "data"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text(f"{major}\n")
        return data

    def start(self, major: int, *, replaces: int = 0, image: str = "") -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{self._bin}:{os.environ['PATH']}", "MAJOR": str(major), "REPLACES_MAJOR": str(replaces),
            "PGDATA": str(self.root / str(major) / "data"), "PG_MAJOR": image or str(major),
        }  # fmt: skip
        command = ["sh", "-c", SCRIPT.read_text(), "postgresql", "--shared_buffers=1MB"]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path)


def test_a_fresh_volume(volume: Volume) -> None:
    (volume.root / "lost+found").mkdir()
    assert (volume.start(17).stdout, volume.start(17).returncode) == (STARTED, 0)


def test_its_own_data(volume: Volume) -> None:
    volume.filled(17)
    assert volume.start(17).stdout == STARTED


def test_data_of_another_major_version(volume: Volume) -> None:
    old = volume.filled(17)
    done = volume.start(18)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == f"sensei: the volume holds data of PostgreSQL 17 in {old}, and none of PostgreSQL 18.\n{REMEDY}"
    )
    assert [path.name for path in volume.root.iterdir()] == ["17"], "nothing is made"


def test_data_that_is_replaced(volume: Volume) -> None:
    volume.filled(17)
    assert volume.start(18, replaces=17).stdout == STARTED
    assert volume.start(18, replaces=16).returncode == 1, "that is another one"


def test_both_are_there_after_a_replacement(volume: Volume) -> None:
    volume.filled(17)
    volume.filled(18)
    assert volume.start(18).stdout == STARTED
    assert volume.start(17).stdout == STARTED, "a release that was rolled back finds its data"


def test_an_interrupted_beginning_is_not_data(volume: Volume) -> None:
    (volume.root / "17" / "data").mkdir(parents=True)
    (volume.root / "17" / "data" / "PG_VERSION").write_text("")
    assert volume.start(18).stdout == STARTED


def test_an_image_of_another_major_version(volume: Volume) -> None:
    done = volume.start(17, image="18")
    assert done.returncode == 1
    assert done.stderr.startswith("sensei: the image is PostgreSQL 18, postgresql.major is 17; set both to the same.\n")


def test_the_pod_starts_with_it(guide_default: Scenario) -> None:
    box = guide_default.of("StatefulSet")["sensei-postgresql"]["spec"]["template"]["spec"]["containers"][0]
    assert box["command"] == ["sh", "-c"]
    assert box["args"][:2] == [SCRIPT.read_text(), "postgresql"]
    told = {entry["name"]: entry.get("value") for entry in box["env"]}
    assert (told["MAJOR"], told["REPLACES_MAJOR"]) == ("17", "0")
