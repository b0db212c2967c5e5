"""LimitRanges: defaults of new containers, and the refusal of what is too small or too large."""

from __future__ import annotations

from collections.abc import Iterator

from sensei_tui.base import quantity
from sensei_tui.rehearsal import errors, kinds
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, metadata
from sensei_tui.rehearsal.store import Store

_RANGE = kinds.named("LimitRange")
_POD, _CLAIM = kinds.named("Pod"), kinds.named("PersistentVolumeClaim")
_ANNOTATION = "kubernetes.io/limit-ranger"


def _items(store: Store, obj: Object) -> list[Object]:
    return [item for one in store.select(_RANGE, metadata(obj).get("namespace", "")) for item in one["spec"]["limits"]]


def complete(store: Store, kind: Kind, obj: Object) -> None:
    """Give a new pod's containers what a LimitRange says."""
    if kind is _POD:
        _complete(obj, [item for item in _items(store, obj) if item["type"] == "Container"])


def check(store: Store, kind: Kind, obj: Object) -> None:
    """Raises ApiError 403."""
    if kind not in (_POD, _CLAIM):
        return
    wrong = [text for item in _items(store, obj) for text in _wrong(kind, obj, item)]
    if wrong:
        why = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
        raise errors.forbidden(kind, metadata(obj).get("name", ""), why)


def _complete(pod: Object, items: list[Object]) -> None:
    said: list[str] = []
    for word, part in (("container", "containers"), ("init container", "initContainers")):
        for container in (pod.get("spec") or {}).get(part) or ():
            for item in items:
                said += _filled(container, item, word)
    if said:
        found = metadata(pod)
        text = f"LimitRanger plugin set: {'; '.join(said)}"
        found["annotations"] = {**(found.get("annotations") or {}), _ANNOTATION: text}


def _filled(container: Object, item: Object, word: str) -> Iterator[str]:
    resources = container.setdefault("resources", {})
    for part, key, name in (("requests", "defaultRequest", "request"), ("limits", "default", "limit")):
        new = {one: size for one, size in (item.get(key) or {}).items() if one not in (resources.get(part) or {})}
        if new:
            resources[part] = {**(resources.get(part) or {}), **new}
            yield f"{', '.join(sorted(new))} {name} for {word} {container['name']}"


def _wrong(kind: Kind, obj: Object, item: Object) -> Iterator[str]:
    if kind is _CLAIM and item["type"] == "PersistentVolumeClaim":
        asked = (obj["spec"].get("resources") or {}).get("requests") or {}
        yield from _bounds(item, {"requests": asked}, claim=True)
    if kind is _POD and item["type"] == "Container":
        for container in [*obj["spec"]["containers"], *(obj["spec"].get("initContainers") or ())]:
            yield from _bounds(item, container.get("resources") or {})


def _bounds(item: Object, resources: Object, *, claim: bool = False) -> Iterator[str]:
    asked, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, least in (item.get("min") or {}).items():
        head, found = f"minimum {name} usage per {item['type']} is {least}", [("request", asked), ("limit", limits)]
        yield from _first(head, found, name, "request", lambda size, least=least: _less(size, least))
    for name, most in (item.get("max") or {}).items():
        head, found = f"maximum {name} usage per {item['type']} is {most}", [("limit", limits), ("request", asked)]
        must = "request" if claim else "limit"
        yield from _first(head, found, name, must, lambda size, most=most: _less(most, size))


def _less(first: str, second: str) -> bool:
    return quantity.parse(first) < quantity.parse(second)


def _first(head: str, found: list[tuple[str, Object]], name: str, must: str, bad: object) -> Iterator[str]:
    """The first complaint about a resource: one that must be named is not, or is out of bounds."""
    assert callable(bad)
    if name not in dict(found)[must]:
        yield f"{head}.  No {must} is specified"
        return
    wrong = [(word, sizes[name]) for word, sizes in found if name in sizes and bad(sizes[name])]
    if wrong:
        yield f"{head}, but {wrong[0][0]} is {wrong[0][1]}"
