"""What Go writes of a type even where nothing was set: members without `omitempty`, and structs that are no pointers.

Such members are part of every stored object, and an empty object has them already: creating an object owns what
differs from them.
"""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal import fields
from sensei_tui.rehearsal.fields import Struct, Type
from sensei_tui.rehearsal.objects import Object, clone

_STRUCTS = (
    "DeploymentSpec.template DeploymentSpec.strategy ReplicaSetSpec.template StatefulSetSpec.template "
    "StatefulSetSpec.updateStrategy DaemonSetSpec.template DaemonSetSpec.updateStrategy JobSpec.template "
    "PodTemplate.template PodTemplateSpec.metadata PodTemplateSpec.spec CronJobSpec.jobTemplate "
    "JobTemplateSpec.metadata JobTemplateSpec.spec ServiceStatus.loadBalancer IngressStatus.loadBalancer "
    "NodeStatus.nodeInfo NodeStatus.daemonEndpoints NodeDaemonEndpoints.kubeletEndpoint "
    "PersistentVolumeClaimSpec.resources HorizontalPodAutoscalerSpec.scaleTargetRef Event.involvedObject Event.source "
    "NetworkPolicySpec.podSelector Container.resources ContainerStatus.state ContainerStatus.lastState"
)
_NULLS = (
    "PodSpec.containers Role.rules ClusterRole.rules Event.eventTime Event.firstTimestamp Event.lastTimestamp "
    "PodCondition.lastProbeTime PodCondition.lastTransitionTime HorizontalPodAutoscalerStatus.currentMetrics "
    "LimitRangeSpec.limits EndpointSlice.endpoints EndpointSlice.ports JobCondition.lastProbeTime"
)
_NUMBERS = (
    "ReplicaSetStatus.replicas ReplicationControllerStatus.replicas StatefulSetStatus.replicas "
    "StatefulSetStatus.availableReplicas DaemonSetStatus.currentNumberScheduled DaemonSetStatus.numberMisscheduled "
    "DaemonSetStatus.desiredNumberScheduled DaemonSetStatus.numberReady PodDisruptionBudgetStatus.disruptionsAllowed "
    "PodDisruptionBudgetStatus.currentHealthy PodDisruptionBudgetStatus.desiredHealthy "
    "PodDisruptionBudgetStatus.expectedPods HorizontalPodAutoscalerStatus.desiredReplicas PriorityClass.value"
)
_TEXTS = "StatefulSetSpec.serviceName Event.reportingComponent Event.reportingInstance"
_ZEROS: dict[str, dict[str, Any]] = {}
for _listed, _value in ((_STRUCTS, {}), (_NULLS, None), (_NUMBERS, 0), (_TEXTS, "")):
    for _field in _listed.split():
        _type, _, _name = _field.partition(".")
        _ZEROS.setdefault(_type, {})[_name] = _value
_TOP = ("spec", "status")


def of(struct: Struct, *, top: bool = False) -> dict[str, Any]:
    """The members that an object of this type always has; `top` for whole objects: they have their spec and status."""
    found = _ZEROS.get(struct.name, {})
    if not top:
        return found
    structs = {name for name, member in struct.members.items() if member.type.shape == "struct"}
    parts: dict[str, Any] = {name: {} for name in _TOP if name in structs}
    return {**parts, **found}


def fill(struct: Struct, obj: Object, *, top: bool = False) -> None:
    """Put them into an object of this type, in place, with all that it contains."""
    for name, value in of(struct, top=top).items():
        if name in struct.members:
            obj.setdefault(name, clone(value))
    for name, value in obj.items():
        if value is not None and name in struct.members and (name != "metadata" or not top):
            _inside(struct.members[name].type, value)


def _inside(type_: Type, value: Any) -> None:
    if type_.shape == "struct":
        fill(fields.struct(type_.struct), value)
    elif type_.shape in ("list", "map") and type_.of and type_.of.shape == "struct":
        inner = fields.struct(type_.of.struct)
        for item in value if type_.shape == "list" else value.values():
            fill(inner, item)
