"""What a setting can be. Each function gives the sub-schema (draft-07) of one setting, or of settings that recur."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]
When = dict[str, Any]

_WORD, _ANY_WORD = "[a-z0-9]([-a-z0-9]*[a-z0-9])?", "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
_SUBDOMAIN = rf"{_WORD}(\.{_WORD})*"
NAME = f"^{_SUBDOMAIN}$"
"""Of a Kubernetes object (RFC 1123, which the API server holds names to)."""
NAMESPACE = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
KEY = "^[.]?[-_A-Za-z0-9][-._A-Za-z0-9]*$"
"""Of a Secret."""
_LABEL = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""
_QUALIFIED = f"({_SUBDOMAIN}/)?{_LABEL}"
LABEL = f"^{_QUALIFIED}=({_LABEL})?$"
ANNOTATION = rf"^({_ANY_WORD}(\.{_ANY_WORD})*/)?{_LABEL}=.*$"
EXTENDED = f"^{_SUBDOMAIN}/{_LABEL}$"
"""With a domain, which no resource of Kubernetes' own has."""
DOMAIN = rf"^$|^({_WORD}\.)*([0-9][-0-9]*)?[a-z]([-a-z0-9]*[a-z0-9])?$"
"""What ends in a number is an address, or taken for one."""
_NAME_OF_HOST = rf"({_ANY_WORD}\.)*([0-9][-0-9]*)?[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_IPV6 = "([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15}"
HOST = f"^$|^{_NAME_OF_HOST}$|^{_IPV4}$|^{_IPV6}$"
_HOST_IN_URL = rf"({_NAME_OF_HOST}|{_IPV4}|\[{_IPV6}\])"
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
URL = rf"^$|^https?://{_HOST_IN_URL}(:{_PORT})?(/[^\s@]*)?$"
"""No `user:password@`: an address is written where everybody may read it."""
HOST_PORT = rf"^$|^{_HOST_IN_URL}:{_PORT}$"
MAPPED = r"(^|\[)(0{0,4}:){2,6}[Ff]{4}:([0-9]+\.[0-9.]+|[0-9A-Fa-f]+:[0-9A-Fa-f]+)(\]|/|$)"
"""IPv4 written as IPv6 (RFC 4291, 2.5.5.2), which a NetworkPolicy can't have."""
NETWORK = (
    rf"^({_IPV4}/(3[0-2]|[12]?[0-9])|([0-9A-Fa-f]{{0,4}}:){{2,7}}[0-9A-Fa-f]{{0,4}}/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$"
)
SYSTEM = "^/(bin|boot|dev|etc|home|lib|lib32|lib64|opt|proc|root|run|sbin|sys|tmp|usr|var)(/|$)"
"""Directories that an image has its own files in: the snapshot's volume would hide them."""
CPU = r"^([1-9][0-9]{0,6}m|[1-9][0-9]{0,3}(\.[0-9]{1,3})?|0\.(0{0,2}[1-9][0-9]{0,2}))$"
MEMORY = r"^((1[6-9]|[2-9][0-9]|[1-9][0-9]{2,})(\.[0-9]+)?(M|Mi)|([1-9][0-9]*(\.[0-9]+)?|0\.[1-9][0-9]*)(G|Gi|T|Ti))$"
"""16Mi or more: CRI-O starts no container with less than 12 MiB (its minMemoryLimit)."""
STORAGE = r"^([1-9][0-9]{3,}(\.[0-9]+)?(M|Mi)|[1-9][0-9]*(\.[0-9]+)?(G|Gi|T|Ti))$"
"""1 GB or more: cloud disks come in whole GiB, and PostgreSQL keeps a max_wal_size of 1 GB beside its data."""
REGISTRY = rf"^$|^{_ANY_WORD}(\.{_ANY_WORD})*(:{_PORT})?(/[a-z0-9._-]+)*$"
REPOSITORY = "^[a-z0-9]+([._/-][a-z0-9]+)*$"
BUCKET = f"^({_SUBDOMAIN})$"
"""As a name, but shorter, and no address: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
_NO_BUCKET = r"^.{0,2}$|^.{64}|^[0-9]+(\.[0-9]+){3}$"


def _cron(numbers: str, *names: str) -> str:
    """One field, as the API server's parser has it (github.com/robfig/cron, its standard form)."""
    one = "|".join([numbers, *names, *(name.upper() for name in names)])
    part = rf"([*?]|({one})(-({one}))?)(/[1-9][0-9]*)?"
    return f"{part}(,{part})*"


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
CRON = "^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|{})$".format(" +".join(
    [_cron("[0-5]?[0-9]"), _cron("2[0-3]|[01]?[0-9]"), _cron("3[01]|[12][0-9]|0?[1-9]"), _cron("1[0-2]|0?[1-9]", *_MONTHS),
     _cron("[0-6]", *_DAYS)]
))  # fmt: skip
FORMATS = {URL: "sensei-url", HOST: "sensei-host", HOST_PORT: "sensei-address", CRON: "sensei-cron"}
"""What a pattern can't say is looked at by `sensei_tui.site.formats`."""
NEVER = {URL: MAPPED, HOST: MAPPED, HOST_PORT: MAPPED, EXTENDED: r"^requests\.", BUCKET: _NO_BUCKET}
"""What a pattern would let through, as a pattern."""


def group(title: str, description: str, /, *, shown_in: str = "", when: When | None = None, **members: Node) -> Node:
    """Settings that belong together. `when` is put on every setting in it that has none of its own."""
    node: Node = {"type": "object", "title": title, "description": description, "additionalProperties": False}
    node["properties"] = {key.rstrip("_"): item for key, item in members.items()}
    node["required"] = always(node["properties"])
    if when:
        _condition(node, when)
    return _placed(node, shown_in)


def always(properties: dict[str, Node]) -> list[str]:
    """What Helm must find: it merges the defaults in before it checks, so that only a `null` takes a key away."""
    return [key for key, item in properties.items() if "null" not in item["type"]]


def _condition(node: Node, when: When) -> None:
    for item in node["properties"].values():
        if "properties" in item:
            _condition(item, when)
        else:
            item["x-when"] = {**when, **item.get("x-when", {})}


def _placed(node: Node, shown_in: str) -> Node:
    return {**node, "x-group": shown_in} if shown_in else node


def _leaf(kind: Any, title: str, description: str, when: When | None, rest: Node) -> Node:
    named = {"unit": "x-unit", "secret": "x-secret", "form": "x-form"}
    node: Node = {"type": kind, "title": title, "description": description}
    node.update({named.get(key, key): value for key, value in rest.items()})
    if rest.get("pattern") in FORMATS:
        node["format"] = FORMATS[rest["pattern"]]
    if rest.get("pattern") in NEVER:
        node["not"] = {"pattern": NEVER[rest["pattern"]]}
    return {**node, "x-when": when} if when else node


def text(title: str, description: str, default: str = "", *, when: When | None = None, **rest: Any) -> Node:
    """Words. `rest`: pattern, minLength, examples, unit, secret, form (the pattern in words)."""
    return _leaf("string", title, description, when, {"default": default, **rest})


def named(title: str, description: str, default: str = "", *, when: When | None = None) -> Node:
    """The name of a Kubernetes object; empty where that is allowed."""
    return text(title, description, default, when=when, pattern=NAME if default else f"^$|{NAME}", maxLength=253,
                form="small letters, digits, dots and dashes")  # fmt: skip


def key_of_secret(title: str, description: str, default: str) -> Node:
    """A key of a Secret of the operator's."""
    return text(title, description, default, pattern=KEY, maxLength=253, form="letters, digits, dots, dashes and _")


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


def several(title: str, description: str, items: Node, example: str, *, when: When | None = None) -> Node:
    """A list, empty unless the operator fills it."""
    return _leaf("array", title, description, when, {"default": [], "items": items, "form": f"a list, as {example}"})


def pairs(title: str, description: str, pattern: str, example: str, *, when: When | None = None) -> Node:
    """Names and words of the operator's choice, as of labels: `name=value` each, as kubectl takes them."""
    items = {"type": "string", "pattern": pattern, "x-form": "name=value, with a name that Kubernetes takes"}
    node = several(title, description, items, example, when=when)
    return {**node, "format": "sensei-pairs", "x-form": f"a list, each name once, as {example}"}


def toleration() -> Node:
    """Core v1 Toleration: an item of a list, so without a title. What its members demand of each other is the API server's."""
    form = "a toleration, as {key: sensei, operator: Exists, effect: NoSchedule}"
    exists, other = {"const": "Exists"}, {"not": {"const": "NoExecute"}}
    never = {
        "no value where the operator is Exists": {
            "required": ["operator", "value"], "properties": {"operator": exists, "value": {"minLength": 1}}},
        "a key, or the operator Exists": {"properties": {"key": {"maxLength": 0}, "operator": {"not": exists}}},
        "tolerationSeconds with the effect NoExecute alone": {"required": ["tolerationSeconds"], "properties": {"effect": other}},
    }  # fmt: skip
    return {"type": "object", "additionalProperties": False, "x-form": form, "properties": {
        "key": {"type": "string", "pattern": f"^$|^{_QUALIFIED}$", "x-form": "a label's name, as example.com/gpu"},
        "operator": {"type": "string", "enum": ["Exists", "Equal"]},
        "value": {"type": "string", "pattern": f"^$|^{_LABEL}$", "x-form": "a label's value: letters, digits, dots, dashes and _"},
        "effect": {"type": "string", "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
        "tolerationSeconds": {"type": "integer"},
    }, "allOf": [{"x-form": told, "not": rule} for told, rule in never.items()]}  # fmt: skip


def memory_size(title: str, description: str, default: str, *, when: When | None = None) -> Node:
    """Bytes of memory, as Kubernetes writes them."""
    return text(title, description, default, when=when, pattern=MEMORY, unit="bytes",
                form="a number with M, Mi, G, Gi, T or Ti, 16Mi or more, as 8Gi")  # fmt: skip


def volume_size(title: str, description: str, default: str, *, when: When | None = None) -> Node:
    """Bytes of a volume, as Kubernetes writes them."""
    return text(title, description, default, when=when, pattern=STORAGE, unit="bytes",
                form="a number with M, Mi, G, Gi, T or Ti, 1G or more, as 100Gi")  # fmt: skip


def replicas(description: str, default: int | None, high: int = 50, *, when: When | None = None) -> Node:
    """Pods; None: somebody else's number is taken."""
    if default is not None:
        return number("Replicas", description, default, 1, high, when=when)
    node = _leaf(["integer", "null"], "Replicas", description, when, {"minimum": 1, "maximum": high})
    return _placed(node, "Advanced")


def image(registry: str, repository: str, tag: str = "", *, pattern: str = "", told: str = "") -> Node:
    """An image; `pattern` holds the tag to some versions, `told` is what it must have."""
    source = _source("the image", registry, repository, REGISTRY)
    source["repository"]["description"] += told
    theirs = "never empty" if pattern else "empty is for an image with a digest"
    empty = theirs if tag else "empty means the chart's appVersion"
    allowed = pattern or "^$|^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
    return group(
        "Image", "Where the image comes from. global.imageRegistry replaces the registry; a digest beats the tag.",
        shown_in="Advanced",
        **source,
        tag=text("Tag", f"Version of the image; {empty}. 'latest' is refused.", tag,
                 pattern=allowed) | {"not": {"const": "latest"}},
        digest=_digest("the image"),
    )  # fmt: skip


def artifact(title: str, description: str, repository: str, empty: str, *, when: When) -> Node:
    """An OCI artifact; `empty` says which repository an empty one means."""
    # Images without a registry are the nodes' affair; an artifact is fetched by us, from somewhere.
    source = _source("the artifact", "registry.sensei.ai", repository, REGISTRY.removeprefix("^$|"))
    if empty:
        source["repository"] |= {"description": f"Path of the artifact in the registry. Empty: {empty}.",
                                 "pattern": f"^$|{REPOSITORY}"}  # fmt: skip
    tag = text("Tag", "Version of the artifact; empty means the chart's appVersion. 'latest' is refused.",
               pattern="^$|^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$") | {"not": {"const": "latest"}}  # fmt: skip
    return group(title, description, shown_in="Advanced", when=when, **source, tag=tag,
                 digest=_digest("the artifact"))  # fmt: skip


def _source(what: str, registry: str, repository: str, pattern: str) -> Node:
    return {
        "registry": text("Registry", f"Host of {what}, when global.imageRegistry is empty.", registry,
                         pattern=pattern, form="a host, with its port where it has one, as registry.internal.example.com:5000"),
        "repository": text("Repository", f"Path of {what} in the registry.", repository, pattern=REPOSITORY),
    }  # fmt: skip


def _digest(what: str) -> Node:
    return text("Digest", f"sha256 digest of {what}; beats the tag.", pattern="^$|^sha256:[a-f0-9]{64}$")


def resources(cpu: str, memory: str) -> Node:
    """What one pod asks for."""
    cores = _leaf(["string", "number"], "CPU", "Cores requested for each pod.", None,
                  {"default": cpu, "pattern": CPU, "exclusiveMinimum": 0, "unit": "cores",
                   "form": "cores, as 2 or 0.5, or thousandths of one, as 500m"})  # fmt: skip
    return group(
        "Resources",
        "CPU and memory requested for each pod. The memory limit equals the request; there is no CPU limit.",
        shown_in="Advanced", cpu=cores,
        memory=memory_size("Memory", "Memory requested for, and allowed to, each pod.", memory),
    )  # fmt: skip


def volume(size: str, *, grows: bool = False) -> Node:
    """A persistent volume; `grows`: the API server takes another size, as it does not of a StatefulSet's."""
    more = (
        "it can be raised where the StorageClass expands volumes"
        if grows
        else "raise it as the guide says (Data stores)"
    )
    told = f"Size of each volume. After the installation {more}; it can't be lowered."
    return group("Volume", "The persistent volume of each pod.", size=volume_size("Size", told, size))
