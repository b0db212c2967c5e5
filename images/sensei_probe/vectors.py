"""Weaviate's collections as documents, and documents as collections.

`{"class": ...}` each: one may refer to another. Then `{"tenants": [...], "of": ...}` and `{"object": ...}`, by class.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any

from sensei_probe.lines import Document
from sensei_probe.settings import Failure
from sensei_probe.streams import say
from sensei_probe.weaviate import PAGE, Weaviate
from sensei_probe.web import Refused

FILE = "vectors.ndjson.gz"
_ASLEEP = ("COLD", "INACTIVE")
_HOT = ("HOT", "ACTIVE")
_UNPROCESSABLE = 422
NODES_WAIT = 300.0
"""Seconds for a node that is away to come back."""
_LOOK = 5.0


def factor(definition: Document) -> int:
    """On how many nodes a class is."""
    return int((definition.get("replicationConfig") or {}).get("factor") or 1)


# Into a backup.


def exported(weaviate: Weaviate) -> Iterator[Document]:
    """All there is, as said above. Raises Failure where a node is away: a list of objects is what one node has."""
    classes = weaviate.classes()
    _together(weaviate, max(map(factor, classes), default=1))
    yield from ({"class": definition} for definition in classes)
    for definition in classes:
        yield from _of_class(weaviate, definition)


def _together(weaviate: Weaviate, needed: int) -> None:
    """Wait until all nodes are well."""
    deadline = time.monotonic() + NODES_WAIT
    while needed > 1 and (why := _away(weaviate.nodes(), needed)):
        if time.monotonic() > deadline:
            raise Failure(f"{why}: vectors could be missing. See: kubectl get pods; make the backup when all are ready")
        say(f"{why}: waiting")
        time.sleep(_LOOK)


def _away(nodes: dict[str, str], needed: int) -> str:
    """What is wrong with them; nothing, too, where nobody may know."""
    ill = [f"node {name} of Weaviate is {status}" for name, status in nodes.items() if status != "HEALTHY"]
    if nodes and not ill and len(nodes) < needed:
        return f"Weaviate has {len(nodes)} nodes, and collections are on {needed}"
    return "; ".join(ill)


def _of_class(weaviate: Weaviate, definition: Document) -> Iterator[Document]:
    name = str(definition["class"])
    if not (definition.get("multiTenancyConfig") or {}).get("enabled"):
        yield from ({"object": item} for item in weaviate.objects(name))
        return
    tenants = weaviate.tenants(name)
    yield {"tenants": tenants, "of": name}
    for tenant in tenants:
        yield from ({"object": item} for item in _of_tenant(weaviate, name, tenant))


def _of_tenant(weaviate: Weaviate, name: str, tenant: dict[str, Any]) -> Iterator[Document]:
    """A tenant that sleeps is woken to be read."""
    sleeps = tenant.get("activityStatus", "HOT") not in _HOT
    if sleeps:
        weaviate.set_status(name, tenant["name"], "HOT")
    try:
        # A list of objects does not say whose they are.
        yield from ({**item, "tenant": tenant["name"]} for item in weaviate.objects(name, tenant["name"]))
    finally:
        if sleeps:
            weaviate.set_status(name, tenant["name"], str(tenant["activityStatus"]))


# And back.


def lowered(definitions: Iterable[Document], nodes: int) -> Iterator[str]:
    """What is to be told of the classes that are on more nodes than there are; no nodes: nobody knows how many."""
    for one in definitions:
        if nodes and factor(one) > nodes:
            yield f"collection {one['class']} was on {factor(one)} nodes: it will be on {nodes}, which is all there are"


def imported(weaviate: Weaviate, lines: Callable[[], Iterator[Document]]) -> int:
    """Every class made anew and filled. Returns how many objects. Raises Failure."""
    classes, tenants = list[Document](), list[Document]()
    for item in lines():
        classes += [item["class"]] if "class" in item else []
        tenants += [item] if item.get("tenants") else []
    _anew(weaviate, classes)
    for item in tenants:
        weaviate.add_tenants(item["of"], [{**one, "activityStatus": "HOT"} for one in item["tenants"]])
    references = {(str(one["class"]), str(name["name"])) for one in classes for name in _references(one)}
    count = 0
    for page in _paged(_without(item["object"], references) for item in lines() if "object" in item):
        weaviate.write(page)
        count += len(page)
    if references:
        # One refers to another only where that is there: all of them are now.
        for page in _paged(one for item in lines() if "object" in item for one in _of(item["object"], references)):
            weaviate.refer(page)
    for item in tenants:
        for one in item["tenants"]:
            if one.get("activityStatus") in _ASLEEP:
                weaviate.set_status(item["of"], one["name"], "COLD")
    return count


def _paged(documents: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(documents)
    while page := list(itertools.islice(left, PAGE)):
        yield page


def _anew(weaviate: Weaviate, definitions: list[Document]) -> None:
    """Classes without anything in them, in place of those of the same names."""
    there, nodes = {str(item["class"]) for item in weaviate.classes()}, len(weaviate.nodes())
    for text in lowered(definitions, nodes):
        say(text)
    for definition in definitions:
        if definition["class"] in there:
            weaviate.drop(str(definition["class"]))
    for definition in definitions:
        _make(weaviate, _fitted(_alone(definition), nodes))
    for definition in definitions:
        for one in _references(definition):
            weaviate.add_property(str(definition["class"]), one)


def _make(weaviate: Weaviate, definition: Document) -> None:
    """On at least as many nodes as this Weaviate wants."""
    try:
        weaviate.make(definition)
    except Refused as error:
        if error.status != _UNPROCESSABLE or "minimum replication factor" not in str(error):
            raise
        say(f"collection {definition['class']} was on {factor(definition)} nodes: Weaviate wants it on more")
        weaviate.make(_with_factor(definition, 0))


def _fitted(definition: Document, nodes: int) -> Document:
    return _with_factor(definition, nodes) if nodes and factor(definition) > nodes else definition


def _with_factor(definition: Document, nodes: int) -> Document:
    return {**definition, "replicationConfig": {**(definition.get("replicationConfig") or {}), "factor": nodes}}


def _references(definition: Document) -> list[Document]:
    """Properties that refer to a class: classes begin with a capital letter, and types do not."""
    return [one for one in definition.get("properties") or () if str((one.get("dataType") or [""])[0])[:1].isupper()]


def _alone(definition: Document) -> Document:
    """As a class can be made before those it refers to are."""
    refer = _references(definition)
    # A schema is told with both, and taken with one of them.
    tenants = (definition.get("multiTenancyConfig") or {}).get("enabled")
    found = {key: value for key, value in definition.items() if not (tenants and key == "shardingConfig")}
    return {**found, "properties": [one for one in definition.get("properties") or () if one not in refer]}


def _without(item: Document, references: Set[tuple[str, str]]) -> Document:
    """An object without references, and without what the server says of it and does not take: its times are new."""
    kept = ("class", "id", "vector", "vectors", "tenant")
    found = {key: item[key] for key in kept if item.get(key) not in (None, [], {})}
    properties = item.get("properties") or {}
    return {
        **found,
        "properties": {key: properties[key] for key in properties if (item["class"], key) not in references},
    }


def _of(item: Document, references: Set[tuple[str, str]]) -> Iterator[Document]:
    """An object's references."""
    for key, value in (item.get("properties") or {}).items():
        if (item["class"], key) in references:
            tenant = {"tenant": item["tenant"]} if item.get("tenant") else {}
            source = f"weaviate://localhost/{item['class']}/{item['id']}/{key}"
            yield from ({"from": source, "to": one["beacon"], **tenant} for one in value or ())
