"""The resources that are served: one row each, in the order of discovery.

Names, short names, categories and subresources are those that kube-apiserver 1.36 reports
(`kubectl api-resources -o wide`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, eq=False)
class Kind:
    """A resource type. There is one instance for each (compare with `is` or `==`, use as a dict key).

    `generation` says whether metadata.generation counts spec changes. `create_only` resources (reviews) are
    not stored; `read_only` ones are served empty: custom resources and aggregated APIs are not simulated.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    generation: bool = False
    create_only: bool = False
    read_only: bool = False

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`pods`, `deployments.apps`: how error messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def verbs(self) -> tuple[str, ...]:
        if self.create_only:
            return ("create",)
        if self.kind == "Namespace":
            return tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
        return ("get", "list", "watch") if self.read_only else ALL_VERBS

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources

    def __repr__(self) -> str:
        return f"<Kind {self.resource}/{self.version}>"


def _rows(group: str, version: str, *rows: Kind) -> tuple[Kind, ...]:
    return tuple(
        Kind(
            group, version, row.kind, row.plural, row.namespaced, row.short_names, row.subresources,
            row.categories, row.generation, row.create_only, row.read_only,
        )
        for row in rows
    )  # fmt: skip


def _row(
    kind: str, plural: str, namespaced: bool = True, short: str = "", sub: str = "", categories: str = "",
    *, generation: bool = False, create_only: bool = False, read_only: bool = False,
) -> Kind:  # fmt: skip
    return Kind(
        "", "", kind, plural, namespaced, tuple(short.split()), tuple(sub.split()), tuple(categories.split()),
        generation, create_only, read_only,
    )  # fmt: skip


KINDS: tuple[Kind, ...] = (
    *_rows("", "v1",
        _row("Binding", "bindings", create_only=True),
        _row("ComponentStatus", "componentstatuses", False, "cs", read_only=True),
        _row("ConfigMap", "configmaps", short="cm"),
        _row("Endpoints", "endpoints", short="ep"),
        _row("Event", "events", short="ev"),
        _row("LimitRange", "limitranges", short="limits"),
        _row("Namespace", "namespaces", False, "ns", "finalize status"),
        _row("Node", "nodes", False, "no", "status"),
        _row("PersistentVolumeClaim", "persistentvolumeclaims", short="pvc", sub="status"),
        _row("PersistentVolume", "persistentvolumes", False, "pv", "status"),
        _row("Pod", "pods", short="po", categories="all", generation=True,
             sub="binding eviction exec log portforward resize status"),
        _row("PodTemplate", "podtemplates", generation=True),
        _row("ReplicationController", "replicationcontrollers", True, "rc", "scale status", "all",
             generation=True),
        _row("ResourceQuota", "resourcequotas", short="quota", sub="status"),
        _row("Secret", "secrets"),
        _row("ServiceAccount", "serviceaccounts", short="sa", sub="token"),
        _row("Service", "services", short="svc", sub="status", categories="all"),
    ),
    *_rows("admissionregistration.k8s.io", "v1",
        _row("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False, "", "",
             "api-extensions", generation=True),
        _row("ValidatingAdmissionPolicy", "validatingadmissionpolicies", False, sub="status",
             categories="api-extensions", generation=True),
        _row("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", False,
             categories="api-extensions", generation=True),
        _row("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", False, "", "",
             "api-extensions", generation=True),
    ),
    *_rows("apiextensions.k8s.io", "v1",
        _row("CustomResourceDefinition", "customresourcedefinitions", False, "crd crds", "status",
             "api-extensions", generation=True, read_only=True),
    ),
    *_rows("apiregistration.k8s.io", "v1",
        _row("APIService", "apiservices", False, sub="status", categories="api-extensions", read_only=True),
    ),
    *_rows("apps", "v1",
        _row("ControllerRevision", "controllerrevisions"),
        _row("DaemonSet", "daemonsets", True, "ds", "status", "all", generation=True),
        _row("Deployment", "deployments", True, "deploy", "scale status", "all", generation=True),
        _row("ReplicaSet", "replicasets", True, "rs", "scale status", "all", generation=True),
        _row("StatefulSet", "statefulsets", True, "sts", "scale status", "all", generation=True),
    ),
    *_rows("authentication.k8s.io", "v1",
        _row("SelfSubjectReview", "selfsubjectreviews", False, create_only=True),
        _row("TokenReview", "tokenreviews", False, create_only=True),
    ),
    *_rows("authorization.k8s.io", "v1",
        _row("LocalSubjectAccessReview", "localsubjectaccessreviews", create_only=True),
        _row("SelfSubjectAccessReview", "selfsubjectaccessreviews", False, create_only=True),
        _row("SelfSubjectRulesReview", "selfsubjectrulesreviews", False, create_only=True),
        _row("SubjectAccessReview", "subjectaccessreviews", False, create_only=True),
    ),
    *_rows("autoscaling", "v2",
        _row("HorizontalPodAutoscaler", "horizontalpodautoscalers", True, "hpa", "status", "all", generation=True),
    ),
    *_rows("batch", "v1",
        _row("CronJob", "cronjobs", True, "cj", "status", "all", generation=True),
        _row("Job", "jobs", True, "", "status", "all", generation=True),
    ),
    *_rows("coordination.k8s.io", "v1",
        _row("Lease", "leases"),
    ),
    *_rows("discovery.k8s.io", "v1",
        _row("EndpointSlice", "endpointslices", generation=True),
    ),
    *_rows("events.k8s.io", "v1",
        _row("Event", "events", short="ev"),
    ),
    *_rows("gateway.networking.k8s.io", "v1",
        _row("HTTPRoute", "httproutes", True, "", "status", "gateway-api", generation=True),
    ),
    *_rows("networking.k8s.io", "v1",
        _row("IngressClass", "ingressclasses", False, generation=True),
        _row("Ingress", "ingresses", True, "ing", "status", generation=True),
        _row("NetworkPolicy", "networkpolicies", True, "netpol", generation=True),
    ),
    *_rows("node.k8s.io", "v1",
        _row("RuntimeClass", "runtimeclasses", False),
    ),
    *_rows("policy", "v1",
        _row("PodDisruptionBudget", "poddisruptionbudgets", True, "pdb", "status", generation=True),
    ),
    *_rows("rbac.authorization.k8s.io", "v1",
        _row("ClusterRoleBinding", "clusterrolebindings", False),
        _row("ClusterRole", "clusterroles", False),
        _row("RoleBinding", "rolebindings"),
        _row("Role", "roles"),
    ),
    *_rows("scheduling.k8s.io", "v1",
        _row("PriorityClass", "priorityclasses", False, "pc", generation=True),
    ),
    *_rows("storage.k8s.io", "v1",
        _row("CSIDriver", "csidrivers", False, generation=True),
        _row("CSINode", "csinodes", False),
        _row("CSIStorageCapacity", "csistoragecapacities"),
        _row("StorageClass", "storageclasses", False, "sc"),
        _row("VolumeAttachment", "volumeattachments", False, sub="status"),
    ),
)  # fmt: skip

_BY_PLURAL = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_KIND = {(kind.api_version, kind.kind): kind for kind in KINDS}
_BY_NAME: dict[str, Kind] = {}
for _kind in KINDS:
    _BY_NAME.setdefault(_kind.kind, _kind)


def find(group: str, version: str, plural: str) -> Kind | None:
    """The kind served at `/apis/GROUP/VERSION/PLURAL` (group "" is the core group)."""
    return _BY_PLURAL.get((group, version, plural))


def by_kind(api_version: str, kind: str) -> Kind | None:
    """The kind an object declares: `by_kind("apps/v1", "Deployment")`."""
    return _BY_KIND.get((api_version, kind))


def named(kind: str) -> Kind:
    """The kind of this name, the core group first (`named("Event")` is the core one). Raises KeyError."""
    return _BY_NAME[kind]


def groups() -> Iterator[tuple[str, str, list[Kind]]]:
    """(group, version, kinds) in order of discovery; the core group has the name ""."""
    order = dict.fromkeys((kind.group, kind.version) for kind in KINDS)
    for group, version in order:
        yield group, version, [kind for kind in KINDS if (kind.group, kind.version) == (group, version)]
