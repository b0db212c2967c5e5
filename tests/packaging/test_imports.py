"""What a command may load: `sensei --help` stays quick, the layers hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {"textual", "kubernetes", "helm_python", "aiohttp", "pynvml", "psutil", "docker", "ruamel", "jsonschema"}


def loaded(*arguments: str) -> set[str]:
    """Top-level packages that a command imports, as `python -X importtime` reports them."""
    command = [sys.executable, "-X", "importtime", "-m", "sensei_tui", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    names = (line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in names}


def test_help_loads_nothing_heavy() -> None:
    packages = loaded("--help")
    assert "click" in packages, "the measurement itself must work"
    assert not packages & HEAVY


def test_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
