"""The permissions of whoever works with Sensei, as one table: preflight asks for them, `sensei access` grants them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from sensei_tui.preflight.facts import Permission

NAME = "sensei-operator"
"""Of the Role and the ClusterRole; the bindings have names of their own for each subject."""
_RBAC = "rbac.authorization.k8s.io"
_CHART = ("get", "create", "patch", "delete")
"""What the Helm engine does with the objects of a chart (a server-side apply that creates needs `create` too)."""
_SEEN = ("list", "watch")
"""What the program follows itself."""


class Grant(msgspec.Struct, frozen=True):
    """One row. `optional`: without it only something to look at is lost. `why` is for the guide's table."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str
    optional: bool = False


CHARTS = (
    Grant("", "configmaps", _CHART, "the charts' settings"),
    Grant(
        "", "persistentvolumeclaims", ("get", "create", "patch", *_SEEN), "the charts' volumes; why one is not bound"
    ),
    Grant("", "services", (*_CHART, *_SEEN), "the charts' services; whether they answer"),
    Grant("apps", "deployments", (*_CHART, *_SEEN), "the platform"),
    Grant("apps", "statefulsets", (*_CHART, *_SEEN), "the data stores"),
    Grant("batch", "jobs", (*_CHART, *_SEEN), "buckets, migrations, backups, the charts' tests"),
    Grant("batch", "cronjobs", _CHART, "backups by schedule"),
    Grant("gateway.networking.k8s.io", "httproutes", _CHART, "with gateway.enabled"),
    Grant("networking.k8s.io", "ingresses", _CHART, "with ingress.enabled"),
    Grant("networking.k8s.io", "networkpolicies", _CHART, "with networkPolicy.enabled"),
    Grant("policy", "poddisruptionbudgets", _CHART, "the charts' disruption budgets"),
)
"""In the namespace: every kind that a template of the packaged charts has, Secrets apart."""
OURS = (
    Grant("", "secrets", (*_CHART, "list", "update"), "Helm's records, and the site's own Secrets"),
    Grant("", "pods", ("get", *_SEEN), "waiting, the health board, the logs"),
    Grant("", "pods/log", ("get",), "the logs of a pod"),
    Grant("", "pods/portforward", ("get", "create"), "the dashboard on a local port; its check after a run"),
    Grant("", "events", _SEEN, "why something waits"),
    Grant("apps", "replicasets", _SEEN, "which pods belong to a rollout"),
    Grant("discovery.k8s.io", "endpointslices", _SEEN, "whether a service has somebody behind it"),
    Grant("coordination.k8s.io", "leases", ("get", "create", "update", "delete"), "one run at a time"),
    Grant("", "namespaces", ("get",), "whether the namespace is there"),
)
"""In the namespace, beside the charts."""
CLUSTER = (
    Grant("", "nodes", _SEEN, "capacity checks, the board's nodes", optional=True),
    Grant("", "pods", _SEEN, "what the nodes' capacity is used for", optional=True),
    Grant("storage.k8s.io", "storageclasses", ("list",), "storage checks", optional=True),
    Grant("storage.k8s.io", "csistoragecapacities", ("list",), "storage checks", optional=True),
    Grant("node.k8s.io", "runtimeclasses", ("list",), "the model's RuntimeClass", optional=True),
)
"""Outside the namespace, to read only."""
CREATE_NAMESPACE = Permission("", "namespaces", "create")
"""Needed where the namespace is not there yet; an administrator who grants a Role has made it."""


class Subject(msgspec.Struct, frozen=True):
    """Who gets the permissions; `namespace` is that of a service account."""

    kind: Literal["User", "Group", "ServiceAccount"]
    name: str
    namespace: str = ""

    @property
    def binding(self) -> str:
        """A name for this subject's bindings: a second subject must not take the place of the first."""
        told = "/".join((self.kind, self.namespace, self.name))
        slug = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40]
        return f"{NAME}-{slug}-{hashlib.sha256(told.encode()).hexdigest()[:8]}".replace("--", "-")

    def reference(self) -> dict[str, str]:
        """As in a binding."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"kind": self.kind, "name": self.name, "apiGroup": _RBAC}


def permissions(namespace: str) -> Iterator[Permission]:
    """Every one that the program itself needs, beside those for the kinds of a rendered chart."""
    for grant in OURS:
        for verb in grant.verbs:
            yield Permission(grant.group, grant.resource, verb, namespace)
    for grant in CLUSTER:
        for verb in grant.verbs:
            yield Permission(grant.group, grant.resource, verb, "", grant.optional)
    yield CREATE_NAMESPACE


def rest_of_charts(namespace: str) -> Iterator[Permission]:
    """For every kind that the charts can have: not needed for what is rendered now, but after a change of values."""
    for grant in CHARTS:
        for verb in grant.verbs:
            yield Permission(grant.group, grant.resource, verb, namespace, optional=True)


def chart_permissions(group: str, resource: str, namespace: str) -> Iterator[Permission]:
    """What Helm needs for one kind of object, which may not be one of the packaged charts."""
    known = next((row for row in (*CHARTS, *OURS) if (row.group, row.resource) == (group, resource)), None)
    for verb in known.verbs if known else (*_CHART, *_SEEN):
        yield Permission(group, resource, verb, namespace)


def manifests(namespace: str, subject: Subject) -> list[dict[str, Any]]:
    """What an administrator applies: the namespace, a Role and a ClusterRole, bound to the subject."""
    cluster = _role("ClusterRole", {"name": NAME}, CLUSTER)
    inside = {"name": NAME, "namespace": namespace}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": subject.name, "namespace": namespace}}
    own = subject.kind == "ServiceAccount" and subject.namespace == namespace
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        *([account] if own else []),
        _role("Role", inside, (*OURS, *CHARTS)), _binding("Role", inside, subject),
        cluster, _binding("ClusterRole", {"name": NAME}, subject),
    ]  # fmt: skip


def _role(kind: str, metadata: dict[str, str], grants: tuple[Grant, ...]) -> dict[str, Any]:
    rules = [
        {"apiGroups": [grant.group], "resources": [grant.resource], "verbs": list(grant.verbs)} for grant in grants
    ]
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, "rules": rules}


def _binding(kind: str, metadata: dict[str, str], subject: Subject) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1", "kind": f"{kind}Binding", "metadata": {**metadata, "name": subject.binding},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": NAME}, "subjects": [subject.reference()],
    }  # fmt: skip
