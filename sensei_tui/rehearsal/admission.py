"""What the API server itself fills in when objects are written: addresses, service accounts, generated selectors.

Field defaults are in `schemas`; here are the values that depend on the cluster's state or on the object's identity
(the strategies of pkg/registry and the admission plugins that kube-apiserver runs by default).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from sensei_tui.rehearsal import errors, kinds, limitranges, pods, podsecurity, quotas, wording
from sensei_tui.rehearsal.defaults import labels_of_template
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, metadata, random_suffix
from sensei_tui.rehearsal.store import Store

SERVICE_NETWORK = ipaddress.ip_network("10.96.0.0/12")
NODE_PORTS = range(30000, 32768)

_SERVICE = kinds.named("Service")
_KEEP_STATUS = ("Node", "Namespace", "PersistentVolume")
"""Kinds whose creator may bring a status (a kubelet registers its node with one)."""

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_GENERATION = "deprecated.daemonset.template.generation"
_PROTECTION, _VOLUME_PROTECTION = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"


def check(store: Store, kind: Kind, obj: Object) -> list[str]:
    """What a complete new object is refused for, and warnings about it. Raises ApiError 403."""
    limitranges.check(store, kind, obj)
    warnings = podsecurity.admit(store, kind, obj)
    quotas.admit(store, kind, obj)
    return warnings


def on_create(store: Store, kind: Kind, obj: Object, uid: str) -> None:
    """Complete a new object in place; `uid` is the one it will get. Raises ApiError."""
    if kind.has_status and kind.kind not in _KEEP_STATUS:
        obj.pop("status", None)
    if not metadata(obj).get("name") and metadata(obj).get("generateName"):
        obj["metadata"]["name"] = obj["metadata"]["generateName"] + random_suffix()
    limitranges.complete(store, kind, obj)
    if complete := _ON_CREATE.get(kind.kind):
        complete(store, obj, uid)


def on_update(kind: Kind, live: Object, obj: Object) -> None:
    """Keep what a replacement may leave out."""
    if kind is _SERVICE:
        _keep_addresses(live.get("spec", {}), obj.setdefault("spec", {}))
    if kind.kind == "DaemonSet":
        _count_templates(live, obj)


def _service(store: Store, obj: Object, uid: str) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("type") == "ExternalName":
        obj["status"] = {"loadBalancer": {}}
        return
    taken = {one["spec"].get("clusterIP") for one in store.select(_SERVICE)}
    if not spec.get("clusterIP"):
        spec["clusterIP"] = str(next(ip for ip in SERVICE_NETWORK.hosts() if str(ip) not in taken))
    elif spec["clusterIP"] != "None" and spec["clusterIP"] in taken:
        message = f'Invalid value: "{spec["clusterIP"]}": failed to allocate IP: provided IP is already allocated'
        causes = [errors.cause("FieldValueInvalid", message, "spec.clusterIPs")]
        raise errors.invalid(_SERVICE, metadata(obj)["name"], causes)
    spec["clusterIPs"] = [spec["clusterIP"]]
    # Nobody serves the addresses of a headless service without a selector: it may have those of either family.
    either = spec["clusterIP"] == "None" and not spec.get("selector")
    spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if either else ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if either else "SingleStack")
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        used = {port.get("nodePort") for one in store.select(_SERVICE) for port in one["spec"].get("ports") or ()}
        free = (number for number in NODE_PORTS if number not in used)
        for index, port in enumerate(spec.get("ports") or ()):
            if port.get("nodePort") and port["nodePort"] not in NODE_PORTS:
                why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
                wrong = wording.invalid(f"spec.ports[{index}].nodePort", port["nodePort"], why)
                raise errors.invalid(_SERVICE, metadata(obj)["name"], [wrong])
            port["nodePort"] = port.get("nodePort") or next(free)
    obj["status"] = {"loadBalancer": {}}


def _keep_addresses(live: Object, spec: Object) -> None:
    for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get("type") == "ExternalName":
            spec.pop(key, None)
        elif key in live and not spec.get(key):
            spec[key] = live[key]
    if spec.get("type") == "ExternalName" and live.get("type") != "ExternalName":
        spec.pop("internalTrafficPolicy", None)
    ports = {(port.get("protocol", "TCP"), port["port"]): port.get("nodePort") for port in live.get("ports") or ()}
    for port in spec.get("ports") or ():
        kept = ports.get((port.get("protocol", "TCP"), port["port"]))
        if kept and not port.get("nodePort") and spec.get("type") in ("NodePort", "LoadBalancer"):
            port["nodePort"] = kept


def _volume(store: Store, obj: Object, uid: str) -> None:
    found = metadata(obj)
    found["finalizers"] = [*dict.fromkeys([*(found.get("finalizers") or ()), _VOLUME_PROTECTION])]


def _claim(store: Store, obj: Object, uid: str) -> None:
    spec = obj.setdefault("spec", {})
    found = metadata(obj)
    found["finalizers"] = [*dict.fromkeys([*(found.get("finalizers") or ()), _PROTECTION])]
    if "storageClassName" not in spec:
        marked = (
            one["metadata"]["name"]
            for one in store.select(kinds.named("StorageClass"))
            if (one["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
        )
        if name := next(marked, ""):
            spec["storageClassName"] = name
    obj["status"] = {"phase": "Pending"}


def _job(store: Store, obj: Object, uid: str) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("manualSelector"):
        return
    ours = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": metadata(obj).get("name", "")}
    ours |= {"controller-uid": uid, "job-name": metadata(obj).get("name", "")}
    template = metadata(spec.setdefault("template", {}))
    template["labels"] = {**(template.get("labels") or {}), **ours}
    chosen = (spec.get("selector") or {}).get("matchLabels") or {}
    spec["selector"] = {"matchLabels": {**chosen, "batch.kubernetes.io/controller-uid": uid}}
    labels_of_template(obj)


def _count_templates(live: Object, obj: Object) -> None:
    """The annotation that was once spec.templateGeneration of a DaemonSet."""
    annotations = metadata(obj)["annotations"]
    annotations[_GENERATION] = (live["metadata"].get("annotations") or {}).get(_GENERATION, "1")
    if obj["spec"].get("template") != live["spec"].get("template"):
        annotations[_GENERATION] = str(int(annotations[_GENERATION]) + 1)


_ON_CREATE: dict[str, Callable[[Store, Object, str], None]] = {
    "Job": _job,
    "PersistentVolume": _volume,
    "PersistentVolumeClaim": _claim,
    "Pod": pods.admit,
    "Service": _service,
}
