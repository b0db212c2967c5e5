"""Validation of ConfigMaps, Secrets, claims and roles."""

from __future__ import annotations

import base64

from sensei_tui.base import quantity
from sensei_tui.rehearsal import wording as say
from sensei_tui.rehearsal.errors import cause
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.wording import Causes

_MOST_BYTES = 1 << 20
_MODES = "ReadOnlyMany ReadWriteMany ReadWriteOnce ReadWriteOncePod"
_NEEDED = {"kubernetes.io/tls": ("tls.crt", "tls.key"), "kubernetes.io/dockerconfigjson": (".dockerconfigjson",)}


def config_map(obj: Object) -> Causes:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in data:
        yield from say.every(say.config_key(key), key, f"data[{key}]")
        if key in binary:
            yield say.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in binary:
        yield from say.every(say.config_key(key), key, f"binaryData[{key}]")
    size = sum(len(text.encode()) for text in data.values()) + sum(
        len(base64.b64decode(one)) for one in binary.values()
    )
    if size > _MOST_BYTES:
        yield cause("FieldValueTooLong", f"Too long: may not be more than {_MOST_BYTES} bytes", "[]")


def secret(obj: Object) -> Causes:
    data = obj.get("data") or {}
    for key in data:
        yield from say.every(say.config_key(key), key, f"data[{key}]")
    if sum(len(base64.b64decode(one)) for one in data.values()) > _MOST_BYTES:
        yield cause("FieldValueTooLong", f"Too long: may not be more than {_MOST_BYTES} bytes", "data")
    for key in _NEEDED.get(obj.get("type", ""), ()):
        if key not in data:
            yield say.required(f"data[{key}]")


def claim(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield say.required("spec.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes") or ():
        yield from say.one_of(mode, _MODES, "spec.accessModes")
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        yield say.required("spec.resources[storage]")
    elif quantity.parse(storage) <= 0:
        yield say.invalid("spec.resources[storage]", storage, "must be greater than zero")
    if name := spec.get("storageClassName"):
        yield from say.every(say.subdomain(name), name, "spec.storageClassName")
    yield from say.one_of(spec.get("volumeMode"), "Block Filesystem", "spec.volumeMode")


def role(obj: Object) -> Causes:
    for index, rule in enumerate(obj.get("rules") or ()):
        where = f"rules[{index}]"
        if rule.get("nonResourceURLs"):
            continue
        if not rule.get("apiGroups"):
            yield say.required(f"{where}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield say.required(f"{where}.resources", "resource rules must supply at least one resource")
        if not rule.get("verbs"):
            yield say.required(f"{where}.verbs")


def binding(obj: Object) -> Causes:
    yield from say.one_of(obj["roleRef"].get("kind"), "Role ClusterRole", "roleRef.kind")
