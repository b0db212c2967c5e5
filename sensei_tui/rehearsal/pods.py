"""What the API server completes in a pod: its account's token, priority, tolerations, quality of service."""

from __future__ import annotations

from sensei_tui.base import clock
from sensei_tui.rehearsal import errors, kinds
from sensei_tui.rehearsal.objects import Object, metadata, random_suffix, timestamp
from sensei_tui.rehearsal.store import Store

_ACCOUNT = kinds.named("ServiceAccount")
_POD = kinds.named("Pod")
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_GATED = {
    "type": "PodScheduled", "status": "False", "lastProbeTime": None, "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}  # fmt: skip
_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"


def admit(store: Store, obj: Object, uid: str) -> None:
    """Complete a new pod in place."""
    spec = obj.setdefault("spec", {})
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    name, namespace = metadata(obj).get("name", ""), metadata(obj).get("namespace", "")
    if account != "default" and not store.exists(_ACCOUNT, namespace, account):
        why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
        raise errors.forbidden(_POD, name, why)
    priority = _priority(store, name, spec.get("priorityClassName", ""))
    if spec.setdefault("priority", priority) != priority:
        why = f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
        raise errors.forbidden(
            _POD, name, f"{why}priority admission controller computed {priority} from the given PriorityClass name"
        )
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    present = {one.get("key") for one in spec.get("tolerations") or () if one.get("effect") in (None, "", "NoExecute")}
    spec["tolerations"] = [
        *(spec.get("tolerations") or ()),
        *(
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in _TOLERATED
            if key not in present and None not in present
        ),
    ]
    _mount_account(obj)
    obj["status"] = {"phase": "Pending", "qosClass": quality(spec)}
    if spec.get("schedulingGates"):
        obj["status"]["conditions"] = [{**_GATED, "lastTransitionTime": timestamp(clock.now())}]


def _mount_account(pod: Object) -> None:
    """The token of the service account, as a volume of every container that has none there."""
    spec = pod["spec"]
    if spec.get("automountServiceAccountToken") is False:
        return
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    without = [one for one in containers if not any(mount["mountPath"] == _ACCOUNT_PATH for mount in _mounts(one))]
    if not without:
        return
    name = f"kube-api-access-{random_suffix()}"
    for one in without:
        mount = {"name": name, "readOnly": True, "mountPath": _ACCOUNT_PATH}
        one["volumeMounts"] = [*_mounts(one), mount]
    spec["volumes"] = [*(spec.get("volumes") or ()), {"name": name, "projected": _account()}]


def _account() -> Object:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    trust = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": trust},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"sources": sources, "defaultMode": 420}


def _priority(store: Store, pod: str, name: str) -> int:
    classes = kinds.named("PriorityClass")
    if name:
        if not store.exists(classes, "", name):
            raise errors.forbidden(_POD, pod, f"no PriorityClass with name {name} was found")
        return int(store.peek(classes, "", name).get("value", 0))
    return next((int(one["value"]) for one in store.select(classes) if one.get("globalDefault")), 0)


def quality(spec: Object) -> str:
    """The QoS class of a pod: Guaranteed, Burstable or BestEffort."""
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    resources = [one.get("resources") or {} for one in containers]
    named = {name for one in resources for part in ("requests", "limits") for name in one.get(part) or ()}
    if not named & {"cpu", "memory"}:
        return "BestEffort"
    for one in resources:
        limits, requests = one.get("limits") or {}, one.get("requests") or {}
        if any(not limits.get(name) or requests.get(name, limits[name]) != limits[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def _mounts(container: Object) -> list[Object]:
    return container.get("volumeMounts") or []
