"""What every cluster has from the start: namespaces, accounts, roles, priority classes, the API's own Service."""

from __future__ import annotations

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.auth import ADMIN_GROUP
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.store import Store

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_ACCOUNT = kinds.named("ServiceAccount")
_CONFIG = kinds.named("ConfigMap")
_NAMESPACE = kinds.named("Namespace")

_WORKLOADS = {"apiGroups": ["", "apps", "autoscaling", "batch", "networking.k8s.io", "policy"], "resources": ["*"]}
_ALL = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
_REVIEWS = ["authentication.k8s.io", "authorization.k8s.io"]
_SELF = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"]
_DISCOVERY = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/"]
_ROLES: dict[str, list[Object]] = {
    "admin": [{**_WORKLOADS, "verbs": ["*"]}],
    "cluster-admin": [_ALL, {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "edit": [{**_WORKLOADS, "verbs": ["*"]}],
    "system:basic-user": [{"apiGroups": _REVIEWS, "resources": _SELF, "verbs": ["create"]}],
    "system:discovery": [{"nonResourceURLs": _DISCOVERY, "verbs": ["get"]}],
    "view": [{**_WORKLOADS, "verbs": ["get", "list", "watch"]}],
}
_EVERYBODY = "system:authenticated"
_BINDINGS = {"cluster-admin": ADMIN_GROUP, "system:basic-user": _EVERYBODY, "system:discovery": _EVERYBODY}


def bootstrap(store: Store, authority: str) -> None:
    """Create what is missing, and from now on a service account and the CA's ConfigMap in each new namespace.

    `authority` is the CA certificate (PEM).
    """

    def furnish(kind: Kind, event: str, obj: Object) -> None:
        if kind is _NAMESPACE and event == "ADDED":
            _furnish(store, obj["metadata"]["name"], authority)

    store.subscribe(furnish)
    for name in NAMESPACES:
        _ensure(store, _NAMESPACE, {"metadata": {"name": name}})
    for name, rules in _ROLES.items():
        _ensure(store, kinds.named("ClusterRole"), {"metadata": _system(name), "rules": rules})
    for name, group in _BINDINGS.items():
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}
        binding = {"metadata": _system(name), "roleRef": role, "subjects": [subject]}
        _ensure(store, kinds.named("ClusterRoleBinding"), binding)
    for name, value in (("system-cluster-critical", 2000000000), ("system-node-critical", 2000001000)):
        _ensure(store, kinds.named("PriorityClass"), {"metadata": {"name": name}, "value": value})
    _ensure(store, kinds.named("Service"), _api_service())


def _system(name: str) -> Object:
    return {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}


def _api_service() -> Object:
    labels = {"component": "apiserver", "provider": "kubernetes"}
    return {
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {
            "type": "ClusterIP", "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        },
        "status": {"loadBalancer": {}},
    }  # fmt: skip


def _furnish(store: Store, namespace: str, authority: str) -> None:
    _ensure(store, _ACCOUNT, {"metadata": {"name": "default", "namespace": namespace}})
    trust = {"metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": authority}}
    _ensure(store, _CONFIG, trust)


def _ensure(store: Store, kind: Kind, obj: Object) -> None:
    found = obj["metadata"]
    if not store.exists(kind, found.get("namespace", ""), found["name"]):
        store.create(kind, obj)
