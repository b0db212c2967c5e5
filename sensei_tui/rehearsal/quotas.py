"""ResourceQuotas: what objects use of them, and the refusal of what goes beyond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from sensei_tui.base import quantity
from sensei_tui.rehearsal import errors, kinds
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, metadata
from sensei_tui.rehearsal.record import requested
from sensei_tui.rehearsal.store import Store

Usage = dict[str, Decimal]
QUOTA = kinds.named("ResourceQuota")
_POD, _CLAIM, _SERVICE = kinds.named("Pod"), kinds.named("PersistentVolumeClaim"), kinds.named("Service")
_COUNTED = ("configmaps", "secrets", "replicationcontrollers", "resourcequotas", "services", "persistentvolumeclaims")
"""Kinds that a quota may name by their plain plural."""
_MUST = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""What every container has to say where a quota limits it."""
_OF_CLASS = ".storageclass.storage.k8s.io/"


def usage(kind: Kind, obj: Object) -> Usage:
    """What an object uses of a quota."""
    found = {f"count/{kind.plural}{'.' + kind.group if kind.group else ''}": Decimal(1)}
    if kind.plural in _COUNTED and not kind.group:
        found[kind.plural] = Decimal(1)
    extra = {_POD: _of_pod, _CLAIM: _of_claim, _SERVICE: _of_service}.get(kind)
    return {**found, **(extra(obj) if extra else {})}


def _of_pod(pod: Object) -> Usage:
    spec = pod["spec"]
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return {}
    found = {"pods": Decimal(1)}
    for name in _names(spec, "requests"):
        amount = requested(spec, name)
        found[f"requests.{name}"] = amount
        if name in ("cpu", "memory", "ephemeral-storage"):
            found[name] = amount
    limits = {"containers": [_swapped(one) for one in spec.get("containers") or ()],
              "initContainers": [_swapped(one) for one in spec.get("initContainers") or ()]}  # fmt: skip
    return found | {f"limits.{name}": requested(limits, name) for name in _names(spec, "limits")}


def _swapped(container: Object) -> Object:
    """With its limits as its requests."""
    limits = (container.get("resources") or {}).get("limits") or {}
    return {**container, "resources": {"requests": limits}}


def _names(spec: Object, part: str) -> set[str]:
    return {name for one in _containers(spec) for name in (one.get("resources") or {}).get(part) or ()}


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]


def _of_claim(claim: Object) -> Usage:
    spec = claim["spec"]
    size = quantity.parse(((spec.get("resources") or {}).get("requests") or {}).get("storage", "0"))
    found = {"requests.storage": size}
    if name := spec.get("storageClassName"):
        found |= {f"{name}{_OF_CLASS}requests.storage": size, f"{name}{_OF_CLASS}persistentvolumeclaims": Decimal(1)}
    return found


def _of_service(service: Object) -> Usage:
    spec, ports = service["spec"], len(service["spec"].get("ports") or ())
    external = spec.get("type") == "LoadBalancer"
    return {
        "services.nodeports": Decimal(ports if external or spec.get("type") == "NodePort" else 0),
        "services.loadbalancers": Decimal(external),
    }


def used(store: Store, quota: Object) -> dict[str, str]:
    """The status' `used` of a quota, counted anew."""
    hard, total = quota["spec"].get("hard") or {}, dict[str, Decimal]()
    for kind, obj in _limited(store, quota["metadata"]["namespace"], hard):
        for name, amount in usage(kind, obj).items():
            total[name] = total.get(name, Decimal(0)) + amount
    return {name: written(total.get(name, Decimal(0)), limit) for name, limit in hard.items()}


def _limited(store: Store, namespace: str, hard: Iterable[str]) -> Iterator[tuple[Kind, Object]]:
    """Every object of the kinds that the quota's names are about."""
    for kind in kinds.KINDS:
        if kind.namespaced and not kind.create_only and any(_about(kind, name) for name in hard):
            yield from ((kind, obj) for obj in store.select(kind, namespace))


def _about(kind: Kind, name: str) -> bool:
    counted = f"count/{kind.plural}{'.' + kind.group if kind.group else ''}"
    if kind is _POD:
        return name == counted or not (name.startswith(("count/", "services")) or name in _COUNTED or "storage" in name)
    if kind is _CLAIM:
        return name == counted or name.endswith(("persistentvolumeclaims", "requests.storage"))
    plain = name == kind.plural and kind.plural in _COUNTED and not kind.group
    return name == counted or plain or (kind is _SERVICE and name.startswith("services."))


def written(amount: Decimal, like: str) -> str:
    """As the API writes a quantity, in the form (binary, decimal) of another."""
    binary = like.endswith("i") and amount == amount.to_integral_value()
    found = f"{amount / 1024}Ki" if binary and amount and amount % 1024 == 0 else format(amount, "f")
    return quantity.canonical(found)


def admit(store: Store, kind: Kind, obj: Object) -> None:
    """Raises ApiError 403 for what a quota does not allow."""
    found = metadata(obj)
    quotas = [one for one in store.select(QUOTA, found.get("namespace", "")) if (one.get("status") or {}).get("hard")]
    if not quotas or kind in (QUOTA, kinds.named("Event")):
        return
    wants = usage(kind, obj)
    for quota in quotas:
        if why := _missing(kind, obj, quota) or _exceeded(store, quota, wants):
            raise errors.forbidden(kind, found.get("name", ""), why)


def _missing(kind: Kind, obj: Object, quota: Object) -> str:
    if kind is not _POD:
        return ""
    gaps: dict[str, list[str]] = {}
    for name in sorted(set(quota["status"]["hard"]) & {*_MUST}):
        part, resource = name.split(".") if "." in name else ("requests", name)
        without = [one["name"] for one in _containers(obj["spec"])
                   if resource not in ((one.get("resources") or {}).get(part) or {})]  # fmt: skip
        gaps |= {name: sorted(without)} if without else {}
    told = "; ".join(f"{name} for: {','.join(names)}" for name, names in gaps.items())
    return f"failed quota: {quota['metadata']['name']}: must specify {told}" if told else ""


def _exceeded(store: Store, quota: Object, wants: Usage) -> str:
    hard, before = quota["status"]["hard"], used(store, quota)
    names = sorted(name for name in wants if name in hard and wants[name] and (
        quantity.parse(before.get(name, "0")) + wants[name] > quantity.parse(hard[name])))  # fmt: skip
    if not names:
        return ""

    def told(amounts: dict[str, str]) -> str:
        return ",".join(f"{name}={amounts[name]}" for name in names)

    asked = {name: written(wants[name], hard[name]) for name in names}
    return f"exceeded quota: {quota['metadata']['name']}, requested: {told(asked)}, used: " + (
        f"{told({name: before.get(name, '0') for name in names})}, limited: {told(hard)}"
    )
