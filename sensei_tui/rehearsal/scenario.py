"""What a simulated cluster is made of: nodes, storage classes, speed, and scripted faults. One YAML file."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from sensei_tui.base import quantity
from sensei_tui.base.errors import UsageError
from sensei_tui.rehearsal import faults_http

GPU = "nvidia.com/gpu"
_REMEDY = "`sensei rehearse record` writes a scenario to start from; the guide's page Rehearsal lists the fields."

FaultKind = Literal["image-pull", "crash-loop", "oom", "pending", "slow-start", "unready"]


class NodeSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """A node, or `count` of them (then `name` gets -1, -2, ...). Sizes are Kubernetes quantities."""

    name: str
    count: int = 1
    cpu: str = "16"
    memory: str = "64Gi"
    storage: str = "500Gi"
    """Ephemeral storage."""
    pods: int = 110
    gpus: int = 0
    labels: dict[str, str] = {}
    taints: list[dict[str, str]] = []
    kubelet: str = "v1.36.2"
    unschedulable: bool = False
    ready: bool = True

    def names(self) -> list[str]:
        """The names of the nodes this describes."""
        return [self.name] if self.count == 1 else [f"{self.name}-{number}" for number in range(1, self.count + 1)]


class StorageSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """A StorageClass; `capacity` is what all its volumes together may take."""

    name: str
    provisioner: str = "csi.rehearsal.sensei"
    default: bool = False
    binding: Literal["WaitForFirstConsumer", "Immediate"] = "WaitForFirstConsumer"
    capacity: str = "4Ti"
    expandable: bool = True
    parameters: dict[str, str] = {}


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Something that goes wrong with the pods whose name, or whose image, matches (shell patterns).

    `times` counts for each pod's container (0: always); `seconds` is the delay of slow-start, in the time of a real
    cluster; `message` replaces the usual words; `log` is what the container says before it ends. image-pull strikes
    also where another pod has brought the image to the node.
    """

    kind: FaultKind
    pod: str = "*"
    image: str = "*"
    times: int = 0
    seconds: float = 30.0
    message: str = ""
    log: tuple[str, ...] = ()
    exit_code: int = 1

    def strikes(self, pod: str, image: str, before: int = 0) -> bool:
        """Whether it hits this pod's container, which it has hit `before` times already."""
        named = fnmatch.fnmatchcase(pod, self.pod) or fnmatch.fnmatchcase(pod, f"{self.pod}-*")
        return named and fnmatch.fnmatchcase(image, self.image) and (not self.times or before < self.times)


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """A simulated cluster. `speed`: how many times faster than a real one containers start, probes and timeouts run."""

    nodes: tuple[NodeSpec, ...] = ()
    storage_classes: tuple[StorageSpec, ...] = (StorageSpec("standard", default=True),)
    faults: tuple[Fault, ...] = ()
    speed: float = 10.0
    api: dict[str, Any] | None = None
    """Faults between client and server (see faults_http), `clockSkew`, `deny`."""

    def text(self) -> str:
        """As a scenario file."""
        return yaml.safe_dump(msgspec.to_builtins(self), sort_keys=False)

    def summary(self) -> str:
        """`5 nodes, 1 storage class`."""
        nodes = sum(len(node.names()) for node in self.nodes)
        classes = len(self.storage_classes)
        return f"{nodes} node{'s' * (nodes != 1)}, {classes} storage class{'es' * (classes != 1)}"


_DEFAULT = (
    NodeSpec("node", count=4, labels={"node.kubernetes.io/instance-type": "16c-64g"}),
    NodeSpec(
        "gpu-1", cpu="32", memory="128Gi", gpus=2,
        # As GPU feature discovery writes them.
        labels={"nvidia.com/gpu.present": "true", "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
                "nvidia.com/gpu.count": "2", "nvidia.com/gpu.memory": "81920", "nvidia.com/gpu.family": "ampere",
                "nvidia.com/gpu.compute.major": "8", "nvidia.com/gpu.compute.minor": "0",
                "nvidia.com/cuda.driver-version.full": "580.95.05", "nvidia.com/cuda.runtime-version.full": "13.0"},
    ),
)  # fmt: skip


def default() -> Scenario:
    """Five nodes of the guide's recommended size (96 cores, 384 GiB), one of them with two A100 GPUs."""
    return Scenario(nodes=_DEFAULT)


def load(path: Path) -> Scenario:
    """Read a scenario file. Raises UsageError naming the file, the field and what is allowed."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UsageError("The scenario can't be read.", where=str(path), why=str(error), remedy=_REMEDY) from error
    return parse(tree, str(path))


def parse(tree: Any, where: str = "scenario") -> Scenario:
    """A scenario from its YAML tree; without nodes it has the default ones. Raises UsageError."""
    try:
        found = msgspec.convert({} if tree is None else tree, Scenario)
        _check(found)
    except (msgspec.ValidationError, ValueError) as error:
        raise UsageError("The scenario is wrong.", where=where, why=str(error), remedy=_REMEDY) from error
    return found if found.nodes else msgspec.structs.replace(found, nodes=_DEFAULT)


def _check(scenario: Scenario) -> None:
    """What the types do not say. Raises ValueError, UsageError."""
    names = [name for node in scenario.nodes for name in node.names()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two nodes have the name {', '.join(sorted(twice))} - at `$.nodes`")
    if scenario.speed <= 0:
        raise ValueError("speed must be more than 0 - at `$.speed`")
    for node in scenario.nodes:
        for size in (node.cpu, node.memory, node.storage):
            quantity.parse(size)
    for storage in scenario.storage_classes:
        quantity.parse(storage.capacity)
    _known_api(scenario.api or {})
    faults_http.read(scenario.api)


def _known_api(api: Mapping[str, Any]) -> None:
    if unknown := set(api) - {"faults", "clockSkew", "deny", "seed"}:
        raise ValueError(f"api has no {', '.join(sorted(unknown))} (it has faults, clockSkew, deny, seed) - at `$.api`")
