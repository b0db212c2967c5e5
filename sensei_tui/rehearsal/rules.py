"""The validation that everyday mistakes meet (the validation.go files of Kubernetes), in the API server's words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from sensei_tui.base import quantity
from sensei_tui.rehearsal import fields
from sensei_tui.rehearsal.errors import cause, invalid
from sensei_tui.rehearsal.fields import Struct, Type
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, metadata

Causes = Iterator[dict[str, str]]
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_QUALIFIED = re.compile(r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"
_PORT_RULE = "must be between 1 and 65535, inclusive"
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_ANY_NAME = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "CSINode", "APIService")
"""Kinds whose names may hold colons and the like (path segment names)."""
_UNCHECKED = ("metadata", "status")
_LENIENT = ("Event", "EndpointSlice", "Endpoints", "CSINode", "CSIDriver", "CSIStorageCapacity")
"""Kinds written by components, whose required members may be left empty."""


def check(kind: Kind, obj: Object) -> None:
    """Raises ApiError 422 with all that is wrong."""
    causes = [*_metadata(kind, metadata(obj))]
    if kind.kind not in _LENIENT:
        causes += _required(fields.of_kind(kind), obj, "")
    if look := _BY_KIND.get(kind.kind):
        causes += look(obj)
    if causes:
        raise invalid(kind, metadata(obj).get("name", ""), causes)


def check_change(kind: Kind, live: Object, obj: Object) -> None:
    """Raises ApiError 422 where a field that never changes was changed."""
    causes = [*_new_finalizers(live, obj)]
    for path in _IMMUTABLE.get(kind.kind, ()):
        before, after = _at(live, path), _at(obj, path)
        if before is not None and after != before:
            shown = json.dumps(after, separators=(",", ":"))
            causes.append(_invalid(path, shown, "field is immutable"))
    if kind.kind == "StatefulSet" and _fixed(live) != _fixed(obj):
        causes.append(cause("FieldValueForbidden", _STATEFUL_SET, "spec"))
    if causes:
        raise invalid(kind, metadata(obj).get("name", ""), causes)


def _new_finalizers(live: Object, obj: Object) -> Causes:
    before, after = (set(metadata(one).get("finalizers") or ()) for one in (live, obj))
    if live["metadata"].get("deletionTimestamp") and (new := sorted(after - before)):
        shown = "[]string{" + ", ".join(f'"{one}"' for one in new) + "}"
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
        yield cause("FieldValueForbidden", f"Forbidden: {why}", "metadata.finalizers")


_IMMUTABLE = {
    "Deployment": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "Job": ("spec.selector", "spec.completions", "spec.template"),
    "Service": ("spec.clusterIP",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.selector", "spec.volumeMode"),
}
_STATEFUL_MUTABLE = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip
_STATEFUL_SET = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
    "are forbidden"
)


def _fixed(obj: Object) -> Object:
    return {key: value for key, value in (obj.get("spec") or {}).items() if key not in _STATEFUL_MUTABLE}


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _invalid(field: str, shown: str, why: str) -> dict[str, str]:
    return cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", field)


def _required_value(field: str) -> dict[str, str]:
    return cause("FieldValueRequired", "Required value", field)


def _metadata(kind: Kind, found: Object) -> Causes:
    name = found.get("name", "")
    if name and kind.kind not in _ANY_NAME and (len(name) > 253 or not _SUBDOMAIN.match(name)):
        yield _invalid("metadata.name", f'"{name}"', _SUBDOMAIN_RULE)
    elif name and kind.kind in ("Service", "Namespace") and (len(name) > 63 or not _LABEL.match(name)):
        yield _invalid("metadata.name", f'"{name}"', "must be a DNS-1035 label of no more than 63 characters")
    for key, value in (found.get("labels") or {}).items():
        if value and (len(value) > 63 or not _QUALIFIED.match(value)):
            yield _invalid("metadata.labels", f'"{value}"', _VALUE_RULE)
        if not _QUALIFIED.match(key.rpartition("/")[2]):
            yield _invalid("metadata.labels", f'"{key}"', "name part must consist of alphanumeric characters")


def _required(struct: Struct, obj: Object, path: str) -> Causes:
    for name, member in struct.members.items():
        inside = f"{path}.{name}" if path else name
        if not path and name in _UNCHECKED:
            continue
        value = obj.get(name)
        if value is None:
            if member.required and name != "apiGroup":
                yield _required_value(inside)
        else:
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
    elif type_.shape == "quantity":
        try:
            quantity.parse(value)
        except ValueError:
            why = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            yield _invalid(path, f'"{value}"', why)


def _template(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    labels = (_at(spec, "template.metadata.labels")) or {}
    wanted = _at(spec, "selector.matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        shown = json.dumps(labels, separators=(",", ":"))
        yield _invalid("spec.template.metadata.labels", shown, "`selector` does not match template `labels`")
    if isinstance(replicas := spec.get("replicas"), int) and replicas < 0:
        yield _invalid("spec.replicas", str(replicas), "must be greater than or equal to 0")
    claims = {_at(claim, "metadata.name") for claim in spec.get("volumeClaimTemplates") or ()}
    yield from _pod_spec(_at(spec, "template.spec") or {}, "spec.template.spec", claims)


def _pod(obj: Object) -> Causes:
    yield from _pod_spec(obj.get("spec") or {}, "spec")


def _pod_spec(spec: Object, path: str, claims: AbstractSet[Any] = frozenset()) -> Causes:
    if spec.get("containers") == []:
        yield _required_value(f"{path}.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()} | claims
    names: set[str] = set()
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            where = f"{path}.{part}[{index}]"
            name = container.get("name", "")
            if name in names:
                yield cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{where}.name")
            names.add(name)
            yield from _container(container, where, volumes)


def _container(container: Object, path: str, volumes: set[Any]) -> Causes:
    name = container.get("name", "")
    if name and (len(name) > 63 or not _LABEL.match(name)):
        yield _invalid(
            f"{path}.name",
            f'"{name}"',
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'",
        )
    if not container.get("image"):
        yield _required_value(f"{path}.image")
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort", 0)
        if not 1 <= number <= 65535:
            yield _invalid(
                f"{path}.ports[{index}].containerPort", str(number), "must be between 1 and 65535, inclusive"
            )
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            yield cause("FieldValueNotFound", f'Not found: "{mount.get("name")}"', f"{path}.volumeMounts[{index}].name")
    yield from _resources(container.get("resources") or {}, path)


def _resources(resources: Object, path: str) -> Causes:
    limits = resources.get("limits") or {}
    for name, value in (resources.get("requests") or {}).items():
        if name in limits and quantity.parse(value) > quantity.parse(limits[name]):
            yield _invalid(
                f"{path}.resources.requests",
                f'"{value}"',
                f"must be less than or equal to {name} limit of {limits[name]}",
            )


def _service(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    ports = spec.get("ports") or ()
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield _required_value("spec.ports")
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            yield _required_value(f"spec.ports[{index}].name")
        if not 1 <= port.get("port", 0) <= 65535:
            yield _invalid(f"spec.ports[{index}].port", str(port.get("port")), _PORT_RULE)


def _claim(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield cause("FieldValueRequired", "Required value: at least 1 access mode is required", "spec.accessModes")
    if not _at(spec, "resources.requests.storage"):
        yield _required_value("spec.resources[storage]")


_BY_KIND: dict[str, Callable[[Object], Causes]] = {
    "DaemonSet": _template,
    "Deployment": _template,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "ReplicaSet": _template,
    "Service": _service,
    "StatefulSet": _template,
}
