"""The defaults of the API's types (the defaults.go files of Kubernetes 1.36), applied where a field is absent."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sensei_tui.rehearsal import fields
from sensei_tui.rehearsal.fields import Struct, Type
from sensei_tui.rehearsal.objects import Object, clone, metadata

_SKIPPED = ("metadata", "status")
_VOLUME_MODE = {"defaultMode": 420}

PLAIN: dict[str, Object] = {
    "ContainerPort": {"protocol": "TCP"},
    "CronJobSpec": {
        "concurrencyPolicy": "Allow", "suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
    },
    "DaemonSetSpec": {"revisionHistoryLimit": 10, "updateStrategy": {}},
    "DaemonSetUpdateStrategy": {"type": "RollingUpdate"},
    "DeploymentSpec": {
        "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "strategy": {},
    },
    "DeploymentStrategy": {"type": "RollingUpdate"},
    "GRPCAction": {"service": ""},
    "HostPathVolumeSource": {"type": ""},
    "HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "NetworkPolicyPort": {"protocol": "TCP"},
    "ObjectFieldSelector": {"apiVersion": "v1"},
    "PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "PersistentVolumeSpec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
    "PodSpec": {
        "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30, "securityContext": {},
    },
    "Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "ReplicaSetSpec": {"replicas": 1},
    "ResourceFieldSelector": {"divisor": "0"},
    "RoleRef": {"apiGroup": "rbac.authorization.k8s.io"},
    "Secret": {"type": "Opaque"},
    "ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "ServicePort": {"protocol": "TCP"},
    "ServiceSpec": {"type": "ClusterIP", "sessionAffinity": "None"},
    "StatefulSetSpec": {
        "replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10, "updateStrategy": {},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
    "StatefulSetUpdateStrategy": {"type": "RollingUpdate"},
    "StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "ConfigMapVolumeSource": _VOLUME_MODE, "DownwardAPIVolumeSource": _VOLUME_MODE,
    "ProjectedVolumeSource": _VOLUME_MODE, "SecretVolumeSource": _VOLUME_MODE,
}  # fmt: skip
"""Constant defaults by type."""

_JOB = {
    "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False, "manualSelector": False,
    "podReplacementPolicy": "TerminatingOrFailed",
}  # fmt: skip
_GENERATION = "deprecated.daemonset.template.generation"
_CPU_TARGET = {"resource": {"name": "cpu", "target": {"averageUtilization": 80, "type": "Utilization"}}}


def fill(struct: Struct, obj: Object) -> None:
    """Fill in an object of this type, in place, with all that it contains."""
    for name, value in PLAIN.get(struct.name, {}).items():
        if obj.get(name) is None:
            obj[name] = clone(value)
    if complete := _COMPUTED.get(struct.name):
        complete(obj)
    for name, value in obj.items():
        if name not in _SKIPPED and value is not None and name in struct.members:
            _inside(struct.members[name].type, value)


def _inside(type_: Type, value: Any) -> None:
    if type_.shape == "struct":
        fill(fields.struct(type_.struct), value)
    elif type_.shape in ("list", "map") and type_.of and type_.of.shape == "struct":
        for item in value if type_.shape == "list" else value.values():
            fill(fields.struct(type_.of.struct), item)


def _container(container: Object) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    _, _, tag = container.get("image", "").rpartition("/")[2].partition(":")
    latest = "@" not in container.get("image", "") and tag in ("", "latest")
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")


def _pod(pod: Object) -> None:
    spec = pod.setdefault("spec", {})
    spec.setdefault("enableServiceLinks", True)
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources = container.setdefault("resources", {})
        if limits := resources.get("limits"):
            resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _volume(volume: Object) -> None:
    if set(volume) == {"name"}:
        volume["emptyDir"] = {}


def _service(spec: Object) -> None:
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")


def _service_port(port: Object) -> None:
    port.setdefault("targetPort", port.get("port"))


def _job(job: Object) -> None:
    """Of a Job alone: the template of a CronJob is kept as it is written."""
    spec = job.setdefault("spec", {})
    for name, value in _JOB.items():
        if spec.get(name) is None:
            spec[name] = value
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    if spec.get("parallelism") is None:
        spec["parallelism"] = 1
    labels_of_template(job)


def labels_of_template(job: Object) -> None:
    """A Job without labels has those of its pods."""
    labels = (job["spec"].get("template", {}).get("metadata") or {}).get("labels")
    if labels and not metadata(job).get("labels"):
        metadata(job)["labels"] = dict(labels)


def _namespace(namespace: Object) -> None:
    found = metadata(namespace)
    if found.get("name"):
        found["labels"] = {**(found.get("labels") or {}), "kubernetes.io/metadata.name": found["name"]}


def _daemon_set(obj: Object) -> None:
    found = metadata(obj)
    found["annotations"] = {_GENERATION: "1", **(found.get("annotations") or {})}


def _policy(spec: Object) -> None:
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _limits(item: Object) -> None:
    """What a container gets: the limit is the most there may be, the request is the limit or the least."""
    if item.get("type") != "Container":
        return
    if most := {**(item.get("max") or {}), **(item.get("default") or {})}:
        item["default"] = most
    if request := {**(item.get("min") or {}), **most, **(item.get("defaultRequest") or {})}:
        item["defaultRequest"] = request


def _autoscaler(spec: Object) -> None:
    if not spec.get("metrics"):
        spec["metrics"] = [{"type": "Resource", **clone(_CPU_TARGET)}]


def _fold_string_data(obj: Object) -> None:
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _strategy(default: Object) -> Callable[[Object], None]:
    def complete(strategy: Object) -> None:
        if strategy["type"] == "RollingUpdate":
            strategy["rollingUpdate"] = {**default, **(strategy.get("rollingUpdate") or {})}

    return complete


def _subject(subject: Object) -> None:
    group = "" if subject.get("kind") == "ServiceAccount" else "rbac.authorization.k8s.io"
    if group:
        subject.setdefault("apiGroup", group)


def _claim_templates(spec: Object) -> None:
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("status", {"phase": "Pending"})


_COMPUTED: dict[str, Callable[[Object], None]] = {
    "Container": _container,
    "DaemonSet": _daemon_set,
    "DaemonSetUpdateStrategy": _strategy({"maxUnavailable": 1, "maxSurge": 0}),
    "DeploymentStrategy": _strategy({"maxUnavailable": "25%", "maxSurge": "25%"}),
    "HorizontalPodAutoscalerSpec": _autoscaler,
    "Job": _job,
    "LimitRangeItem": _limits,
    "Namespace": _namespace,
    "NetworkPolicySpec": _policy,
    "Pod": _pod,
    "Secret": _fold_string_data,
    "ServicePort": _service_port,
    "ServiceSpec": _service,
    "StatefulSetSpec": _claim_templates,
    "StatefulSetUpdateStrategy": _strategy({"partition": 0, "maxUnavailable": 1}),
    "Subject": _subject,
    "Volume": _volume,
}
