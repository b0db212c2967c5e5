"""Checks of this host. Pure functions.

A jump host is no node: what only matters on a node (disks, CPU features) is measured and shown all the same, but
judged only where this host is one.
"""

from __future__ import annotations

from sensei_tui.base.text import bytes_iec, bytes_si, plural
from sensei_tui.preflight import thresholds as limit
from sensei_tui.preflight.facts import Facts, known
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.verdict import Area, Verdict, at_least, skipped

HOST = Area("This host")
NO_NODE = "not judged: this host is no node of the cluster"


def on_node(facts: Facts, verdict: Verdict) -> Verdict:
    """The verdict where this host is a node; elsewhere a pass or nothing."""
    if facts.on_node or verdict.status is Status.PASS:
        return verdict
    return Verdict(Status.SKIPPED, f"{verdict.summary}; {NO_NODE}", verdict.measured, verdict.threshold)


@HOST.check("host.cpu", "CPU", "the bundled vector database and object storage are built for AVX2")
def cpu(facts: Facts) -> Verdict:
    """Cores, and the instructions that the stores want."""
    cores, flags = known(facts.host.cores), known(facts.host.flags)
    modern = "avx2" in flags or "asimd" in flags
    text = f"{plural(cores, 'core')}, {'AVX2' if 'avx2' in flags else 'ASIMD' if modern else 'no AVX2'}"
    remedy = "Give the virtual machine the host's CPU model (host-passthrough)."
    return on_node(facts, Verdict(Status.PASS if modern else Status.WARN, text, text, "AVX2 or ASIMD", remedy))


@HOST.check("host.memory", "Memory", "measured: Helm engine 97 MB, console 60 MB, runner 50 MB")
def memory(facts: Facts) -> Verdict:
    """Enough for this program itself."""
    available, total = known(facts.host.available), known(facts.host.memory)
    text = f"{bytes_iec(available)} of {bytes_iec(total)} available"
    floor = limit.HOST_MEMORY
    threshold = f"minimum {bytes_iec(floor.minimum)}, recommended {bytes_iec(floor.recommended)}"
    return Verdict(at_least(available, floor), text, text, threshold, "End other programs on this host.")


@HOST.check("host.disk", "Disk space", "a run's journal and manifests take a few MB")
def disk(facts: Facts) -> Verdict:
    """Room for the site."""
    found = known(facts.host.disk)
    text = f"{bytes_si(found.free)} free of {bytes_si(found.total)} ({found.filesystem or 'unknown file system'})"
    threshold = f"minimum {bytes_si(limit.HOST_DISK.minimum)}, recommended {bytes_si(limit.HOST_DISK.recommended)}"
    detail = (f"{found.path} on {found.device}",)
    remedy = f"Free space on the file system of {found.path}."
    return Verdict(at_least(found.free, limit.HOST_DISK), text, text, threshold, remedy, detail)


@HOST.check("disk.nvme", "NVMe devices", f"{limit.GUIDE}: 500 GB SSD, recommended NVMe")
def nvme(facts: Facts) -> Verdict:
    """NVMe controllers that are live, and their size."""
    devices = known(facts.host.nvme)
    live = [item for item in devices if item.state in ("live", "")]
    rows = tuple(f"{item.name}: {item.model}, {bytes_si(item.size)} {item.transport}, {item.state}" for item in devices)
    if not devices:
        remedy = "Attach NVMe, or name a StorageClass on fast disks; see disk.fsync."
        return on_node(facts, Verdict(Status.WARN, "no NVMe device", "none", "at least one", remedy))
    text = f"{plural(len(live), 'NVMe device')}, {bytes_si(sum(item.size for item in live))}"
    broken = [item.name for item in devices if item not in live]
    if broken:
        summary = f"{text}; not live: {', '.join(broken)}"
        return on_node(facts, Verdict(Status.FAIL, summary, text, "live", "On this host: dmesg | grep nvme", rows))
    return on_node(facts, Verdict(Status.PASS, text, text, "at least one", "", rows))


@HOST.check("disk.fsync", "fdatasync latency", "etcd's FAQ: p99 under 10 ms; OpenShift accepts under 20 ms")
def fsync(facts: Facts) -> Verdict:
    """How long the site's disk takes to keep a write."""
    found = known(facts.host.fsync)
    slow = Status.FAIL if found.p99 >= limit.FSYNC_FAIL else Status.WARN
    status = slow if found.p99 >= limit.FSYNC_WARN else Status.PASS
    text = f"p99 {found.p99:.1f} ms, p50 {found.p50:.1f} ms"
    sample = f"{found.writes} writes of 2300 bytes in {plural(found.runs, 'run')}"
    measured = f"{text}, worst {found.worst:.1f} ms ({sample})"
    threshold = f"p99 < {limit.FSYNC_WARN:.0f} ms; from {limit.FSYNC_FAIL:.0f} ms fails"
    remedy = "Put etcd and the databases on their own SSD or NVMe; look at the disk's write cache."
    return on_node(facts, Verdict(status, text, measured, threshold, remedy))


@HOST.check("host.gpu", "GPUs of this host", "NVML")
def gpus(facts: Facts) -> Verdict:
    """What NVML finds here; judged under GPU, where a local LLM needs it."""
    found = known(facts.host.nvml)
    if not found.present:
        return skipped("no NVIDIA driver on this host")
    names = sorted({gpu.name for gpu in found.gpus})
    text = f"{len(found.gpus)} x {', '.join(names)}" if names else "driver loaded, no GPU"
    rows = tuple(f"{gpu.name}: {bytes_si(gpu.memory)}" for gpu in found.gpus)
    return Verdict(Status.PASS, f"{text}, driver {found.driver}", text, "", "", rows)
