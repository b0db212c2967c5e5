"""Secrets that the operator names and the rendered charts read: which, which keys of them, and what is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import NotFound
from sensei_tui.helm.images import pod_of
from sensei_tui.preflight.facts import SecretNeed
from sensei_tui.site.tree import leaves
from sensei_tui.site.values import Values

PULL_KEY = ".dockerconfigjson"
"""https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets"""
_ISSUER = "cert-manager.io/"
"""Annotations with which a certificate's Secret is made later."""


def secret_needs(objects: Iterable[Mapping[str, Any]], made: Iterable[str], values: Values) -> Iterator[SecretNeed]:
    """By name. Those that the site or the charts themselves make (`made`) are not among them."""
    objects = list(objects)
    known = {*made, *(item["metadata"]["name"] for item in objects if item["kind"] == "Secret")}
    found: dict[str, dict[str, None]] = {}
    for item in objects:
        for name, key in (*_of_pod(pod_of(item)), *_of_ingress(item)):
            if name not in known:
                found.setdefault(name, {})[key] = None
    for name, keys in sorted(found.items()):
        yield SecretNeed(name=name, keys=tuple(sorted(filter(None, keys))), named=_named(values, name))


def _of_pod(pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in pod.get("imagePullSecrets") or ():
        yield item["name"], PULL_KEY
    for volume in pod.get("volumes") or ():
        source = volume.get("secret") or {}
        if source and not source.get("optional"):
            yield from ((source["secretName"], item["key"]) for item in source.get("items") or ({"key": ""},))
    for box in (*pod.get("initContainers", ()), *pod.get("containers", ())):
        for variable in box.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
            if reference and not reference.get("optional"):
                yield reference["name"], reference["key"]


def _of_ingress(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    notes = item["metadata"].get("annotations") or {}
    if item["kind"] != "Ingress" or any(note.startswith(_ISSUER) for note in notes):
        return
    for part in item["spec"].get("tls") or ():
        if part.get("secretName"):
            yield from ((part["secretName"], key) for key in ("tls.crt", "tls.key"))


def _named(values: Values, name: str) -> str:
    """`postgresql.external.existingSecret (values.yaml:12)`; empty where the values do not name it."""
    for path, value in leaves(values.tree):
        if name in (value if isinstance(value, list) else (value,)):
            origin = values.origin(path.split("."))
            return f"{path} ({origin.file.name}:{origin.line})" if origin else path
    return ""


def keys_there(cluster: Cluster, needs: Iterable[SecretNeed]) -> dict[str, tuple[str, ...]]:
    """The keys of those Secrets that exist; never a value. Raises ClusterError."""
    found: dict[str, tuple[str, ...]] = {}
    for need in needs:
        try:
            found[need.name] = tuple(sorted(cluster.object("Secret", need.name).get("data") or ()))
        except NotFound:
            continue
    return found


def command(namespace: str, need: SecretNeed) -> str:
    """How it is made."""
    start = f"kubectl -n {namespace} create secret"
    if need.keys == (PULL_KEY,):
        return f"{start} docker-registry {need.name} --docker-server=... --docker-username=... --docker-password=..."
    if need.keys == ("tls.crt", "tls.key"):
        return f"{start} tls {need.name} --cert=FILE --key=FILE"
    return f"{start} generic {need.name} {' '.join(f'--from-file={key}=FILE' for key in need.keys)}"
