"""Validation of Services, Ingresses, NetworkPolicies and disruption budgets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from sensei_tui.rehearsal import wording as say
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.rules_workloads import count_or_percent, label_selector
from sensei_tui.rehearsal.wording import Causes

_TYPES = "ClusterIP ExternalName LoadBalancer NodePort"
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def service(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    kind, ports = spec.get("type"), spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and kind != "ExternalName":
        yield say.required("spec.ports")
    if kind == "ExternalName" and not spec.get("externalName"):
        yield say.required("spec.externalName")
    yield from _ports(ports, kind)
    yield from say.labels(spec.get("selector"), "spec.selector")
    yield from say.one_of(spec.get("sessionAffinity"), "ClientIP None", "spec.sessionAffinity")
    yield from say.one_of(kind, _TYPES, "spec.type")
    yield from _address(spec.get("clusterIP"))
    yield from _same_ports(ports)


def _ports(ports: list[Object], kind: Any) -> Causes:
    names: set[str] = set()
    for index, one in enumerate(ports):
        where, name = f"spec.ports[{index}]", one.get("name") or ""
        if len(ports) > 1 and not name:
            yield say.required(f"{where}.name")
        if name:
            yield from say.every(say.label(name), name, f"{where}.name")
        if name and name in names:
            yield say.duplicate(f"{where}.name", name)
        names.add(name)
        yield from say.port(one.get("port"), f"{where}.port")
        yield from say.one_of(one.get("protocol"), "SCTP TCP UDP", f"{where}.protocol")
        yield from say.port(one.get("targetPort", one.get("port")), f"{where}.targetPort")
        if one.get("nodePort") and kind not in _WITH_NODE_PORTS:
            yield say.forbidden(f"{where}.nodePort", f"may not be used when `type` is '{kind}'")


def _same_ports(ports: Iterable[Object]) -> Causes:
    """Two ports with one number; the message shows the port as the API has it inside."""
    seen: set[tuple[Any, Any]] = set()
    for index, one in enumerate(ports):
        key = (one.get("protocol"), one.get("port"))
        if key in seen:
            bare = {"Name": "", "Protocol": key[0], "AppProtocol": None, "Port": key[1], "TargetPort": 0, "NodePort": 0}
            yield say.duplicate(f"spec.ports[{index}]", bare)
        seen.add(key)


def _address(address: Any) -> Causes:
    if not address or address == "None":
        return
    try:
        ipaddress.ip_address(address)
    except ValueError:
        why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        yield say.invalid("spec.clusterIPs[0]", address, why)


def ingress(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield say.invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    for index, rule in enumerate(spec.get("rules") or ()):
        where = f"spec.rules[{index}]"
        if host := rule.get("host"):
            plain = host.removeprefix("*.")
            yield from say.every(say.subdomain(plain), host, f"{where}.host")
        for number, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            yield from _path(path, f"{where}.http.paths[{number}]")


def _path(path: Object, where: str) -> Causes:
    kind, value = path.get("pathType"), path.get("path") or ""
    if kind is None:
        yield say.required(f"{where}.pathType", "pathType must be specified")
    elif kind in ("Exact", "Prefix") and not value.startswith("/"):
        yield say.invalid(f"{where}.path", value, "must be an absolute path")
    yield from say.one_of(kind, "Exact ImplementationSpecific Prefix", f"{where}.pathType")


def policy(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from label_selector(spec.get("podSelector"), "spec.podSelector")
    for index, kind in enumerate(spec.get("policyTypes") or ()):
        yield from say.one_of(kind, "Ingress Egress", f"spec.policyTypes[{index}]")


def budget(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        inside = {
            "MinAvailable": least, "Selector": spec.get("selector"), "MaxUnavailable": most,
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }  # fmt: skip
        yield say.invalid("spec", inside, "minAvailable and maxUnavailable cannot be both set")
    for value, member in ((least, "minAvailable"), (most, "maxUnavailable")):
        yield from count_or_percent(value, f"spec.{member}")
        if isinstance(value, str) and re.fullmatch(r"[0-9]+%", value) and int(value[:-1]) > 100:
            yield say.invalid(f"spec.{member}", value, "must not be greater than 100%")
    yield from label_selector(spec.get("selector"), "spec.selector")
