"""Services get EndpointSlices, and Endpoints for those who still read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, random_suffix

SERVICE = kinds.named("Service")
SLICE = kinds.named("EndpointSlice")
ENDPOINTS = kinds.named("Endpoints")
_OF = "kubernetes.io/service-name"
_TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
_MANAGED = "endpointslice.kubernetes.io/managed-by"


class Endpoints:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        namespace = obj["metadata"].get("namespace", "")
        if kind is SERVICE and event != "DELETED":
            return [(namespace, obj["metadata"]["name"])]
        if kind is SERVICE:
            self._forget(namespace, obj["metadata"]["name"])
        if kind is POD:
            chosen = (one for one in self._world.store.select(SERVICE, namespace) if _selects(one, obj))
            return [(namespace, one["metadata"]["name"]) for one in chosen]
        return ()

    def _forget(self, namespace: str, name: str) -> None:
        """Endpoints have no owner: they go with their Service's name."""
        if found := self._world.find(ENDPOINTS, namespace, name):
            self._world.delete(ENDPOINTS, found)

    def reconcile(self, namespace: str, name: str) -> None:
        service = self._world.find(SERVICE, namespace, name)
        if service is None or not service["spec"].get("selector") or "deletionTimestamp" in service["metadata"]:
            return
        pods = [pod for pod in self._world.store.select(POD, namespace) if _selects(service, pod) and _has_address(pod)]
        self._slice(service, pods)
        self._endpoints(service, pods)

    def _slice(self, service: Object, pods: list[Object]) -> None:
        found, namespace = service["metadata"], service["metadata"]["namespace"]
        labels = {**(found.get("labels") or {}), _OF: found["name"], _MANAGED: "endpointslice-controller.k8s.io"}
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        content = {
            "addressType": "IPv4", "endpoints": [_endpoint(service, pod) for pod in pods],
            "ports": [*_ports(service, pods, "name port protocol appProtocol")] if pods else None,
        }  # fmt: skip
        existing = next(iter(self._world.store.select(SLICE, namespace, f"{_OF}={found['name']}")), None)
        if existing is not None:
            if any(existing.get(key) != value for key, value in content.items()):
                self._world.change(SLICE, existing, lambda new: _renewed(new, content, self._world.now()))
            return
        metadata = {
            "name": f"{found['name']}-{random_suffix()}", "generateName": f"{found['name']}-",
            "namespace": namespace, "labels": labels, "annotations": {_TRIGGER: self._world.now()},
            "ownerReferences": [owned.reference(SERVICE, service)],
        }  # fmt: skip
        self._world.create(SLICE, {"metadata": metadata, **content})

    def _endpoints(self, service: Object, pods: list[Object]) -> None:
        found = service["metadata"]
        serving = [pod for pod in pods if owned.alive(pod)]
        early = bool(service["spec"].get("publishNotReadyAddresses"))
        ready = [_address(pod) for pod in serving if early or owned.ready(pod)]
        waiting = [_address(pod) for pod in serving if not early and not owned.ready(pod)]
        ports = [{key: value for key, value in port.items() if key != "name" or value}
                 for port in _ports(service, pods, "name port protocol")]  # fmt: skip
        subset: Object = {"ports": ports}
        subset |= {"addresses": ready} if ready else {}
        subset |= {"notReadyAddresses": waiting} if waiting else {}
        subsets = [subset] if ready or waiting else []
        live = self._world.find(ENDPOINTS, found["namespace"], found["name"])
        if live is not None:
            if (live.get("subsets") or []) != subsets:
                content = {"subsets": subsets} if subsets else {"subsets": None}
                self._world.change(ENDPOINTS, live, lambda new: _renewed(new, content, self._world.now()))
            return
        labels = {**(found.get("labels") or {}), "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
        metadata = {
            "name": found["name"], "namespace": found["namespace"], "labels": labels,
            "annotations": {_TRIGGER: self._world.now()},
        }  # fmt: skip
        self._world.create(ENDPOINTS, {"metadata": metadata, **({"subsets": subsets} if subsets else {})})


def _renewed(obj: Object, content: Object, now: str) -> None:
    """New content, and the time of what changed it; None takes a member away."""
    obj.update({key: value for key, value in content.items() if value is not None or key == "ports"})
    for key in [key for key, value in content.items() if value is None and key != "ports"]:
        obj.pop(key, None)
    obj["metadata"]["annotations"] = {**(obj["metadata"].get("annotations") or {}), _TRIGGER: now}


def _selects(service: Object, pod: Object) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _has_address(pod: Object) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")


def _target(pod: Object) -> Object:
    found = pod["metadata"]
    return {"kind": "Pod", "name": found["name"], "namespace": found["namespace"], "uid": found["uid"]}


def _address(pod: Object) -> Object:
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": _target(pod)}


def _endpoint(service: Object, pod: Object) -> Object:
    serving, ending = owned.ready(pod), "deletionTimestamp" in pod["metadata"]
    early = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint = {
        "addresses": [pod["status"]["podIP"]], "nodeName": pod["spec"]["nodeName"], "targetRef": _target(pod),
        "conditions": {"ready": early or (serving and not ending), "serving": serving, "terminating": ending},
    }  # fmt: skip
    if pod["spec"].get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = pod["spec"].get("hostname", "")
    return endpoint


def _ports(service: Object, pods: list[Object], members: str) -> Iterator[Object]:
    for port in service["spec"].get("ports") or ():
        number = port_number(port, pods[0] if pods else None)
        if number:
            full = {**port, "name": port.get("name", ""), "port": number}
            yield {key: full[key] for key in members.split() if key in full}


def port_number(port: Object, pod: Object | None) -> int:
    """The pod's port that a service port means; 0 where a name is not known."""
    target: Any = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    containers = pod["spec"]["containers"] if pod else ()
    named = (item for container in containers for item in container.get("ports") or () if item.get("name") == target)
    return int(next(named, {"containerPort": 0})["containerPort"])
