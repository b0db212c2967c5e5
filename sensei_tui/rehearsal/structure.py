"""How the API merges each field: what its OpenAPI document says in x-kubernetes-list-type, -list-map-keys, -map-type
and -patch-strategy. Strategic merge patches and field ownership both read this one table.

The rows are facts of Kubernetes 1.36; a field is named by its Go type and JSON name. A list that is not here is atomic.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sensei_tui.rehearsal import fields, kinds, zeros
from sensei_tui.rehearsal.fields import Type

_BY_KEYS: dict[tuple[str, ...], str] = {
    ("name",): "Container.env EphemeralContainer.env PodSpec.containers PodSpec.initContainers "
    "PodSpec.ephemeralContainers PodSpec.imagePullSecrets PodSpec.resourceClaims PodSpec.schedulingGates "
    "PodSpec.volumes PodStatus.resourceClaimStatuses ContainerStatus.allocatedResourcesStatus "
    "ResourceRequirements.claims ServiceAccount.secrets CSINodeSpec.drivers "
    "MutatingWebhookConfiguration.webhooks MutatingWebhook.matchConditions "
    "ValidatingWebhookConfiguration.webhooks ValidatingWebhook.matchConditions "
    "ValidatingAdmissionPolicySpec.matchConditions ValidatingAdmissionPolicySpec.variables",
    ("type",): "DaemonSetStatus.conditions DeploymentStatus.conditions ReplicaSetStatus.conditions "
    "StatefulSetStatus.conditions HorizontalPodAutoscalerStatus.conditions ComponentStatus.conditions "
    "NamespaceStatus.conditions NodeStatus.conditions NodeStatus.addresses PersistentVolumeClaimStatus.conditions "
    "PodStatus.conditions ReplicationControllerStatus.conditions ServiceStatus.conditions "
    "PodDisruptionBudgetStatus.conditions ValidatingAdmissionPolicyStatus.conditions",
    ("containerPort", "protocol"): "Container.ports EphemeralContainer.ports",
    ("port", "protocol"): "ServiceSpec.ports",
    ("topologyKey", "whenUnsatisfiable"): "PodSpec.topologySpreadConstraints",
    ("mountPath",): "Container.volumeMounts EphemeralContainer.volumeMounts ContainerStatus.volumeMounts",
    ("devicePath",): "Container.volumeDevices EphemeralContainer.volumeDevices",
    ("ip",): "PodSpec.hostAliases PodStatus.podIPs",
    ("uid",): "ObjectMeta.ownerReferences",
    ("resourceID",): "ResourceStatus.resources",
}
_KEYS = {field: keys for keys, listed in _BY_KEYS.items() for field in listed.split()}

_PATCH_ONLY = {"JobStatus.conditions": "type", "PodStatus.hostIPs": "ip"}
"""Lists that a strategic merge patch merges by a key, while apply takes them as one value."""

_PATCH_SETS = frozenset(["ObjectMeta.finalizers", "NodeSpec.podCIDRs"])
_SETS = _PATCH_SETS | frozenset(
    [
        "ValidatingAdmissionPolicyBindingSpec.validationActions",
        "PodFailurePolicyOnExitCodesRequirement.values",
        "UncountedTerminatedPods.failed",
        "UncountedTerminatedPods.succeeded",
        "ContainerRestartRuleOnExitCodes.values",
        "CSIDriverSpec.volumeLifecycleModes",
    ]
)
_KEY_DEFAULTS = {"protocol": "TCP"}

_ATOMIC_TYPES = frozenset(
    [
        "MatchResources",
        "NamedRuleWithOperations",
        "ParamKind",
        "ParamRef",
        "Variable",
        "ConfigMapKeySelector",
        "EndpointAddress",
        "EndpointPort",
        "FileKeySelector",
        "LocalObjectReference",
        "NodeSelector",
        "NodeSelectorTerm",
        "ObjectFieldSelector",
        "ObjectReference",
        "ResourceFieldSelector",
        "ScopeSelector",
        "SecretKeySelector",
        "SecretReference",
        "TopologySelectorTerm",
        "TypedLocalObjectReference",
        "ServiceBackendPort",
        "RoleRef",
        "Subject",
        "LabelSelector",
        "OwnerReference",
    ]
)
_ATOMIC_FIELDS = frozenset(
    ["PodSpec.nodeSelector", "ReplicationControllerSpec.selector", "ServiceSpec.selector", "Scheduling.nodeSelector"]
)
_NOT_ATOMIC = frozenset(["PersistentVolumeSpec.claimRef"])

_RETAINS_KEYS = frozenset(["DeploymentSpec.strategy", "PodSpec.volumes", "PodSpec.resourceClaims"])
_REPLACED = frozenset(["PodDisruptionBudgetSpec.selector"])


@dataclass(frozen=True)
class Place:
    """A place in the tree of an object: its type (None where the API has none) and its field, `PodSpec.containers`."""

    type: Type | None
    field: str = ""

    def member(self, name: str) -> Place:
        """The place of a member of a struct or map."""
        if self.type is None:
            return _UNKNOWN
        if self.type.shape == "struct":
            struct = fields.struct(self.type.struct)
            found = struct.members.get(name)
            return Place(found.type, f"{struct.name}.{name}") if found else _UNKNOWN
        return Place(self.type.of) if self.type.shape == "map" else _UNKNOWN

    @property
    def item(self) -> Place:
        """The place of an item of a list."""
        return Place(self.type.of) if self.type and self.type.shape == "list" else _UNKNOWN

    @property
    def is_struct(self) -> bool:
        return self.type is not None and self.type.shape == "struct"

    @property
    def keys(self) -> tuple[str, ...]:
        """The members that tell the items of a list apart; () for atomic lists and sets."""
        return _KEYS.get(self.field, ())

    @property
    def is_set(self) -> bool:
        return self.field in _SETS

    @property
    def is_atomic(self) -> bool:
        """A map or struct that is owned and replaced as a whole."""
        if self.field in _ATOMIC_FIELDS:
            return True
        named = self.is_struct and self.type is not None and fields.go_name(self.type.struct) in _ATOMIC_TYPES
        return named and self.field not in _NOT_ATOMIC

    @property
    def patch_key(self) -> str:
        """The member by which a strategic merge patch finds an item; "" where it replaces the list."""
        return self.keys[0] if self.keys else _PATCH_ONLY.get(self.field, "")

    @property
    def is_patch_set(self) -> bool:
        return self.field in _PATCH_SETS

    @property
    def is_replaced(self) -> bool:
        """A map that a strategic merge patch replaces."""
        return self.field in _REPLACED


_UNKNOWN = Place(None)


def root(kind_name: str) -> Place:
    """The place of a whole object of this kind. Raises KeyError."""
    return Place(Type("struct", struct=fields.of_kind(kinds.named(kind_name)).model))


def children(place: Place, value: Any) -> dict[str, tuple[Place, Any]] | None:
    """The parts that are merged and owned one by one, under their FieldsV1 names; None: the value is one whole.

    Names: `f:image`, `k:{"name":"web"}` (an item told apart by keys), `v:"finalizer"` (an item of a set).
    """
    if isinstance(value, dict) and not place.is_atomic:
        return {f"f:{name}": (place.member(name), item) for name, item in value.items()}
    if isinstance(value, list) and (place.keys or place.is_set):
        return {element(place, item): (place.item, item) for item in value}
    return None


def element(place: Place, item: Any) -> str:
    """The name of an item of a list with keys, or of a set."""
    if not place.keys or not isinstance(item, dict):
        return f"v:{_json(item)}"
    return f"k:{_json({key: item.get(key, _KEY_DEFAULTS.get(key)) for key in place.keys})}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def skeleton(place: Place, value: Any) -> dict[str, Any]:
    """What of `value` an empty object of its Go type has already."""
    found: dict[str, Any] = {}
    if place.type is not None and place.is_struct:
        always = zeros.of(fields.struct(place.type.struct), top=place.field == "")
        for name, zero in always.items():
            if name in value:
                inside = isinstance(value[name], dict) and zero == {}
                found[name] = skeleton(place.member(name), value[name]) if inside else zero
    return {**found, "metadata": {}} if place.field == "" else found
