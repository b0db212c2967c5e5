"""What a pod without any privilege sees of its node, as one JSON document."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

_WRITES, _SIZE = 1000, 2300
"""As etcd writes: blocks of 2300 bytes, each followed by fdatasync (etcd.io, "Hardware recommendations")."""
_NOT_A_DISK = ("tmpfs", "overlay", "ramfs")


def facts(directory: Path | None = None, root: Path = Path("/")) -> dict[str, Any]:
    """Sizes in bytes, latencies in milliseconds. What can't be seen is null."""
    memory = _pairs(root / "proc/meminfo")
    found: dict[str, Any] = {
        "clock": time.time_ns(), "kernel": os.uname().release, "machine": os.uname().machine,
        "cores": len(os.sched_getaffinity(0)), "avx2": "avx2" in _flags(root),
        "memory": _kib(memory.get("MemTotal")), "swap": _kib(memory.get("SwapTotal")),
        "cgroup": 2 if (root / "sys/fs/cgroup/cgroup.controllers").exists() else 1,
        "sysctl": {name: _number(root / "proc/sys" / name.replace(".", "/")) for name in
                   ("vm.max_map_count", "vm.overcommit_memory", "vm.swappiness")},
        "nvme": [_nvme(item) for item in _children(root / "sys/class/nvme")],
        "disks": [item.name for item in _children(root / "sys/block") if not item.name.startswith(("loop", "ram"))],
    }  # fmt: skip
    return {**found, "fsync": latency(directory, root)} if directory else found


def latency(directory: Path, root: Path = Path("/")) -> dict[str, Any]:
    """How long a write takes to be on the disk; a file system that is none is named and not measured."""
    kind = _filesystem(directory, root)
    if kind in _NOT_A_DISK:
        return {"filesystem": kind, "p50": None, "p99": None}
    file, took = directory / ".sensei-probe", []
    line = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(_WRITES):
            began = time.perf_counter_ns()
            os.write(line, b"\0" * _SIZE)
            os.fdatasync(line)
            took.append(time.perf_counter_ns() - began)
    finally:
        os.close(line)
        file.unlink()
    took.sort()
    return {"filesystem": kind, "p50": took[len(took) // 2] / 1e6, "p99": took[len(took) * 99 // 100] / 1e6}


def _filesystem(directory: Path, root: Path) -> str:
    place, best, kind = str(directory.resolve()), "", ""
    for row in _text(root / "proc/self/mounts").splitlines():
        _, point, found, *_ = row.split(" ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind


def _nvme(device: Path) -> dict[str, str]:
    return {"name": device.name, **{key: _text(device / key).strip() for key in ("model", "firmware_rev", "state")}}


def _flags(root: Path) -> list[str]:
    rows = _text(root / "proc/cpuinfo").splitlines()
    return next((row.partition(":")[2].split() for row in rows if row.startswith(("flags", "Features"))), [])


def _pairs(file: Path) -> dict[str, str]:
    rows = (row.partition(":") for row in _text(file).splitlines())
    return {key: value.strip() for key, _, value in rows}


def _kib(text: str | None) -> int | None:
    return int(text.split()[0]) * 1024 if text else None


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _children(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
