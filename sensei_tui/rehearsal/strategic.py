"""Strategic merge patches: maps merged, lists merged by their key where the API has one, directives obeyed.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal import structure, wording
from sensei_tui.rehearsal.errors import ApiError, bad_request
from sensei_tui.rehearsal.objects import Object, clone, without_nulls
from sensei_tui.rehearsal.structure import Place

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def strategic_merge(kind_name: str, obj: Object, patch: Object) -> Object:
    """`obj` after the patch. Raises ApiError 400 and 500 (a list item without its merge key)."""
    return _map(structure.root(kind_name), obj, patch)


def _map(place: Place, original: Object, patch: Object) -> Object:
    directive = patch.get(_DIRECTIVE)
    if directive == "delete":
        return {}
    if directive == "replace":
        return {key: without_nulls(value) for key, value in patch.items() if key != _DIRECTIVE}
    if directive not in (None, "merge"):
        raise ApiError(500, "", f"unknown patch type: {directive} in map: {wording.printed(patch)}")
    merged = _retained(original, patch)
    for key, value in patch.items():
        if key.startswith(_DELETE):
            _delete_from(merged, key.removeprefix(_DELETE), value)
        elif key.startswith(_ORDER):
            name = key.removeprefix(_ORDER)
            if name not in patch and isinstance(merged.get(name), list):
                merged[name] = _ordered(place.member(name), merged[name], merged[name], value)
        elif key not in (_DIRECTIVE, _RETAIN):
            _put(place.member(key), merged, key, value, patch.get(f"{_ORDER}{key}"))
    return merged


def _put(place: Place, merged: Object, key: str, value: Any, order: Any) -> None:
    """Set, merge or (for null) remove one member."""
    live = merged.get(key)
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict) and not place.is_replaced:
        merged[key] = _map(place, live if isinstance(live, dict) else {}, value)
    elif isinstance(value, list):
        merged[key] = _list(place, live if isinstance(live, list) else [], value, order)
    else:
        merged[key] = clone(value)


def _retained(original: Object, patch: Object) -> Object:
    keys = patch.get(_RETAIN)
    if keys is None:
        return dict(original)
    named = [key for key in patch if not key.startswith("$")]
    if not isinstance(keys, list) or not set(named) <= set(keys):
        raise bad_request("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in keys}


def _delete_from(merged: Object, name: str, values: Any) -> None:
    if not isinstance(values, list) or not isinstance(merged.get(name, []), list):
        raise bad_request("invalid patch format of primitive list")
    if name in merged:
        merged[name] = [item for item in merged[name] if item not in values]


def _list(place: Place, live: list[Any], patch: list[Any], order: Any) -> list[Any]:
    if place.is_patch_set:
        merged = [*live, *(item for item in dict.fromkeys(patch) if item not in live)]
    elif place.patch_key:
        merged = _items(place, live, patch)
    else:
        return [without_nulls(item) for item in patch]
    if isinstance(order, list):
        _check_order(place, patch, order)
    return _ordered(place, live, merged, patch if order is None else order)


def _check_order(place: Place, patch: list[Any], order: list[Any]) -> None:
    """What is changed must be in the order that is set."""
    wanted = [_identity(place, item) for item in order]
    changed = [item for item in patch if not (isinstance(item, dict) and _DIRECTIVE in item)]
    places = [wanted.index(name) if (name := _identity(place, item)) in wanted else -1 for item in changed]
    if -1 in places or places != sorted(places):
        one, two = wording.printed(changed), wording.printed(order)
        said = f"The order in patch list:\n{one}\n doesn't match $setElementOrder list:\n{two}\n"
        raise ApiError(500, "", said)


def _items(place: Place, live: list[Any], patch: list[Any]) -> list[Any]:
    """Items found by their key are merged, deleted or replaced; others are appended."""
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [without_nulls(item) for item in patch if item.get(_DIRECTIVE) != "replace"]
    merged = list(live)
    for item in patch:
        found = [at for at, one in enumerate(merged) if one.get(place.patch_key) == _key(place, item)]
        if item.get(_DIRECTIVE) == "delete":
            merged = [one for at, one in enumerate(merged) if at not in found]
        elif found:
            merged[found[0]] = _map(place.item, merged[found[0]], item)
        else:
            merged.append(_map(place.item, {}, item))
    return merged


def _key(place: Place, item: Any) -> Any:
    if not isinstance(item, dict):
        raise bad_request("invalid patch: an item of a list of maps is not a map")
    if place.patch_key not in item:
        raise ApiError(500, "", f"map: {wording.printed(item)} does not contain declared merge key: {place.patch_key}")
    return item[place.patch_key]


def _ordered(place: Place, live: list[Any], merged: list[Any], order: Any) -> list[Any]:
    """By $setElementOrder; items that only the server has stay before those that followed them there."""
    if not isinstance(order, list):
        raise bad_request("invalid patch format of setElementOrder list")
    wanted = [_identity(place, item) for item in order]
    served = [_identity(place, item) for item in live]
    items = {_identity(place, item): item for item in merged}
    chosen = [name for name in wanted if name in items]
    others = [name for name in items if name not in wanted]
    result: list[Any] = []
    for name in chosen:
        while others and name in served and others[0] in served and served.index(others[0]) < served.index(name):
            result.append(items[others.pop(0)])
        result.append(items[name])
    return result + [items[name] for name in others]


def _identity(place: Place, item: Any) -> Any:
    return item.get(place.patch_key) if isinstance(item, dict) else item
