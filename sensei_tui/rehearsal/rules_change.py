"""What an update may not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensei_tui.rehearsal import wording as say
from sensei_tui.rehearsal.objects import Object, clone, metadata
from sensei_tui.rehearsal.wording import Causes

_IMMUTABLE = {
    "Deployment": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "Job": ("spec.completions", "spec.selector", "spec.template.spec", "spec.completionMode"),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
}
_STATEFUL_FIXED = ("serviceName", "podManagementPolicy", "selector", "volumeClaimTemplates")
_FROZEN = "field is immutable when `immutable` is set"
_POD = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_CLAIM = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
_GROWS = "field can not be less than previous value"


def of_metadata(live: Object, obj: Object) -> Causes:
    """No finalizer comes to what is being deleted; the uid stays."""
    before, after = (set(metadata(one).get("finalizers") or ()) for one in (live, obj))
    if live["metadata"].get("deletionTimestamp") and (new := sorted(after - before)):
        shown = "[]string{" + ", ".join(f'"{one}"' for one in new) + "}"
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
        yield say.forbidden("metadata.finalizers", why)


def of_kind(kind: str, live: Object, obj: Object) -> Causes:
    for path in _IMMUTABLE.get(kind, ()):
        before, after = _at(live, path), _at(obj, path)
        if before is not None and after != before:
            yield say.invalid(path, after, say.IMMUTABLE)
    if check := _CHECKS.get(kind):
        yield from check(live, obj)


def _at(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _service(live: Object, obj: Object) -> Causes:
    before, after = live["spec"], obj["spec"]
    if (
        before.get("clusterIP")
        and after.get("type") != "ExternalName"
        and after.get("clusterIP") != before["clusterIP"]
    ):
        yield say.invalid("spec.clusterIPs[0]", [after.get("clusterIP")], "may not change once set")


def _stateful_set(live: Object, obj: Object) -> Causes:
    for member in _STATEFUL_FIXED:
        before, after = live["spec"].get(member), obj["spec"].get(member)
        if before != after:
            yield say.invalid(f"spec.{member}", after, say.IMMUTABLE)


def _data(live: Object, obj: Object) -> Causes:
    if not live.get("immutable"):
        return
    if not obj.get("immutable"):
        yield say.forbidden("immutable", _FROZEN)
    for member in ("data", "binaryData"):
        if live.get(member) != obj.get(member):
            yield say.forbidden(member, _FROZEN)


def _secret(live: Object, obj: Object) -> Causes:
    if live.get("type") != obj.get("type"):
        yield say.invalid("type", obj.get("type"), say.IMMUTABLE)
    yield from _data(live, obj)


def _pod(live: Object, obj: Object) -> Causes:
    if _fixed_pod(live["spec"]) != _fixed_pod(obj["spec"]):
        yield say.forbidden("spec", _POD)


def _fixed_pod(spec: Object) -> Object:
    """The spec without what may be changed."""
    left: Object = clone(spec)
    for container in [*(left.get("containers") or ()), *(left.get("initContainers") or ())]:
        container.pop("image", None)
    mutable = (
        "activeDeadlineSeconds",
        "tolerations",
        "terminationGracePeriodSeconds",
        "schedulingGates",
        "nodeSelector",
        "nodeName",
    )
    return {name: value for name, value in left.items() if name not in mutable}


def _claim(live: Object, obj: Object) -> Causes:
    """A claim may be bound to a volume, and grow when it is."""
    bound = (live.get("status") or {}).get("phase") == "Bound"
    if _fixed_claim(live["spec"], bound) != _fixed_claim(obj["spec"], bound):
        yield say.forbidden("spec", _CLAIM)


def _fixed_claim(spec: Object, bound: bool) -> Object:
    free = ("volumeName", "volumeAttributesClassName", *(("resources",) if bound else ()))
    return {name: value for name, value in spec.items() if name not in free}


def _binding(live: Object, obj: Object) -> Causes:
    if live["roleRef"] != obj["roleRef"]:
        inside = {
            go: obj["roleRef"].get(name) for name, go in (("apiGroup", "APIGroup"), ("kind", "Kind"), ("name", "Name"))
        }
        yield say.invalid("roleRef", inside, say.IMMUTABLE)


_CHECKS: dict[str, Callable[[Object, Object], Causes]] = {
    "ClusterRoleBinding": _binding, "ConfigMap": _data, "PersistentVolumeClaim": _claim, "Pod": _pod,
    "RoleBinding": _binding, "Secret": _secret, "Service": _service, "StatefulSet": _stateful_set,
}  # fmt: skip
