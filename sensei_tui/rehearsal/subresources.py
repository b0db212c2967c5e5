"""Subresources that are neither a status nor a stream: scale, eviction, binding, token, finalize."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sensei_tui.base import clock
from sensei_tui.rehearsal import decoding, kinds, patches, requests, resources, wording
from sensei_tui.rehearsal.auth import Authority
from sensei_tui.rehearsal.errors import ApiError, bad_request, cause, conflict, invalid, method_not_allowed
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone, timestamp
from sensei_tui.rehearsal.resources import Answer, Call, Resources
from sensei_tui.rehearsal.selectors import label_matcher, selector_text
from sensei_tui.rehearsal.store import Store

_POD = kinds.named("Pod")
_AUDIENCE = "https://kubernetes.default.svc.cluster.local"
_SCALE = Kind("autoscaling", "v1", "Scale", "scales", namespaced=True)


def scale(store: Store, call: Call, verb: str) -> Answer:
    """GET, PUT or PATCH of a Scale. Raises ApiError 400, 404, 409, 422."""
    place = call.place
    live = store.get(place.kind, place.namespace, place.name)
    shown = _scale_of(live)
    if verb == "get":
        return Answer(shown)
    wanted = _wanted(call, verb, shown)
    found = wanted.get("metadata") or {}
    if (name := found.get("name")) != place.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({place.name})")
    count = (wanted.get("spec") or {}).get("replicas", 0)
    if count < 0:
        raise invalid(_SCALE, place.name, [wording.invalid("spec.replicas", count, wording.NOT_NEGATIVE)])
    new = clone(live)
    new["spec"]["replicas"] = count
    new["metadata"]["resourceVersion"] = (wanted.get("metadata") or {}).get("resourceVersion")
    new = patches.track_update(place.kind.kind, live, new, call.manager, "Update", "scale")
    return Answer(_scale_of(store.update(place.kind, new, dry_run=call.dry_run)))


def _wanted(call: Call, verb: str, shown: Object) -> Object:
    """The Scale that is asked for."""
    if verb == "patch":
        patch = requests.load(call.body, yaml_too=True)
        wanted = resources.patched(call.place.kind, decoding.media_type(call.content_type), shown, patch)
    else:
        wanted = requests.decode(call.body, call.content_type)
    count = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(count, int) or isinstance(count, bool):
        found = "string" if isinstance(count, str) else "object"
        why = f"json: cannot unmarshal {found} into Go struct field ScaleSpec.spec.replicas of type int32"
        told = wording.invalid("patch", wording.shown(wanted), why)
        raise ApiError(422, "Invalid", f' "" is invalid: patch: {told["message"]}', {"causes": [told]})
    return wanted


def _scale_of(obj: Object) -> Object:
    found, spec = obj["metadata"], obj.get("spec", {})
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = selector_text(spec.get("selector") or {})
    return {
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {key: found[key] for key in kept if key in found},
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": {"replicas": obj.get("status", {}).get("replicas", 0), "selector": selector},
    }  # fmt: skip


def evict(store: Store, call: Call) -> Answer:
    """Delete a pod unless a disruption budget forbids it now (429)."""
    place = call.place
    eviction = requests.decode(call.body, call.content_type)
    pod = store.peek(_POD, place.namespace, place.name)
    for budget in store.select(kinds.named("PodDisruptionBudget"), place.namespace):
        selector = selector_text(budget.get("spec", {}).get("selector") or {})
        if label_matcher(selector)(pod) and not budget.get("status", {}).get("disruptionsAllowed"):
            details = {"causes": [cause("DisruptionBudget", _why_not(budget))]}
            raise ApiError(
                429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", details
            )
    options = eviction.get("deleteOptions") or {}
    stop = call.dry_run or bool(options.get("dryRun"))
    store.delete(_POD, place.namespace, place.name, grace=options.get("gracePeriodSeconds"), dry_run=stop)
    return Answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def _why_not(budget: Object) -> str:
    status, name = budget.get("status", {}), budget["metadata"]["name"]
    wanted, have = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
    if have <= wanted:
        return f"The disruption budget {name} needs {wanted} healthy pods and has {have} currently"
    return f"The disruption budget {name} does not allow evicting pods currently"


def bind(store: Store, call: Call) -> Answer:
    """Assign a pod to a node. Raises ApiError 400, 404, 409 (assigned already)."""
    binding = requests.decode(call.body, call.content_type)
    name = call.place.name or (binding.get("metadata") or {}).get("name", "")
    node = (binding.get("target") or {}).get("name", "")
    if not node:
        raise bad_request("target.name: Required value")
    pod = store.get(_POD, call.place.namespace, name)
    if pod["spec"].get("nodeName"):
        raise conflict(_POD, name, f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"')
    pod["spec"]["nodeName"] = node
    store.update(_POD, pod, subresource="binding", dry_run=call.dry_run)
    return Answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)


def token(store: Store, authority: Authority, call: Call) -> Answer:
    """A token for a ServiceAccount."""
    place = call.place
    store.peek(place.kind, place.namespace, place.name)
    asked = requests.decode(call.body, call.content_type)
    seconds = (asked.get("spec") or {}).get("expirationSeconds") or 3600
    status = {
        "token": authority.issue(place.namespace, place.name),
        "expirationTimestamp": timestamp(clock.now() + timedelta(seconds=seconds)),
    }
    spec = {"audiences": [_AUDIENCE], "boundObjectRef": None, **(asked.get("spec") or {}), "expirationSeconds": seconds}
    asked["spec"] = spec
    return Answer({**asked, "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "status": status}, 201)


def finalize(store: Store, call: Call) -> Answer:
    """Replace the finalizers of a Namespace."""
    obj = requests.decode(call.body, call.content_type)
    return Answer(store.update(call.place.kind, obj, subresource="finalize", dry_run=call.dry_run))


def dispatch(things: Resources, authority: Authority, call: Call, verb: str) -> Answer:
    """The answer of a subresource. Raises ApiError 405 for a verb that it has not."""
    store, name = things.store, call.place.subresource
    created: dict[str, Callable[[], Answer]] = {
        "binding": lambda: bind(store, call),
        "eviction": lambda: evict(store, call),
        "token": lambda: token(store, authority, call),
    }
    if verb == "create" and name in created:
        return created[name]()
    if verb == "update" and name == "finalize":
        return finalize(store, call)
    if name == "scale" and verb in ("get", "update", "patch"):
        return scale(store, call, verb)
    if name in ("status", "resize") and verb in ("get", "update", "patch"):
        return {"get": things.get, "update": things.update, "patch": things.patch}[verb](call)

    raise method_not_allowed()
