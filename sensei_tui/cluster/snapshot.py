"""What the list/watch store knows of a cluster: immutable, only the fields we use.

Field names are Kubernetes' own (camelCase on the wire). Decoded from raw bytes by msgspec, which skips the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec


class Wire(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of everything decoded from the API."""


class OwnerReference(Wire, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ObjectMeta(Wire, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()


class Condition(Wire, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class Taint(Wire, frozen=True):
    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Wire, frozen=True):
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeInfo(Wire, frozen=True):
    architecture: str = ""
    kubelet_version: str = ""
    container_runtime_version: str = ""
    kernel_version: str = ""
    os_image: str = ""
    machine_id: str = msgspec.field(default="", name="machineID")


class NodeStatus(Wire, frozen=True):
    capacity: dict[str, str] = {}
    allocatable: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()
    node_info: NodeInfo = NodeInfo()


class Node(Wire, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class Resources(Wire, frozen=True):
    requests: dict[str, str | int] = {}
    limits: dict[str, str | int] = {}


class ContainerPort(Wire, frozen=True):
    name: str = ""
    container_port: int = 0


class Container(Wire, frozen=True):
    name: str = ""
    image: str = ""
    resources: Resources = Resources()
    restart_policy: str | None = None
    ports: tuple[ContainerPort, ...] = ()


class PodSpec(Wire, frozen=True):
    node_name: str = ""
    restart_policy: str = "Always"
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: dict[str, str | int] = {}
    resources: Resources | None = None


class Waiting(Wire, frozen=True):
    reason: str = ""
    message: str = ""


class Running(Wire, frozen=True):
    started_at: str | None = None


class Terminated(Wire, frozen=True):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(Wire, frozen=True):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Wire, frozen=True):
    name: str = ""
    image: str = ""
    image_id: str = msgspec.field(default="", name="imageID")
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Wire, frozen=True):
    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    start_time: str | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Wire, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class LabelSelector(Wire, frozen=True):
    match_labels: dict[str, str] = {}


class WorkloadSpec(Wire, frozen=True):
    replicas: int | None = None
    completions: int | None = None
    selector: LabelSelector | None = None


class WorkloadStatus(Wire, frozen=True):
    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    conditions: tuple[Condition, ...] = ()


class Workload(Wire, frozen=True):
    """A Deployment, ReplicaSet, StatefulSet or Job; `kind` is set by the store."""

    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class ServicePort(Wire, frozen=True):
    name: str = ""
    port: int = 0
    target_port: int | str = 0
    protocol: str = "TCP"


class ServiceSpec(Wire, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = {}


class Service(Wire, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(Wire, frozen=True):
    ready: bool | None = None


class TargetRef(Wire, frozen=True):
    kind: str = ""
    name: str = ""


class Endpoint(Wire, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: TargetRef | None = None


class EndpointSlice(Wire, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    endpoints: tuple[Endpoint, ...] | None = None

    @property
    def service(self) -> str:
        """The Service this slice belongs to."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")


class PersistentVolumeClaimStatus(Wire, frozen=True):
    phase: str = ""
    capacity: dict[str, str] = {}


class PersistentVolumeClaim(Wire, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class ObjectReference(Wire, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class EventSeries(Wire, frozen=True):
    count: int = 0
    last_observed_time: str | None = None


class Event(Wire, frozen=True):
    """A core/v1 Event; times may be in any of three places, see `when`."""

    metadata: ObjectMeta = ObjectMeta()
    involved_object: ObjectReference = ObjectReference()
    type: str = "Normal"
    reason: str = ""
    message: str | None = None
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: EventSeries | None = None

    @property
    def when(self) -> str:
        """The last time it was seen, RFC 3339, or an empty string."""
        series = self.series.last_observed_time if self.series else None
        return series or self.last_timestamp or self.event_time or self.metadata.creation_timestamp or ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster as last seen. Keys are `namespace/name` (`name` for nodes, `Kind/namespace/name` for workloads)."""

    namespace: str = ""
    complete: bool = False
    """Every kind has been listed once."""
    trouble: str = ""
    """Why the picture may be stale (connection lost, forbidden); empty while all watches run."""
    nodes: Mapping[str, Node] = MappingProxyType({})
    pods: Mapping[str, Pod] = MappingProxyType({})
    workloads: Mapping[str, Workload] = MappingProxyType({})
    services: Mapping[str, Service] = MappingProxyType({})
    endpoint_slices: Mapping[str, EndpointSlice] = MappingProxyType({})
    claims: Mapping[str, PersistentVolumeClaim] = MappingProxyType({})
    events: Mapping[str, Event] = MappingProxyType({})
