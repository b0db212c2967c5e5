"""Paths of the objects we touch: kind -> API group, version, plural."""

from __future__ import annotations

from typing import Any

_KINDS: dict[str, tuple[str, str, bool]] = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Node": ("/api/v1", "nodes", False),
    "PersistentVolume": ("/api/v1", "persistentvolumes", False),
    "Pod": ("/api/v1", "pods", True),
    "Service": ("/api/v1", "services", True),
    "Secret": ("/api/v1", "secrets", True),
    "ConfigMap": ("/api/v1", "configmaps", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "Event": ("/api/v1", "events", True),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims", True),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "ReplicaSet": ("/apis/apps/v1", "replicasets", True),
    "StatefulSet": ("/apis/apps/v1", "statefulsets", True),
    "DaemonSet": ("/apis/apps/v1", "daemonsets", True),
    "Job": ("/apis/batch/v1", "jobs", True),
    "CronJob": ("/apis/batch/v1", "cronjobs", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses", True),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies", True),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets", True),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "StorageClass": ("/apis/storage.k8s.io/v1", "storageclasses", False),
}


def collection(kind: str, namespace: str = "") -> str:
    """`/apis/apps/v1/namespaces/sensei/deployments`. Raises KeyError for a kind we do not touch."""
    prefix, plural, namespaced = _KINDS[kind]
    return f"{prefix}/namespaces/{namespace}/{plural}" if namespaced and namespace else f"{prefix}/{plural}"


def path_of(kind: str, name: str, namespace: str = "") -> str:
    """The path of one object."""
    return f"{collection(kind, namespace)}/{name}"


def path_of_object(obj: dict[str, Any], namespace: str) -> tuple[str, str]:
    """Collection path and name of an object; its own namespace beats `namespace`."""
    metadata = obj["metadata"]
    return collection(obj["kind"], metadata.get("namespace") or namespace), metadata["name"]


def group_resource(kind: str) -> tuple[str, str]:
    """API group (empty for core) and plural, as access reviews name them."""
    prefix, plural, _ = _KINDS[kind]
    return ("" if prefix == "/api/v1" else prefix.split("/")[2]), plural


def known(kind: str) -> bool:
    """Whether the kind is in the table."""
    return kind in _KINDS
