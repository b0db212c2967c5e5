"""Validation of pod specs: containers, volumes, probes, resources, tolerations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from sensei_tui.base import quantity
from sensei_tui.rehearsal import wording as say
from sensei_tui.rehearsal.errors import cause
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.wording import Causes

_STANDARD = ("cpu", "memory", "ephemeral-storage")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_FIELD_PATHS = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "metadata.labels",
    "metadata.annotations",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
]
_VOLUME_NAMES = {"configMap": "name", "secret": "secretName", "persistentVolumeClaim": "claimName"}
_NOT_SOURCES = ("name",)


def pod_spec(spec: Object, path: str, claims: AbstractSet[Any] = frozenset()) -> Causes:
    """`claims` are names of volumes that a StatefulSet adds."""
    yield from _volumes(spec.get("volumes") or (), f"{path}.volumes")
    if not spec.get("containers"):
        yield say.required(f"{path}.containers")
    fine = [volume for volume in spec.get("volumes") or () if not [*_volume_source(volume, "")]]
    volumes = {volume.get("name") for volume in fine} | claims
    yield from _containers(spec.get("containers") or (), f"{path}.containers", volumes)
    yield from _containers(spec.get("initContainers") or (), f"{path}.initContainers", volumes)
    yield from _unlike_names(spec, path)
    yield from say.one_of(spec.get("restartPolicy"), "Always OnFailure Never", f"{path}.restartPolicy")
    yield from say.one_of(
        spec.get("dnsPolicy"), "ClusterFirstWithHostNet ClusterFirst Default None", f"{path}.dnsPolicy"
    )
    yield from say.labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        yield from _toleration(toleration, f"{path}.tolerations[{index}]")


def _unlike_names(spec: Object, path: str) -> Causes:
    names = {one.get("name") for one in spec.get("initContainers") or ()}
    for index, container in enumerate(spec.get("containers") or ()):
        if container.get("name") in names:
            yield say.duplicate(f"{path}.initContainers[{index}].name", container["name"])


def _volumes(volumes: Iterable[Object], path: str) -> Causes:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        where, name = f"{path}[{index}]", volume.get("name") or ""
        yield from _volume_source(volume, where)
        if name:
            yield from say.every(say.label(name), name, f"{where}.name")
        if name in names:
            yield say.duplicate(f"{where}.name", name)
        names.add(name)


def _volume_source(volume: Object, path: str) -> Causes:
    sources = [name for name in volume if name not in _NOT_SOURCES and volume[name] is not None]
    for name in sorted(sources, key=_source_order)[1:]:
        yield say.forbidden(f"{path}.{name}", "may not specify more than 1 volume type")
    for kind, member in _VOLUME_NAMES.items():
        if kind in sources[:1] and not volume[kind].get(member):
            yield say.required(f"{path}.{kind}.{member}")


def _source_order(name: str) -> int:
    """Which source counts as the first: the order in which the API looks."""
    order = ("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi")
    return order.index(name) if name in order else len(order)


def _containers(containers: Iterable[Object], path: str, volumes: set[Any]) -> Causes:
    names: set[str] = set()
    for index, container in enumerate(containers):
        where, name = f"{path}[{index}]", container.get("name") or ""
        if name in names:
            yield say.duplicate(f"{where}.name", name)
        names.add(name)
        yield from _container(container, where, volumes)


def _container(container: Object, path: str, volumes: set[Any]) -> Causes:
    name = container.get("name") or ""
    yield from say.every(say.label(name), name, f"{path}.name") if name else (say.required(f"{path}.name"),)
    if not container.get("image"):
        yield say.required(f"{path}.image")
    yield from say.one_of(container.get("imagePullPolicy"), "Always IfNotPresent Never", f"{path}.imagePullPolicy")
    yield from _ports(container.get("ports") or (), f"{path}.ports")
    for index, variable in enumerate(container.get("env") or ()):
        yield from _variable(variable, f"{path}.env[{index}]")
    yield from _mounts(container.get("volumeMounts") or (), f"{path}.volumeMounts", volumes)
    for probe in _PROBES:
        if container.get(probe) is not None:
            yield from _probe(container[probe], f"{path}.{probe}", probe)
    yield from _resources(container.get("resources") or {}, f"{path}.resources")


def _ports(ports: Iterable[Object], path: str) -> Causes:
    names: set[str] = set()
    for index, one in enumerate(ports):
        where, name = f"{path}[{index}]", one.get("name") or ""
        if name:
            yield from say.every(say.port_name(name), name, f"{where}.name")
        if name and name in names:
            yield say.duplicate(f"{where}.name", name)
        names.add(name)
        if not one.get("containerPort"):
            yield say.required(f"{where}.containerPort")
        else:
            yield from say.port(one["containerPort"], f"{where}.containerPort")
        yield from say.one_of(one.get("protocol"), "SCTP TCP UDP", f"{where}.protocol")


def _variable(variable: Object, path: str) -> Causes:
    name = variable.get("name") or ""
    if not name:
        yield say.required(f"{path}.name")
    elif not re.fullmatch(r"[ -<>-~]+", name):
        why = "a valid environment variable name must consist only of printable ASCII characters other than '='"
        yield say.invalid(f"{path}.name", name, why)
    if (source := variable.get("valueFrom")) is not None:
        yield from _source(source, variable, f"{path}.valueFrom")


def _source(source: Object, variable: Object, path: str) -> Causes:
    named = [name for name in _ENV_SOURCES if source.get(name) is not None]
    if not named:
        listed = ", ".join(f"`{name}`" for name in _ENV_SOURCES[:-1])
        yield say.invalid(path, "", f"must specify one of: {listed} or `{_ENV_SOURCES[-1]}`")
    if variable.get("value") and named:
        yield say.invalid(path, "", "may not be specified when `value` is not empty")
    for name in ("configMapKeyRef", "secretKeyRef"):
        if name in named and not source[name].get("key"):
            yield say.required(f"{path}.{name}.key")
    field = (source.get("fieldRef") or {}).get("fieldPath", "metadata.name")
    if field.partition("[")[0] not in _FIELD_PATHS:
        why = f"error converting fieldPath: field label not supported: {field}"
        yield say.invalid(f"{path}.fieldRef.fieldPath", field, why)


def _mounts(mounts: Iterable[Object], path: str, volumes: set[Any]) -> Causes:
    places: set[str] = set()
    for index, mount in enumerate(mounts):
        where, place = f"{path}[{index}]", mount.get("mountPath") or ""
        if mount.get("name") not in volumes:
            yield cause("FieldValueNotFound", f"Not found: {say.shown(mount.get('name'))}", f"{where}.name")
        if not place:
            yield say.required(f"{where}.mountPath")
        if place in places:
            yield say.invalid(f"{where}.mountPath", place, "must be unique")
        places.add(place)


def _probe(probe: Object, path: str, name: str) -> Causes:
    handlers = [one for one in _HANDLERS if probe.get(one) is not None]
    if not handlers:
        yield say.required(path, "must specify a handler type")
    for handler in handlers[:1]:
        yield from _HANDLER[handler](probe[handler], f"{path}.{handler}")
    for handler in handlers[1:]:
        yield say.forbidden(f"{path}.{handler}", "may not specify more than 1 handler type")
    for member in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        yield from say.not_negative(probe.get(member), f"{path}.{member}")
    if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        yield say.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def _exec(action: Object, path: str) -> Causes:
    if not action.get("command"):
        yield say.required(f"{path}.command")


def _http(action: Object, path: str) -> Causes:
    if not action.get("path"):
        yield say.required(f"{path}.path")
    yield from say.port(action.get("port"), f"{path}.port")
    yield from say.one_of(action.get("scheme"), "HTTP HTTPS", f"{path}.scheme")


def _socket(action: Object, path: str) -> Causes:
    yield from say.port(action.get("port"), f"{path}.port")


_HANDLER: dict[str, Callable[[Object, str], Causes]] = {
    "exec": _exec, "httpGet": _http, "tcpSocket": _socket, "grpc": _socket,
}  # fmt: skip


def _resources(resources: Object, path: str) -> Causes:
    limits = resources.get("limits") or {}
    for part in ("limits", "requests"):
        for name, value in (resources.get(part) or {}).items():
            yield from _resource(name, value, f"{path}.{part}[{name}]")
            too_many = part == "requests" and name in limits and quantity.parse(value) > quantity.parse(limits[name])
            if too_many:
                yield say.invalid(
                    f"{path}.requests", value, f"must be less than or equal to {name} limit of {limits[name]}"
                )


def _resource(name: str, value: str, path: str) -> Causes:
    if "/" not in name and name not in _STANDARD and not name.startswith("hugepages-"):
        yield say.invalid(path, name, "must be a standard resource type or fully qualified")
        yield say.invalid(path, name, "must be a standard resource for containers")
    amount = quantity.parse(value)
    if amount < 0:
        yield say.invalid(path, value, say.NOT_NEGATIVE)
    elif "/" in name and amount != int(amount):
        yield say.invalid(path, value, "must be an integer")


def _toleration(toleration: Object, path: str) -> Causes:
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists" and toleration.get("value"):
        yield say.invalid(f"{path}.operator", toleration["value"], "value must be empty when `operator` is 'Exists'")
    yield from say.one_of(operator, "Equal Exists", f"{path}.operator")
    effect = toleration.get("effect") or None
    yield from say.one_of(effect, "NoSchedule PreferNoSchedule NoExecute", f"{path}.effect")
