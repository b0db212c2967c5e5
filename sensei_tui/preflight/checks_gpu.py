"""Checks of GPUs for a local LLM: by the labels of GPU feature discovery, and by NVML where this host is a GPU node.

Two sources for one fact are both shown; the label is what another host has. Without either the answer is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sensei_tui.base.text import bytes_si, plural
from sensei_tui.cluster.snapshot import Node
from sensei_tui.health.nodes import GPU as GPU_RESOURCE
from sensei_tui.preflight import thresholds as limit
from sensei_tui.preflight.checks_capacity import amount, rooms
from sensei_tui.preflight.facts import Facts, NotKnown, Nvml, Unknown, known
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.verdict import Area, Verdict, skipped

GPU = Area("GPU")
NOT_LOCAL = "the LLM does not run on GPUs of this cluster"
FIND_OUT = "Install GPU feature discovery (it labels the nodes), or run preflight on the GPU node itself."
Labels = Mapping[str, str]


def version(text: str) -> tuple[int, ...]:
    """`525.60.13` -> (525, 60, 13)."""
    return tuple(int(part) for part in re.findall(r"\d+", text))


def cuda_text(number: int) -> str:
    """12040 -> `12.4`."""
    return f"{number // 1000}.{number % 1000 // 10}"


def _gpu_nodes(facts: Facts) -> list[Node]:
    return [node for node in known(facts.cluster.nodes) if amount(node, GPU_RESOURCE, "allocatable")]


def _here(facts: Facts) -> Nvml | None:
    """What NVML says, if this host is a node."""
    nvml = facts.host.nvml
    if not facts.on_node or isinstance(nvml, Unknown) or not nvml.present:
        return None
    return nvml


def _of_each(facts: Facts, label: Callable[[Labels], str], nvml: Callable[[Nvml], str]) -> dict[str, str]:
    """A text for each GPU node: NVML's where we are on it, else its label's. Raises NotKnown if one has neither."""
    found: dict[str, str] = {}
    here = _here(facts)
    for node in _gpu_nodes(facts):
        is_here = node.status.node_info.machine_id == facts.host.machine_id
        text = nvml(here) if here and is_here else label(node.metadata.labels)
        if not text:
            raise NotKnown(Unknown(f"{node.metadata.name} has no label that says it", FIND_OUT))
        found[node.metadata.name] = text
    if not found:
        raise NotKnown(Unknown("no node offers a GPU", "See gpu.nodes."))
    return found


@GPU.check("gpu.nodes", "GPUs on one node", "the local LLM's request: tensor parallelism needs them on one node")
def nodes(facts: Facts) -> Verdict:
    """One node has as many free GPUs as the LLM's pod requests."""
    wanted = known(facts.needs).gpus
    if not wanted:
        return skipped(NOT_LOCAL)
    free = {room.node.metadata.name: room.free[GPU_RESOURCE] for room in rooms(facts)}
    best, total = max(free.values(), default=0), sum(free.values())
    name = next((name for name, count in free.items() if count == best), "")
    text = f"{plural(best, 'free GPU')} on {name}, {wanted} needed" if best else f"no free GPU, {wanted} needed"
    remedy = "Free GPUs, or lower llm.gpu.count."
    if total >= wanted > best:
        remedy = "There are enough in all, but not on one node: lower llm.gpu.count or free a node."
    return Verdict(Status.PASS if best >= wanted else Status.FAIL, text, text, plural(wanted, "GPU"), remedy)


@GPU.check("gpu.runtime", "RuntimeClass", "https://kubernetes.io/docs/concepts/containers/runtime-class/")
def runtime(facts: Facts) -> Verdict:
    """The RuntimeClass that the values name is there: without it the API server takes no such pod."""
    needs = known(facts.needs).runtimes
    if not needs:
        return skipped("the values name no RuntimeClass")
    there = known(facts.cluster.runtimes)
    detail = tuple(f"there is no RuntimeClass {need.name}: {need.where}" for need in needs if need.name not in there)
    shown = ", ".join(sorted(there)) or "none"
    summary = "; ".join(detail) or ", ".join(need.name for need in needs)
    remedy = "Make it (NVIDIA's GPU operator makes nvidia), name another, or leave llm.gpu.runtimeClassName empty."
    return Verdict(Status.FAIL if detail else Status.PASS, summary, shown, "there", remedy, detail)


@GPU.check("gpu.driver", "NVIDIA driver", f"{limit.GUIDE}: driver {limit.DRIVER}+")
def driver(facts: Facts) -> Verdict:
    """New enough on every GPU node."""
    if not known(facts.needs).gpus:
        return skipped(NOT_LOCAL)
    found = _of_each(facts, _driver_label, lambda nvml: nvml.driver)
    # A label may give the major number alone: (580,) is newer than the floor, (525,) cannot be told and is not.
    old = {name: text for name, text in found.items() if version(text) < version(limit.DRIVER)}
    remedy = f"Install a driver of branch {limit.DRIVER.partition('.')[0]} or newer; the newest LTS branch is best."
    return _each(found, old, f">= {limit.DRIVER}", remedy)


def _driver_label(labels: Labels) -> str:
    full = labels.get("nvidia.com/cuda.driver-version.full")
    parts = [labels.get(f"nvidia.com/cuda.driver.{part}", "") for part in ("major", "minor", "rev")]
    return full or ".".join(part for part in parts if part)


@GPU.check("gpu.cuda", "CUDA", f"{limit.GUIDE}: CUDA {limit.CUDA // 1000}.0+")
def cuda(facts: Facts) -> Verdict:
    """What the driver can run."""
    if not known(facts.needs).gpus:
        return skipped(NOT_LOCAL)
    found = _of_each(facts, _cuda_label, lambda nvml: cuda_text(nvml.cuda))
    floor = cuda_text(limit.CUDA)
    old = {name: text for name, text in found.items() if version(text) < version(floor)}
    return _each(found, old, f">= {floor}", "Install a newer driver: it brings the CUDA version it can run.")


def _cuda_label(labels: Labels) -> str:
    full = labels.get("nvidia.com/cuda.runtime-version.full")
    parts = [labels.get(f"nvidia.com/cuda.runtime.{part}", "") for part in ("major", "minor")]
    return full or ".".join(part for part in parts if part)


@GPU.check("gpu.memory", "GPU memory", f"{limit.GUIDE}: A100 40GB+; judged by size and compute capability, not by name")
def memory(facts: Facts) -> Verdict:
    """40 GB on each GPU, and an architecture not older than the A100's."""
    if not known(facts.needs).gpus:
        return skipped(NOT_LOCAL)
    found = _of_each(facts, _memory_label, _memory_nvml)
    told = {name: _told(text) for name, text in found.items()}
    small = {name: told[name] for name, text in found.items() if not _large(text)}
    floor = f">= {bytes_si(limit.GPU_MEMORY)}, compute {'.'.join(map(str, limit.GPU_COMPUTE))}"
    return _each(told, small, floor, "Use an A100 40 GB or better.")


def _memory_label(labels: Labels) -> str:
    """`bytes major.minor`; GPU feature discovery writes MiB."""
    size, major = labels.get("nvidia.com/gpu.memory", ""), labels.get("nvidia.com/gpu.compute.major", "")
    if not (size.isdigit() and major.isdigit()):
        return ""
    return f"{int(size) << 20} {major}.{labels.get('nvidia.com/gpu.compute.minor', '0')}"


def _memory_nvml(nvml: Nvml) -> str:
    sizes = [gpu.memory for gpu in nvml.gpus]
    compute = [gpu.compute for gpu in nvml.gpus if gpu.compute]
    if not sizes or len(compute) < len(sizes):
        return ""
    return f"{min(sizes)} {'.'.join(map(str, min(compute)))}"


def _large(text: str) -> bool:
    size, compute = text.split()
    return int(size) >= limit.GPU_MEMORY and version(compute) >= limit.GPU_COMPUTE


def _told(text: str) -> str:
    size, compute = text.split()
    return f"{bytes_si(int(size))}, compute {compute}"


@GPU.check("gpu.ecc", "GPU memory errors", "NVML: uncorrected ECC errors since the driver was loaded")
def ecc(facts: Facts) -> Verdict:
    """No uncorrected error on the GPUs of this host, where it is a GPU node."""
    here = _here(facts)
    if not known(facts.needs).gpus:
        return skipped(NOT_LOCAL)
    if here is None:
        return skipped("looks at GPUs of this host alone, and it is no GPU node")
    counts = [gpu.uncorrected_errors for gpu in here.gpus]
    bad = sum(count or 0 for count in counts)
    text = f"{plural(bad, 'uncorrected error')} on {plural(len(counts), 'GPU')}"
    remedy = "Drain the node and reset the GPU; if they come back, replace it."
    return Verdict(Status.FAIL if bad else Status.PASS, text, text, "0", remedy)


def _each(found: Mapping[str, str], wrong: Mapping[str, str], threshold: str, remedy: str) -> Verdict:
    shown = wrong or found
    text = ", ".join(f"{value} on {name}" for name, value in sorted(shown.items()))
    detail = tuple(f"{name}: {value}" for name, value in sorted(found.items()))
    return Verdict(Status.FAIL if wrong else Status.PASS, f"{text} ({threshold})", text, threshold, remedy, detail)
