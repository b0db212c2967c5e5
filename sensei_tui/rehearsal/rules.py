"""The validation that everyday mistakes meet (the validation.go files of Kubernetes), in the API server's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensei_tui.rehearsal import fields, rules_change, rules_data, rules_network, rules_workloads
from sensei_tui.rehearsal import wording as say
from sensei_tui.rehearsal.errors import invalid
from sensei_tui.rehearsal.fields import Struct, Type
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, metadata
from sensei_tui.rehearsal.wording import Causes

_ANY_NAME = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "CSINode", "APIService")
"""Kinds whose names may hold colons and the like (path segment names)."""
_UNCHECKED = ("metadata", "status")
_LENIENT = ("Event", "EndpointSlice", "Endpoints", "CSINode", "CSIDriver", "CSIStorageCapacity")
"""Kinds written by components, whose required members may be left empty."""
_MAY_BE_EMPTY = ("HTTPHeader.value", "RoleRef.apiGroup", "StatefulSetSpec.serviceName")
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")


def check(kind: Kind, obj: Object) -> None:
    """Raises ApiError 422 with all that is wrong with a complete object."""
    causes = [*_metadata(kind, metadata(obj))]
    look = _BY_KIND.get(kind.kind)
    own = [*look(obj)] if look else []
    if kind.kind not in _LENIENT:
        told = {one.get("field") for one in own}
        causes += [one for one in _required(fields.of_kind(kind), obj, "") if one["field"] not in told]
    if causes := [*causes, *own]:
        raise invalid(kind, metadata(obj).get("name", ""), causes)


def check_change(kind: Kind, live: Object, obj: Object) -> None:
    """Raises ApiError 422 where a field that never changes was changed."""
    causes = [*rules_change.of_metadata(live, obj), *rules_change.of_kind(kind.kind, live, obj)]
    if causes:
        raise invalid(kind, metadata(obj).get("name", ""), causes)


def _metadata(kind: Kind, found: Object) -> Causes:
    name = found.get("name") or ""
    if name and kind.kind not in _ANY_NAME:
        short = kind.kind in ("Service", "Namespace")
        yield from say.every(say.label(name) if short else say.subdomain(name), name, "metadata.name")
    yield from say.labels(found.get("labels"), "metadata.labels")
    for key in found.get("annotations") or {}:
        yield from say.every(say.qualified(key.lower()), key, "metadata.annotations")
    yield from _owners(found)
    yield from _finalizers(found.get("finalizers") or ())


def _owners(found: Object) -> Causes:
    for index, owner in enumerate(found.get("ownerReferences") or ()):
        for member in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(member):
                yield say.required(f"metadata.ownerReferences[{index}].{member}", "must not be empty")


def _finalizers(found: Any) -> Causes:
    for name in found:
        yield from say.every(say.qualified(name), name, "metadata.finalizers")
    for index, name in enumerate(found):
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield say.invalid(f"metadata.finalizers[{index}]", name, why)


def _required(struct: Struct, obj: Object, path: str) -> Causes:
    for name, member in struct.members.items():
        inside = f"{path}.{name}" if path else name
        if not path and name in _UNCHECKED:
            continue
        value = obj.get(name)
        if member.required and value in (None, "") and f"{struct.name}.{name}" not in _MAY_BE_EMPTY:
            yield say.required(inside)
        elif value is not None:
            yield from _required_inside(member.type, value, inside)


def _required_inside(type_: Type, value: Any, path: str) -> Causes:
    if type_.shape == "struct" and isinstance(value, dict):
        if not path.endswith("metadata"):
            yield from _required(fields.struct(type_.struct), value, path)
    elif type_.shape == "list" and type_.of:
        for index, item in enumerate(value):
            yield from _required_inside(type_.of, item, f"{path}[{index}]")
    elif type_.shape == "map" and type_.of:
        for key, item in value.items():
            yield from _required_inside(type_.of, item, f"{path}[{key}]")


_BY_KIND: dict[str, Callable[[Object], Causes]] = {
    "ClusterRole": rules_data.role,
    "ClusterRoleBinding": rules_data.binding,
    "ConfigMap": rules_data.config_map,
    "DaemonSet": rules_workloads.daemon_set,
    "Deployment": rules_workloads.deployment,
    "Ingress": rules_network.ingress,
    "Job": rules_workloads.job,
    "NetworkPolicy": rules_network.policy,
    "PersistentVolumeClaim": rules_data.claim,
    "Pod": rules_workloads.pod,
    "PodDisruptionBudget": rules_network.budget,
    "PodTemplate": rules_workloads.pod_template,
    "ReplicaSet": rules_workloads.replica_set,
    "Role": rules_data.role,
    "RoleBinding": rules_data.binding,
    "Secret": rules_data.secret,
    "Service": rules_network.service,
    "StatefulSet": rules_workloads.stateful_set,
}
