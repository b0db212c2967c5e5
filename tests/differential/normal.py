"""Takes out of answers what two clusters can't have in common: identities, times, versions, addresses, random names.

Everything else must be equal. Each rule here is listed in docs/adr/0003-a-real-control-plane.md.
"""

from __future__ import annotations

import re
from typing import Any

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_TEXT = tuple((re.compile(pattern), word) for pattern, word in (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uid>"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>"),
    (r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "<time>"),
    (r"(?<=ResourceVersion in record \()\d+", "<rv>"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} UTC", "<time>"),
    (rf"(?<=pod-template-hash=)[{_ALPHABET}]{{6,10}}\b", "<hash>"),
    (r'(?<=resourceVersion: )"\d+"', "<rv>"),
    (r"\bv1\.\d\d\.\d+\b", "<version>"),
    (r"\b(?:10|127)\.\d+\.\d+\.\d+\b", "<ip>"),
    (r"\bcontainerd://[0-9a-f]{64}\b", "<container>"),
    (rf"\bkube-api-access-[{_ALPHABET}]{{5}}\b", "kube-api-access-<id>"),
    (rf"-[{_ALPHABET}]{{6,10}}-[{_ALPHABET}]{{5}}\b", "-<hash>-<id>"),
    (rf"(?<=[a-z0-9])-[{_ALPHABET}]{{8,10}}(?=-$|\b(?!-))", "-<hash>"),
    (rf"(?<=[a-z0-9])-[{_ALPHABET}]{{5}}\b(?!-)", "-<id>"),
    (r"(?<=[a-z0-9])\.[0-9a-f]{16}\b", ".<id>"),
))  # fmt: skip
_AGE = re.compile(r"(?:^|(?<=\s))(?:\d+[smhd]){1,2}(?=\s|$)")
_FIELDS = {
    "uid": "<uid>", "resourceVersion": "<rv>", "containerID": "<container>", "imageID": "<image>",
    "podIP": "<ip>", "hostIP": "<ip>", "clusterIP": "<ip>", "gitCommit": "<version>", "continue": "<token>",
    "kubeletVersion": "<version>", "pod-template-hash": "<hash>", "controller-revision-hash": "<hash>",
    "controller.kubernetes.io/hash": "<hash>",
}  # fmt: skip
"""Members whose value is replaced where it is a text that is not empty ("None" is a cluster IP of its own)."""


def normal(value: Any, namespace: str, *, nodes: bool = False) -> Any:
    """A copy without what must differ; `nodes` keeps the nodes' names (which of those that will do is free)."""
    if isinstance(value, dict):
        return {text(key, namespace, nodes=nodes): _member(key, item, namespace, nodes) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item, namespace, nodes=nodes) for item in value]
    return text(value, namespace, nodes=nodes) if isinstance(value, str) else value


def _owner(entry: Any) -> list[str]:
    return [str(entry.get(key, "")) for key in ("operation", "manager", "apiVersion", "subresource")]


def _of_managers(causes: Any) -> bool:
    """Conflicts of a server-side apply: a real API server tells those of several managers in any order."""
    return all(cause.get("reason") == "FieldManagerConflict" for cause in causes)


def _member(key: str, value: Any, namespace: str, nodes: bool) -> Any:
    if key in _FIELDS and isinstance(value, str) and value not in ("", "None"):
        return _FIELDS[key]
    if key == "causes" and isinstance(value, list) and _of_managers(value):
        value = sorted(value, key=str)
    if key == "managedFields" and isinstance(value, list):
        value = sorted(value, key=_owner)
    return normal(value, namespace, nodes=nodes)


def text(said: str, namespace: str, *, nodes: bool = False) -> str:
    """The same for a text."""
    said = said.replace(namespace, "{ns}")
    for pattern, word in _TEXT:
        said = pattern.sub(word, said)
    return said if nodes else re.sub(r"\b(?:node-\d|gpu-1)\b", "node-<n>", said)


def table(said: str, namespace: str, *, nodes: bool = False) -> list[str]:
    """A command's output: its lines, columns two spaces apart, ages replaced."""
    lines = text(said, namespace, nodes=nodes).splitlines()
    return [re.sub(r" {2,}|\t+", "  ", _AGE.sub("<age>", line)).rstrip() for line in lines]
