"""Secrets that the operator names and the rendered charts read: which, which keys of them, and what is there."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import NotFound
from sensei_tui.helm.images import pod_of
from sensei_tui.preflight.facts import SecretNeed
from sensei_tui.preflight.references import place
from sensei_tui.preflight.secret_contents import mistakes
from sensei_tui.site.values import Values

PULL_KEY = ".dockerconfigjson"
"""https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets"""
_ISSUER = "cert-manager.io/"
"""Annotations with which a certificate's Secret is made later."""


def secret_needs(
    objects: Iterable[Mapping[str, Any]], made: Mapping[str, bool], values: Values
) -> Iterator[SecretNeed]:
    """By name. Those that the charts make are not among them, nor those that the site makes anew with each run.

    `made` are the site's: true for one that is taken as it is where it is there already.
    """
    objects = list(objects)
    fresh = {name for name, kept in made.items() if not kept}
    fresh |= {item["metadata"]["name"] for item in objects if item["kind"] == "Secret"}
    found: dict[str, dict[str, set[str]]] = {}
    for item in objects:
        for name, key, variable in (*_of_pod(pod_of(item)), *_of_ingress(item)):
            if name not in fresh:
                found.setdefault(name, {}).setdefault(key, set()).add(variable)
    for name, keys in sorted(found.items()):
        yield SecretNeed(
            name=name, keys=tuple(sorted(filter(None, keys))), named=place(values, name), made=name in made,
            variables={key: read for key in sorted(keys) if (read := tuple(sorted(filter(None, keys[key]))))},
        )  # fmt: skip


def _of_pod(pod: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for item in pod.get("imagePullSecrets") or ():
        yield item["name"], PULL_KEY, ""
    for volume in pod.get("volumes") or ():
        source = volume.get("secret") or {}
        if source and not source.get("optional"):
            yield from ((source["secretName"], item["key"], "") for item in source.get("items") or ({"key": ""},))
    for box in (*pod.get("initContainers", ()), *pod.get("containers", ())):
        for variable in box.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef") or {}
            if reference and not reference.get("optional"):
                yield reference["name"], reference["key"], variable["name"]


def _of_ingress(item: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    notes = item["metadata"].get("annotations") or {}
    if item["kind"] != "Ingress" or any(note.startswith(_ISSUER) for note in notes):
        return
    for part in item["spec"].get("tls") or ():
        if part.get("secretName"):
            yield from ((part["secretName"], key, "") for key in ("tls.crt", "tls.key"))


def keys_there(cluster: Cluster, needs: Iterable[SecretNeed]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The keys of those Secrets that exist, with the mistakes in each; never a value. Raises ClusterError."""
    found = {}
    for need in needs:
        try:
            data = cluster.object("Secret", need.name).get("data") or {}
        except NotFound:
            continue
        found[need.name] = {
            key: mistakes(base64.b64decode(data[key] or ""), need.variables.get(key, ())) for key in sorted(data)
        }
    return found


def command(namespace: str, need: SecretNeed) -> str:
    """How it is made."""
    start = f"kubectl -n {namespace} create secret"
    if need.keys == (PULL_KEY,):
        return f"{start} docker-registry {need.name} --docker-server=... --docker-username=... --docker-password=..."
    if need.keys == ("tls.crt", "tls.key"):
        return f"{start} tls {need.name} --cert=FILE --key=FILE"
    return f"{start} generic {need.name} {' '.join(f'--from-file={key}=FILE' for key in need.keys)}"
