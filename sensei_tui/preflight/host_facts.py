"""Facts of this host: cores, memory, the site's disk, NVMe devices. `root` lets tests bring their own tree."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from sensei_tui.preflight.facts import Disk, NvmeDevice

SECTOR = 512
"""`size` in sysfs counts these, whatever the device's own block size
(https://www.kernel.org/doc/Documentation/ABI/stable/sysfs-block)."""
ROOT = Path("/")


def name() -> str:
    """The host's name."""
    return socket.gethostname()


def machine_id(root: Path = ROOT) -> str:
    """/etc/machine-id, as the kubelet reports it; empty where there is none."""
    file = root / "etc/machine-id"
    return _text(file)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def flags(root: Path = ROOT) -> frozenset[str]:
    """CPU flags of the first core (`avx2`); `Features` on arm64. Raises OSError."""
    for row in (root / "proc/cpuinfo").read_text().splitlines():
        label, _, text = row.partition(":")
        if label.strip() in ("flags", "Features"):
            return frozenset(text.split())
    return frozenset()


def memory() -> tuple[int, int]:
    """Bytes in total, and bytes that can be had without swapping."""
    import psutil

    found = psutil.virtual_memory()
    return int(found.total), int(found.available)


def disk(path: Path, root: Path = ROOT) -> Disk:
    """The file system that holds `path`. Raises OSError."""
    import psutil

    usage = psutil.disk_usage(str(path))
    device, filesystem = _mount(path.resolve(), root)
    return Disk(str(path), filesystem, int(usage.total), int(usage.free), device)


def _mount(path: Path, root: Path) -> tuple[str, str]:
    """Device and type of the mount that holds a path: the longest mount point above it, the last one mounted there."""
    found = ("", "", "")
    for row in (root / "proc/mounts").read_text().splitlines():
        device, point, filesystem, *_ = row.split()
        point = point.encode().decode("unicode_escape")
        if path.is_relative_to(point) and len(point) >= len(found[1]):
            found = (device, point, filesystem)
    return found[0], found[2]


def nvme(root: Path = ROOT) -> tuple[NvmeDevice, ...]:
    """Every NVMe controller. With native multipath a namespace belongs to the subsystem: it is counted once."""
    controllers = sorted((root / "sys/class/nvme").glob("nvme*"))
    return tuple(_controller(path, root) for path in controllers)


def _controller(path: Path, root: Path) -> NvmeDevice:
    return NvmeDevice(
        name=path.name, model=_text(path / "model"), firmware=_text(path / "firmware_rev"),
        state=_text(path / "state"), transport=_text(path / "transport"), size=_namespaces(path, root),
    )  # fmt: skip


def _namespaces(controller: Path, root: Path) -> int:
    """Bytes of the namespaces. Hidden per-path entries (`nvme0c0n1`) have no size; the subsystem's has it."""
    sizes = {space.name: _size(space) for space in controller.glob("nvme*n*") if (space / "size").is_file()}
    if not sizes:
        sizes = {space.name: _size(space) for space in _subsystem(controller, root)}
    return sum(sizes.values()) * SECTOR


def _subsystem(controller: Path, root: Path) -> list[Path]:
    subsystems = root / "sys/class/nvme-subsystem"
    owner = next((item for item in subsystems.glob("nvme-subsys*") if (item / controller.name).exists()), None)
    if owner is None or min(item.name for item in owner.glob("nvme*") if _is_controller(item.name)) != controller.name:
        return []
    return [space for space in owner.glob("nvme*n*") if (space / "size").is_file()]


def _is_controller(name: str) -> bool:
    return name.removeprefix("nvme").isdigit()


def _size(space: Path) -> int:
    text = _text(space / "size")
    return int(text) if text.isdigit() else 0


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
