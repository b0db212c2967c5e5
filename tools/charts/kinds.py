"""What a setting can be. Each function gives the sub-schema (draft-07) of one setting, or of settings that recur."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]
When = dict[str, Any]

NAME = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
"""Of a Kubernetes object (RFC 1123, which the API server holds names to)."""
HOST = "^$|^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$"
URL = r"^$|^https?://[^/\s]+(/.*)?$"
QUANTITY = r"^([0-9]+(\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
REGISTRY = r"^$|^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]+)?(/[a-z0-9._-]+)*$"
REPOSITORY = "^[a-z0-9]+([._/-][a-z0-9]+)*$"
BUCKET = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"


def group(title: str, description: str, /, *, shown_in: str = "", when: When | None = None, **members: Node) -> Node:
    """Settings that belong together. `when` is put on every setting in it that has none of its own."""
    node: Node = {"type": "object", "title": title, "description": description, "additionalProperties": False}
    node["properties"] = {key.rstrip("_"): item for key, item in members.items()}
    if when:
        _condition(node, when)
    return _placed(node, shown_in)


def _condition(node: Node, when: When) -> None:
    for item in node["properties"].values():
        if "properties" in item:
            _condition(item, when)
        else:
            item["x-when"] = {**when, **item.get("x-when", {})}


def _placed(node: Node, shown_in: str) -> Node:
    return {**node, "x-group": shown_in} if shown_in else node


def _leaf(kind: Any, title: str, description: str, when: When | None, rest: Node) -> Node:
    named = {"unit": "x-unit", "secret": "x-secret"}
    node: Node = {"type": kind, "title": title, "description": description}
    node.update({named.get(key, key): value for key, value in rest.items()})
    return {**node, "x-when": when} if when else node


def text(title: str, description: str, default: str = "", *, when: When | None = None, **rest: Any) -> Node:
    """Words. `rest`: pattern, minLength, examples, unit, secret."""
    return _leaf("string", title, description, when, {"default": default, **rest})


def named(title: str, description: str, default: str = "", *, when: When | None = None) -> Node:
    """The name of a Kubernetes object; empty where that is allowed."""
    return text(title, description, default, when=when, pattern=NAME if default else f"^$|{NAME}")


def choice(title: str, description: str, default: str, *others: str, when: When | None = None) -> Node:
    """One of some words; `others` in the order of the list, the default among them at its place or first."""
    words = others if default in others else (default, *others)
    return _leaf("string", title, description, when, {"default": default, "enum": list(words)})


def number(
    title: str, description: str, default: int, low: int, high: int, *, when: When | None = None, unit: str = ""
) -> Node:
    """A whole number between two bounds."""
    rest: Node = {"default": default, "minimum": low, "maximum": high}
    return _leaf("integer", title, description, when, {**rest, "unit": unit} if unit else rest)


def one_of(title: str, description: str, default: int, *numbers: int, when: When | None = None) -> Node:
    """One of some numbers."""
    return _leaf("integer", title, description, when, {"default": default, "enum": list(numbers)})


def switch(title: str, description: str, default: bool = False, *, when: When | None = None) -> Node:
    """On or off."""
    return _leaf("boolean", title, description, when, {"default": default})


def several(title: str, description: str, items: Node, *, when: When | None = None) -> Node:
    """A list, empty unless the operator fills it."""
    return _leaf("array", title, description, when, {"default": [], "items": items})


def pairs(title: str, description: str, *, when: When | None = None) -> Node:
    """Names and words of the operator's choice, as of labels: `name=value` each, as kubectl takes them."""
    return several(title, description, {"type": "string", "pattern": "^[^=]+=.*$"}, when=when)


def quantity(title: str, description: str, default: str, *, when: When | None = None) -> Node:
    """Bytes, as Kubernetes writes them."""
    return text(title, description, default, when=when, pattern=QUANTITY, unit="bytes")


def replicas(description: str, default: int | None, high: int = 50, *, when: When | None = None) -> Node:
    """Pods; None: somebody else's number is taken."""
    if default is not None:
        return number("Replicas", description, default, 1, high, when=when)
    node = _leaf(["integer", "null"], "Replicas", description, when, {"minimum": 1, "maximum": high})
    return _placed(node, "Advanced")


def image(registry: str, repository: str, tag: str = "", *, pattern: str = "") -> Node:
    """An image; `pattern` holds the tag to some versions."""
    allowed = pattern or "^$|^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
    return group(
        "Image", "Where the image comes from. global.imageRegistry replaces the registry; a digest beats the tag.",
        shown_in="Advanced",
        **_source("the image", registry, repository),
        tag=text("Tag", "Version of the image; empty means the chart's appVersion. 'latest' is refused.", tag,
                 pattern=allowed) | {"not": {"const": "latest"}},
        digest=_digest("the image"),
    )  # fmt: skip


def artifact(description: str, repository: str, empty: str, *, when: When) -> Node:
    """An OCI artifact; `empty` says which repository an empty one means."""
    source = _source("the artifact", "registry.sensei.ai", repository)
    if empty:
        source["repository"] |= {"description": f"Path of the artifact in the registry. Empty: {empty}.",
                                 "pattern": f"^$|{REPOSITORY}"}  # fmt: skip
    tag = text("Tag", "Version of the artifact; empty means the chart's appVersion. 'latest' is refused.",
               pattern="^$|^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$") | {"not": {"const": "latest"}}  # fmt: skip
    return group("Artifact", description, shown_in="Advanced", when=when, **source, tag=tag,
                 digest=_digest("the artifact"))  # fmt: skip


def _source(what: str, registry: str, repository: str) -> Node:
    return {
        "registry": text("Registry", f"Host of {what}, when global.imageRegistry is empty.", registry,
                         pattern=REGISTRY),
        "repository": text("Repository", f"Path of {what} in the registry.", repository, pattern=REPOSITORY),
    }  # fmt: skip


def _digest(what: str) -> Node:
    return text("Digest", f"sha256 digest of {what}; beats the tag.", pattern="^$|^sha256:[a-f0-9]{64}$")


def resources(cpu: str, memory: str) -> Node:
    """What one pod asks for."""
    cores = _leaf(["string", "integer"], "CPU", "Cores requested for each pod.", None,
                  {"default": cpu, "pattern": QUANTITY, "unit": "cores"})  # fmt: skip
    return group(
        "Resources",
        "CPU and memory requested for each pod. The memory limit equals the request; there is no CPU limit.",
        shown_in="Advanced", cpu=cores,
        memory=quantity("Memory", "Memory requested for, and allowed to, each pod.", memory),
    )  # fmt: skip


def volume(size: str) -> Node:
    """A persistent volume."""
    told = "Size of each volume. It cannot be changed after the installation without moving the data."
    return group("Volume", "The persistent volume of each pod.", size=quantity("Size", told, size))
