"""Cells that only one kind, or a few, has in its table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sensei_tui.rehearsal.cells import NONE, UNKNOWN, UNSET, Cell, at, between, condition, joined, since
from sensei_tui.rehearsal.objects import Object

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_ROLE_LABEL = "node-role.kubernetes.io/"
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def replicas(obj: Object) -> str:
    """`1/2`: ready and wanted."""
    return f"{at(obj, 'status.readyReplicas') or 0}/{at(obj, 'spec.replicas') or 0}"


def controller(obj: Object) -> str:
    owner: Object = next((item for item in at(obj, "metadata.ownerReferences") or () if item.get("controller")), {})
    if not owner:
        return NONE
    group = owner.get("apiVersion", "").rpartition("/")[0]
    return f"{owner['kind'].lower()}{'.' if group else ''}{group}/{owner['name']}"


def job_status(job: Object) -> str:
    for ended in ("Complete", "Failed"):
        if condition(job, ended) == "True":
            return ended
    if at(job, "metadata.deletionTimestamp"):
        return "Terminating"
    return next((kind for kind in ("Suspended", "FailureTarget") if condition(job, kind) == "True"), "Running")


def job_completions(job: Object) -> str:
    done, wanted = at(job, "status.succeeded") or 0, at(job, "spec.completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallel = at(job, "spec.parallelism") or 0
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def job_duration(job: Object) -> str:
    start, end = at(job, "status.startTime"), at(job, "status.completionTime")
    if not start:
        return ""
    return between(start, end) if end else since(start)


def scaled(obj: Object) -> str:
    found = at(obj, "spec.scaleTargetRef") or {}
    return f"{found.get('kind', '')}/{found.get('name', '')}"


def targets(obj: Object) -> str:
    """`cpu: <unknown>/80%`: nothing in the simulated cluster measures load."""
    wanted = [item.get("resource") or {} for item in at(obj, "spec.metrics") or ()]
    return joined((f"{item.get('name', '')}: {UNKNOWN}/{_target(item)}" for item in wanted), NONE, 2)


def _target(metric: Object) -> str:
    share = at(metric, "target.averageUtilization")
    return f"{share}%" if share is not None else str(at(metric, "target.averageValue") or "<auto>")


def cluster_address(service: Object) -> str:
    return (at(service, "spec.clusterIPs") or [at(service, "spec.clusterIP")])[0] or NONE


def external_address(service: Object) -> str:
    kind, extra = at(service, "spec.type"), at(service, "spec.externalIPs") or []
    if kind == "ExternalName":
        return str(at(service, "spec.externalName") or "")
    if kind != "LoadBalancer":
        return ",".join(extra) or NONE
    return ",".join([*_balancers(service), *extra]) or "<pending>"


def _balancers(obj: Object) -> list[str]:
    found = at(obj, "status.loadBalancer.ingress") or ()
    return [item.get("ip") or item.get("hostname") or "" for item in found]


def balancers(obj: Object) -> str:
    return ",".join(_balancers(obj))


def service_ports(service: Object) -> str:
    """`80/TCP,443:30443/TCP`"""
    shown = [
        f"{port.get('port')}{':' + str(port['nodePort']) if port.get('nodePort') else ''}/{port.get('protocol', 'TCP')}"
        for port in at(service, "spec.ports") or ()
    ]
    return ",".join(shown) or NONE


def endpoints(obj: Object) -> str:
    return joined(_endpoints(obj), NONE)


def _endpoints(obj: Object) -> Iterator[str]:
    for subset in obj.get("subsets") or ():
        addresses = [item.get("ip", "") for item in subset.get("addresses") or ()]
        if not subset.get("ports"):
            yield from addresses
        for port in subset.get("ports") or ():
            yield from (f"{address}:{port.get('port')}" for address in addresses)


def slice_ports(obj: Object) -> str:
    return joined((str(port.get("port") or port.get("name") or "*") for port in obj.get("ports") or ()), UNSET)


def slice_addresses(obj: Object) -> str:
    found = obj.get("endpoints") or ()
    return joined((address for endpoint in found for address in endpoint.get("addresses") or ()), UNSET)


def hosts(ingress: Object) -> str:
    found = (rule.get("host") for rule in at(ingress, "spec.rules") or ())
    return joined((host for host in found if host), "*")


def ingress_ports(ingress: Object) -> str:
    return "80, 443" if at(ingress, "spec.tls") else "80"


def class_parameters(obj: Object) -> str:
    found = at(obj, "spec.parameters")
    if not found:
        return NONE
    group = f".{found['apiGroup']}" if found.get("apiGroup") else ""
    return f"{found.get('kind', '')}{group}/{found.get('name', '')}"


def node_status(node: Object) -> str:
    found = condition(node, "Ready")
    shown = ("Ready" if found == "True" else "NotReady") if found else "Unknown"
    return shown + (",SchedulingDisabled" if at(node, "spec.unschedulable") else "")


def node_roles(node: Object) -> str:
    found = at(node, "metadata.labels") or {}
    roles = {key.removeprefix(_ROLE_LABEL) for key in found if key.startswith(_ROLE_LABEL)}
    roles |= {found["kubernetes.io/role"]} if found.get("kubernetes.io/role") else set()
    return ",".join(sorted(roles - {""})) or NONE


def node_address(kind: str) -> Cell:
    def cell(node: Object) -> str:
        found = at(node, "status.addresses") or ()
        return next((item["address"] for item in found if item.get("type") == kind), NONE)

    return cell


def kernel(node: Object) -> str:
    version, architecture = at(node, "status.nodeInfo.kernelVersion"), at(node, "status.nodeInfo.architecture")
    return f"{version or UNKNOWN} ({architecture})" if architecture else version or UNKNOWN


def last_seen(event: Object) -> str:
    series = at(event, "series.lastObservedTime")
    return since(series or event.get("lastTimestamp") or event.get("firstTimestamp") or event.get("eventTime"))


def first_seen(event: Object) -> str:
    return since(event.get("firstTimestamp") or event.get("eventTime"))


def times(event: Object) -> int:
    return int(at(event, "series.count") or event.get("count") or 1)


def involved(event: Object) -> str:
    found = event.get("involvedObject") or {}
    kind, name = found.get("kind", "").lower(), found.get("name", "")
    return f"{kind}/{name}" if name else kind


def event_source(event: Object) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host else component


def message(event: Object) -> str:
    return (event.get("message") or "").strip()


def config_data(obj: Object) -> int:
    return len(obj.get("data") or ()) + len(obj.get("binaryData") or ())


def volume_status(obj: Object) -> str:
    return "Terminating" if at(obj, "metadata.deletionTimestamp") else at(obj, "status.phase") or ""


def modes(path: str) -> Cell:
    """`RWO,RWX`"""
    return lambda obj: _short_modes(at(obj, path) or ())


def _short_modes(found: Any) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in found)


def claim_modes(claim: Object) -> str:
    return _short_modes(at(claim, "status.accessModes") or ()) if at(claim, "spec.volumeName") else ""


def claim_capacity(claim: Object) -> str:
    return at(claim, "status.capacity.storage") or "" if at(claim, "spec.volumeName") else ""


def claimed(volume: Object) -> str:
    found = at(volume, "spec.claimRef")
    return f"{found.get('namespace', '')}/{found.get('name', '')}" if found else ""


def class_name(obj: Object) -> str:
    found = at(obj, "metadata.annotations") or {}
    marked = any(found.get(key) == "true" for key in _DEFAULT_CLASS)
    return str(obj["metadata"]["name"]) + (" (default)" if marked else "")


def expandable(obj: Object) -> bool:
    return bool(obj.get("allowVolumeExpansion"))


def global_default(obj: Object) -> bool:
    return bool(obj.get("globalDefault"))


def quota(limits: bool) -> Cell:
    """`pods: 3/10, requests.cpu: 1/4`: used and hard, requests and limits apart."""

    def cell(obj: Object) -> str:
        hard, used = at(obj, "status.hard") or {}, at(obj, "status.used") or {}
        wanted = sorted(name for name in hard if name.startswith("limits") == limits)
        return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in wanted)

    return cell


def role(binding: Object) -> str:
    found = binding.get("roleRef") or {}
    return f"{found.get('kind', '')}/{found.get('name', '')}"


def subjects(kind: str) -> Cell:
    """The names of a binding's subjects of one kind."""

    def cell(binding: Object) -> str:
        found = [item for item in binding.get("subjects") or () if item.get("kind") == kind]
        return ", ".join(
            f"{item['namespace']}/{item['name']}" if "namespace" in item else item["name"] for item in found
        )

    return cell
