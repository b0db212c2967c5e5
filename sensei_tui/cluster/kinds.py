"""Where objects live in the API: `Deployment` -> `/apis/apps/v1/namespaces/NS/deployments`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind of object. `version` is the group with its version: `v1`, `apps/v1`."""

    name: str
    version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """The collection's path, or the object's."""
        parts = ["/api" if "/" not in self.version else "/apis", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        return "/".join([*parts, self.plural, *([name] if name else [])])


NODE = Kind("Node", "v1", "nodes", namespaced=False)
POD = Kind("Pod", "v1", "pods")
SERVICE = Kind("Service", "v1", "services")
CLAIM = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims")
EVENT = Kind("Event", "v1", "events")
DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments")
REPLICA_SET = Kind("ReplicaSet", "apps/v1", "replicasets")
STATEFUL_SET = Kind("StatefulSet", "apps/v1", "statefulsets")
JOB = Kind("Job", "batch/v1", "jobs")
ENDPOINT_SLICE = Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices")
_KNOWN = (
    NODE, POD, SERVICE, CLAIM, EVENT, DEPLOYMENT, REPLICA_SET, STATEFUL_SET, JOB, ENDPOINT_SLICE,
    Kind("Namespace", "v1", "namespaces", namespaced=False), Kind("Secret", "v1", "secrets"),
    Kind("ConfigMap", "v1", "configmaps"), Kind("ServiceAccount", "v1", "serviceaccounts"),
    Kind("DaemonSet", "apps/v1", "daemonsets"), Kind("CronJob", "batch/v1", "cronjobs"),
    Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
    Kind("Ingress", "networking.k8s.io/v1", "ingresses"),
    Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"), Kind("Lease", "coordination.k8s.io/v1", "leases"),
    Kind("Role", "rbac.authorization.k8s.io/v1", "roles"),
    Kind("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings"),
    Kind("StorageClass", "storage.k8s.io/v1", "storageclasses", namespaced=False),
)  # fmt: skip


class Kinds:
    """The kinds we use by heart; others are asked of the API once (`discover(path)` gives its resource list)."""

    def __init__(self, discover: Callable[[str], Any]) -> None:
        self._discover = discover
        self._known: dict[tuple[str, str], Kind] = {(item.version, item.name): item for item in _KNOWN}
        self._asked: set[str] = set()

    def find(self, name: str, version: str = "") -> Kind | None:
        """The kind; `version` may be empty for one that is known by heart. None where the API has no such kind."""
        if not version:
            return next((item for (_, kind), item in self._known.items() if kind == name), None)
        if (version, name) not in self._known and version not in self._asked:
            self._asked.add(version)
            self._ask(version)
        return self._known.get((version, name))

    def _ask(self, version: str) -> None:
        for item in self._discover(f"/{'apis' if '/' in version else 'api'}/{version}")["resources"]:
            if "/" not in item["name"]:
                kind = Kind(item["kind"], version, item["name"], bool(item["namespaced"]))
                self._known[(version, kind.name)] = kind
