"""Host facts on trees that look like /sys and /proc of real hosts, and on this host."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.preflight import fsync, host_facts
from sensei_tui.preflight.facts import Fsync, Unknown


def controller(root: Path, name: str, model: str = "SAMSUNG MZQL21T9", state: str = "live") -> Path:
    path = root / "sys/class/nvme" / name
    path.mkdir(parents=True)
    texts = {"model": f"{model}  \n", "firmware_rev": "GDC5602Q\n", "state": f"{state}\n", "transport": "pcie\n"}
    for file, text in texts.items():
        (path / file).write_text(text)
    return path


def namespace(owner: Path, name: str, sectors: int | None) -> None:
    (owner / name).mkdir(parents=True)
    if sectors is not None:
        (owner / name / "size").write_text(f"{sectors}\n")


def test_an_nvme_controller_with_its_namespaces(tmp_path: Path) -> None:
    path = controller(tmp_path, "nvme0")
    namespace(path, "nvme0n1", 3_750_748_848)
    namespace(path, "nvme0n2", 8)
    (found,) = host_facts.nvme(tmp_path)
    assert found.size == 3_750_748_856 * 512
    assert (found.name, found.model, found.state, found.transport) == ("nvme0", "SAMSUNG MZQL21T9", "live", "pcie")


def test_multipath_counts_a_namespace_once(tmp_path: Path) -> None:
    subsystem = tmp_path / "sys/class/nvme-subsystem/nvme-subsys0"
    for name in ("nvme0", "nvme1"):
        namespace(controller(tmp_path, name), f"{name.replace('nvme', 'nvme0c')}n1", None)
        (subsystem / name).mkdir(parents=True)
    namespace(subsystem, "nvme0n1", 1000)
    sizes = {item.name: item.size for item in host_facts.nvme(tmp_path)}
    assert sizes == {"nvme0": 512_000, "nvme1": 0}


def test_a_dead_controller_keeps_its_state(tmp_path: Path) -> None:
    controller(tmp_path, "nvme0", state="dead")
    assert host_facts.nvme(tmp_path)[0].state == "dead"


def test_no_nvme_at_all(tmp_path: Path) -> None:
    assert host_facts.nvme(tmp_path) == ()


def test_the_mount_nearest_to_the_path_and_the_last_one_there(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    rows = [
        "/dev/vda1 / ext4 rw 0 0",
        "tmpfs /srv tmpfs rw 0 0",
        r"/dev/vdb /srv/a\040b xfs rw 0 0",
        "/dev/vdc /srv/a\\040b ext4 rw 0 0",
    ]
    (tmp_path / "proc/mounts").write_text("\n".join(rows) + "\n")
    assert host_facts._mount(Path("/srv/a b/site"), tmp_path) == ("/dev/vdc", "ext4")
    assert host_facts._mount(Path("/srv/other"), tmp_path) == ("tmpfs", "tmpfs")
    assert host_facts._mount(Path("/srvx"), tmp_path) == ("/dev/vda1", "ext4")


@pytest.mark.parametrize("label", ["flags\t\t", "Features\t"])
def test_cpu_flags_of_both_architectures(tmp_path: Path, label: str) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\n{label}: fpu avx2 asimd\n\nprocessor\t: 1\n")
    assert host_facts.flags(tmp_path) == {"fpu", "avx2", "asimd"}


def test_this_host(tmp_path: Path) -> None:
    total, available = host_facts.memory()
    assert 0 < available <= total
    assert host_facts.cores() >= 1
    found = host_facts.disk(tmp_path)
    assert 0 < found.free <= found.total
    assert found.filesystem


def test_fsync_measures_and_leaves_nothing(tmp_path: Path) -> None:
    found = fsync.measure(tmp_path, "ext4", writes=20)
    assert isinstance(found, Fsync)
    assert 0 <= found.p50 <= found.p99 <= found.worst
    assert found.writes == 60
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("filesystem", ["tmpfs", "overlay"])
def test_memory_is_not_called_a_fast_disk(tmp_path: Path, filesystem: str) -> None:
    found = fsync.measure(tmp_path, filesystem)
    assert isinstance(found, Unknown)
    assert filesystem in found.why
