"""The columns of every kind's table (the handlers of pkg/printers/internalversion of kube-apiserver 1.36)."""

from __future__ import annotations

from dataclasses import dataclass

from sensei_tui.rehearsal import cellsbykind as by
from sensei_tui.rehearsal import podrow
from sensei_tui.rehearsal.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    ago,
    boolean,
    count,
    created,
    labels,
    members,
    number,
    scalar,
    selector,
    text,
)
from sensei_tui.rehearsal.kinds import Kind


@dataclass(frozen=True)
class Column:
    """A column; those of priority 1 are shown by `-o wide` only."""

    name: str
    cell: Cell
    type: str = "string"
    priority: int = 0
    description: str = ""


def _whole(name: str, path: str, otherwise: int = 0) -> Column:
    return Column(name, number(path, otherwise), "integer")


def _wide(name: str, cell: Cell) -> Column:
    return Column(name, cell, priority=1)


def _template(path: str, chosen: Cell | None = None) -> tuple[Column, ...]:
    """The wide columns of what has a pod template."""
    containers = f"{path}.spec.containers"
    shown = (_wide("Containers", members(containers, "name")), _wide("Images", members(containers, "image")))
    return (*shown, _wide("Selector", chosen)) if chosen else shown


NAME = Column("Name", text("metadata.name"), description="Name must be unique within a namespace.")
AGE = Column("Age", ago("metadata.creationTimestamp"), description="When the object was created, as time since then.")
_CREATED = Column("Created At", created)
_LABELLED = selector("spec.selector")

_DEFAULT = (NAME, Column("Created At", created, "date"))
_NAME_AGE = (NAME, AGE)
_BINDING = (
    NAME, Column("Role", by.role), AGE, _wide("Users", by.subjects("User")), _wide("Groups", by.subjects("Group")),
    _wide("ServiceAccounts", by.subjects("ServiceAccount")),
)  # fmt: skip
_WEBHOOKS = (NAME, Column("Webhooks", count("webhooks"), "integer"), AGE)
_ROLE = (NAME, _CREATED)


def _replicas(selected: Cell) -> tuple[Column, ...]:
    return (
        NAME, _whole("Desired", "spec.replicas"), _whole("Current", "status.replicas"),
        _whole("Ready", "status.readyReplicas"), AGE, *_template("spec.template", selected),
    )  # fmt: skip


_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        NAME, Column("Ready", podrow.ready), Column("Status", podrow.status), Column("Restarts", podrow.restarts), AGE,
        _wide("IP", podrow.address), _wide("Node", text("spec.nodeName", NONE)),
        _wide("Nominated Node", text("status.nominatedNodeName", NONE)), _wide("Readiness Gates", podrow.gates),
    ),
    "PodTemplate": (
        NAME, Column("Containers", members("template.spec.containers", "name")),
        Column("Images", members("template.spec.containers", "image")),
        Column("Pod Labels", labels("template.metadata.labels")),
    ),
    "ReplicationController": _replicas(labels("spec.selector")),
    "ReplicaSet": _replicas(_LABELLED),
    "Deployment": (
        NAME, Column("Ready", by.replicas), Column("Up-to-date", number("status.updatedReplicas")),
        Column("Available", number("status.availableReplicas")), AGE, *_template("spec.template", _LABELLED),
    ),
    "StatefulSet": (NAME, Column("Ready", by.replicas), AGE, *_template("spec.template")),
    "DaemonSet": (
        NAME, _whole("Desired", "status.desiredNumberScheduled"), _whole("Current", "status.currentNumberScheduled"),
        _whole("Ready", "status.numberReady"), _whole("Up-to-date", "status.updatedNumberScheduled"),
        _whole("Available", "status.numberAvailable"),
        Column("Node Selector", labels("spec.template.spec.nodeSelector")), AGE,
        *_template("spec.template", _LABELLED),
    ),
    "ControllerRevision": (NAME, Column("Controller", by.controller), _whole("Revision", "revision"), AGE),
    "Job": (
        NAME, Column("Status", by.job_status), Column("Completions", by.job_completions),
        Column("Duration", by.job_duration), AGE, *_template("spec.template", _LABELLED),
    ),
    "CronJob": (
        NAME, Column("Schedule", text("spec.schedule")), Column("Timezone", text("spec.timeZone", NONE)),
        Column("Suspend", boolean("spec.suspend"), "boolean"), Column("Active", count("status.active"), "integer"),
        Column("Last Schedule", ago("status.lastScheduleTime", NONE)), AGE,
        *_template("spec.jobTemplate.spec.template", selector("spec.jobTemplate.spec.selector")),
    ),
    "HorizontalPodAutoscaler": (
        NAME, Column("Reference", by.scaled), Column("Targets", by.targets),
        Column("MinPods", scalar("spec.minReplicas", UNSET)), _whole("MaxPods", "spec.maxReplicas"),
        _whole("Replicas", "status.currentReplicas"), AGE,
    ),
    "PodDisruptionBudget": (
        NAME, Column("Min Available", scalar("spec.minAvailable", "N/A")),
        Column("Max Unavailable", scalar("spec.maxUnavailable", "N/A")),
        _whole("Allowed Disruptions", "status.disruptionsAllowed"), AGE,
    ),
    "Service": (
        NAME, Column("Type", text("spec.type")), Column("Cluster-IP", by.cluster_address),
        Column("External-IP", by.external_address), Column("Port(s)", by.service_ports), AGE,
        _wide("Selector", labels("spec.selector")),
    ),
    "Endpoints": (NAME, Column("Endpoints", by.endpoints), AGE),
    "EndpointSlice": (
        NAME, Column("AddressType", text("addressType")), Column("Ports", by.slice_ports),
        Column("Endpoints", by.slice_addresses), AGE,
    ),
    "Ingress": (
        NAME, Column("Class", text("spec.ingressClassName", NONE)), Column("Hosts", by.hosts),
        Column("Address", by.balancers), Column("Ports", by.ingress_ports), AGE,
    ),
    "IngressClass": (
        NAME, Column("Controller", text("spec.controller")), Column("Parameters", by.class_parameters), AGE,
    ),
    "NetworkPolicy": (NAME, Column("Pod-Selector", selector("spec.podSelector")), AGE),
    "Node": (
        NAME, Column("Status", by.node_status), Column("Roles", by.node_roles), AGE,
        Column("Version", text("status.nodeInfo.kubeletVersion")), _wide("Internal-IP", by.node_address("InternalIP")),
        _wide("External-IP", by.node_address("ExternalIP")),
        _wide("OS-Image", text("status.nodeInfo.osImage", UNKNOWN)),
        _wide("Kernel-Version", by.kernel),
        _wide("Container-Runtime", text("status.nodeInfo.containerRuntimeVersion", UNKNOWN)),
    ),
    "Namespace": (NAME, Column("Status", text("status.phase")), AGE),
    "Event": (
        Column("Last Seen", by.last_seen), Column("Type", text("type")), Column("Reason", text("reason")),
        Column("Object", by.involved), _wide("Subobject", text("involvedObject.fieldPath")),
        _wide("Source", by.event_source), Column("Message", by.message), _wide("First Seen", by.first_seen),
        Column("Count", by.times, priority=1), Column("Name", text("metadata.name"), priority=1),
    ),
    "ConfigMap": (NAME, Column("Data", by.config_data), AGE),
    "Secret": (NAME, Column("Type", text("type")), Column("Data", count("data")), AGE),
    "ServiceAccount": _NAME_AGE,
    "PersistentVolumeClaim": (
        NAME, Column("Status", by.volume_status), Column("Volume", text("spec.volumeName")),
        Column("Capacity", by.claim_capacity), Column("Access Modes", by.claim_modes),
        Column("StorageClass", text("spec.storageClassName")),
        Column("VolumeAttributesClass", text("spec.volumeAttributesClassName", UNSET)), AGE,
        _wide("VolumeMode", text("spec.volumeMode", UNSET)),
    ),
    "PersistentVolume": (
        NAME, Column("Capacity", text("spec.capacity.storage")), Column("Access Modes", by.modes("spec.accessModes")),
        Column("Reclaim Policy", text("spec.persistentVolumeReclaimPolicy")), Column("Status", by.volume_status),
        Column("Claim", by.claimed), Column("StorageClass", text("spec.storageClassName")),
        Column("VolumeAttributesClass", text("spec.volumeAttributesClassName", UNSET)),
        Column("Reason", text("status.reason")), AGE, _wide("VolumeMode", text("spec.volumeMode", UNSET)),
    ),
    "StorageClass": (
        Column("Name", by.class_name), Column("Provisioner", text("provisioner")),
        Column("ReclaimPolicy", text("reclaimPolicy", "Delete")),
        Column("VolumeBindingMode", text("volumeBindingMode", "Immediate")),
        Column("AllowVolumeExpansion", by.expandable), AGE,
    ),
    "CSINode": (NAME, Column("Drivers", count("spec.drivers"), "integer"), AGE),
    "ResourceQuota": (NAME, Column("Request", by.quota(False)), Column("Limit", by.quota(True)), AGE),
    "Lease": (NAME, Column("Holder", text("spec.holderIdentity")), AGE),
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "PriorityClass": (
        NAME, _whole("Value", "value"), Column("Global-Default", by.global_default, "boolean"), AGE,
        Column("PreemptionPolicy", text("preemptionPolicy", "PreemptLowerPriority")),
    ),
    "RuntimeClass": (NAME, Column("Handler", text("handler")), AGE),
    "MutatingWebhookConfiguration": _WEBHOOKS,
    "ValidatingWebhookConfiguration": _WEBHOOKS,
}  # fmt: skip


def of_kind(kind: Kind) -> tuple[Column, ...]:
    """The columns of a kind; its name and when it was created where it has none of its own."""
    return _COLUMNS.get(kind.kind, _DEFAULT)
