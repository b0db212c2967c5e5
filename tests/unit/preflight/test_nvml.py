"""NVML as nvidia-ml-py really calls it, answered by a small C library that the test builds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")
ASK = (
    "import msgspec, sys; from sensei_tui.preflight import nvml; "
    "sys.stdout.write(msgspec.json.encode(nvml.collect()).decode())"
)


def build(directory: Path, *flags: str) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: the tests' NVML library cannot be built")
    target = directory / "libnvidia-ml.so.1"
    command = [compiler, "-shared", "-fPIC", "-Wl,-soname,libnvidia-ml.so.1", *flags, "-o", str(target), str(SOURCE)]
    subprocess.run(command, check=True)
    return directory


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


def ask(directory: Path, **settings: int | str) -> Any:
    """What the collector finds in a process of its own that loads the library by its usual name."""
    told = {f"FAKE_NVML_{name}": str(value) for name, value in settings.items()}
    environ = {**os.environ, "LD_LIBRARY_PATH": str(directory), **told}
    done = subprocess.run([sys.executable, "-c", ASK], env=environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_two_a100s(library: Path) -> None:
    found = ask(library)
    assert (found["driver"], found["cuda"], found["present"]) == ("550.163.01", 12040, True)
    gpu = {
        "name": "NVIDIA A100-SXM4-40GB",
        "memory": 42949672960,
        "compute": [8, 0],
        "mig": None,
        "uncorrected_errors": 0,
    }
    assert found["gpus"] == [gpu, gpu]


def test_mig_and_memory_errors_are_seen(library: Path) -> None:
    gpu = ask(library, COUNT=1, MIG=1, ECC=7)["gpus"][0]
    assert (gpu["mig"], gpu["uncorrected_errors"]) == (True, 7)


def test_what_a_gpu_does_not_have_is_not_invented(library: Path) -> None:
    assert ask(library, COUNT=1, ECC=-1)["gpus"][0]["uncorrected_errors"] is None


def test_an_old_driver_without_the_symbol(tmp_path: Path) -> None:
    found = ask(build(tmp_path, "-DOLD_DRIVER"), COUNT=1)
    assert found["gpus"][0]["uncorrected_errors"] is None
    assert found["driver"] == "550.163.01"


@pytest.mark.parametrize(
    ("code", "why"),
    [(9, "not loaded"), (18, "different versions"), (4, "may not open"), (15, "fell off"), (999, "NVML")],
)
def test_trouble_is_unknown_with_its_reason(library: Path, code: int, why: str) -> None:
    found = ask(library, INIT=code)
    assert found["type"] == "unknown"
    assert why in found["why"]
    assert found["remedy"]


def test_a_gpu_that_is_lost_while_asking(library: Path) -> None:
    assert "fell off the bus" in ask(library, LOST=1)["why"]


def test_no_driver_is_a_fact_not_an_error(tmp_path: Path) -> None:
    found = ask(tmp_path)
    if found["present"]:
        pytest.skip("this host has a real NVIDIA driver")
    assert found["gpus"] == []
