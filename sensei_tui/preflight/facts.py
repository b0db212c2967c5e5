"""What preflight knows before it judges: immutable, recordable, without secrets.

A fact that could not be found out is an `Unknown` with the reason. Checks ask with `known`, which turns it into the
finding `unknown`; so no check can pass on something nobody measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from sensei_tui.cluster.snapshot import Node, Pod, Taint, Wire

T = TypeVar("T")


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """A fact that is not known, and why."""

    why: str
    remedy: str = ""


class NotKnown(Exception):
    """Raised inside a check that needs a fact nobody has."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.why)
        self.unknown = unknown


def known(fact: T | Unknown) -> T:
    """The fact. Raises NotKnown."""
    if isinstance(fact, Unknown):
        raise NotKnown(fact)
    return fact


NOT_ASKED = Unknown("it was not asked")


class Permission(msgspec.Struct, frozen=True, order=True):
    """May we do this? An empty namespace means cluster-wide."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    optional: bool = False
    """Only something to look at is lost without it."""

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name}{'' if self.namespace else ' (cluster-wide)'}"


class StorageClass(Wire, frozen=True):
    """A class of volumes, and what the driver says is left for it."""

    name: str
    provisioner: str = ""
    default: bool = False
    binding: str = "Immediate"
    expandable: bool = False
    capacity: int | None = None
    """Bytes still to be had, by CSIStorageCapacity; None where the driver publishes none."""


class Server(msgspec.Struct, frozen=True):
    """The API server as it answers us."""

    version: str
    latency: float
    """Seconds for one small request on an open connection."""
    skew: float
    """Seconds its clock is ahead of this host's (whole seconds)."""


class ClusterFacts(msgspec.Struct, frozen=True, kw_only=True):
    server: Server | Unknown = NOT_ASKED
    nodes: tuple[Node, ...] | Unknown = NOT_ASKED
    pods: tuple[Pod, ...] | Unknown = NOT_ASKED
    storage_classes: tuple[StorageClass, ...] | Unknown = NOT_ASKED
    denied: tuple[Permission, ...] | Unknown = NOT_ASKED
    secrets: Mapping[str, Mapping[str, tuple[str, ...]]] | Unknown = NOT_ASKED
    """Those Secrets of `Needs.secrets` that exist: the mistakes in each key's value, by key. Never a value."""
    claims: Mapping[str, str] | Unknown = NOT_ASKED
    """The phases of the namespace's PersistentVolumeClaims, by name."""
    runtimes: frozenset[str] | Unknown = NOT_ASKED
    """The names of the RuntimeClasses."""


class PodNeed(msgspec.Struct, frozen=True):
    """One pod that the charts will start."""

    owner: str
    """`Deployment/sensei-api`."""
    amounts: Mapping[str, int]
    """Millicores (`cpu`), bytes (`memory`), GPUs (`nvidia.com/gpu`)."""
    node_selector: Mapping[str, str] = {}
    tolerations: tuple[Mapping[str, str], ...] = ()

    def tolerates(self, taint: Taint) -> bool:
        """By the rules of https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/."""
        return any(_tolerates(item, taint) for item in self.tolerations)


def _tolerates(toleration: Mapping[str, str], taint: Taint) -> bool:
    if toleration.get("effect") not in (None, "", taint.effect):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint.key)
    return toleration.get("key") == taint.key and toleration.get("value", "") == taint.value


class ClaimNeed(msgspec.Struct, frozen=True):
    """A volume that the charts will ask for."""

    name: str
    size: int
    """Bytes."""
    storage_class: str = ""
    """Empty: the cluster's default."""


class SecretNeed(msgspec.Struct, frozen=True):
    """A Secret that somebody must have made before: neither the site nor the charts make it."""

    name: str
    keys: tuple[str, ...]
    named: str = ""
    """Where the values name it: `postgresql.external.existingSecret (values.yaml:12)`."""
    variables: Mapping[str, tuple[str, ...]] = {}
    """The variables of containers that read a key, by key."""
    made: bool = False
    """The site makes it where it is not there, and takes it as it is where it is."""


class Named(msgspec.Struct, frozen=True):
    """An object that somebody must have made before: the values name it."""

    name: str
    where: str = ""
    """Where they do: `backup.volume.existingClaim (values.yaml:12)`."""


class Needs(msgspec.Struct, frozen=True):
    """What the rendered charts ask of a cluster."""

    pods: tuple[PodNeed, ...]
    claims: tuple[ClaimNeed, ...]
    permissions: tuple[Permission, ...]
    gpus: int = 0
    """GPUs that one pod needs on one node; 0: no local LLM on GPUs."""
    secrets: tuple[SecretNeed, ...] = ()
    claims_named: tuple[Named, ...] = ()
    runtimes: tuple[Named, ...] = ()


class NvmeDevice(msgspec.Struct, frozen=True):
    """A controller below /sys/class/nvme."""

    name: str
    model: str
    firmware: str
    state: str
    transport: str
    size: int
    """Bytes of all its namespaces."""


class Gpu(msgspec.Struct, frozen=True):
    name: str
    memory: int
    """Bytes, total."""
    compute: tuple[int, int] | None = None
    mig: bool | None = None
    uncorrected_errors: int | None = None
    """Since the driver was loaded; None where the GPU has no ECC or an old driver cannot say."""


class Nvml(msgspec.Struct, frozen=True):
    """What NVML says of this host."""

    driver: str = ""
    cuda: int = 0
    """As NVML counts: 12040 is 12.4."""
    gpus: tuple[Gpu, ...] = ()
    present: bool = True
    """False: no NVIDIA driver is installed here."""


class Fsync(msgspec.Struct, frozen=True):
    """fdatasync after appends of 2300 bytes; milliseconds, the median of the runs."""

    p50: float
    p99: float
    worst: float
    writes: int
    runs: int


class Disk(msgspec.Struct, frozen=True):
    path: str
    filesystem: str
    total: int
    free: int
    """Bytes that this user may still write."""
    device: str = ""


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """This host: where the program runs, which may or may not be one of the cluster's nodes."""

    name: str = ""
    machine_id: str = ""
    cores: int | Unknown = NOT_ASKED
    """Usable by this process."""
    flags: frozenset[str] | Unknown = NOT_ASKED
    memory: int | Unknown = NOT_ASKED
    """Bytes, total."""
    available: int | Unknown = NOT_ASKED
    disk: Disk | Unknown = NOT_ASKED
    nvme: tuple[NvmeDevice, ...] | Unknown = NOT_ASKED
    fsync: Fsync | Unknown = NOT_ASKED
    nvml: Nvml | Unknown = NOT_ASKED


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the checks see."""

    cluster: ClusterFacts = ClusterFacts()
    host: HostFacts = HostFacts()
    needs: Needs | Unknown = NOT_ASKED
    releases: tuple[str, ...] = ()
    """`app.kubernetes.io/instance` of our own releases: what their pods request is not somebody else's."""
    namespace: str = ""

    @property
    def on_node(self) -> bool:
        """This host is one of the cluster's nodes (by /etc/machine-id, which the kubelet reports)."""
        nodes = self.cluster.nodes
        if isinstance(nodes, Unknown) or not self.host.machine_id:
            return False
        return any(node.status.node_info.machine_id == self.host.machine_id for node in nodes)
