"""How objects are sent: as they are, as a table, or as their metadata alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sensei_tui.rehearsal import eventsgroup
from sensei_tui.rehearsal.eventsgroup import stored
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.requests import Form
from sensei_tui.rehearsal.tables import table

__all__ = ["many", "one", "renderer", "stored"]


def one(kind: Kind, obj: Object, form: Form, parameters: Mapping[str, str]) -> Object:
    """A single object in the wanted form."""
    return renderer(kind, form, parameters)(obj)


def renderer(kind: Kind, form: Form, parameters: Mapping[str, str]) -> Callable[[Object], Object]:
    """What turns a stored object of `kind` into its wanted form. Status objects are not for this."""
    if form.transform == "Table":
        return lambda obj: _table(kind, [obj], parameters, obj["metadata"].get("resourceVersion", ""))
    if form.transform == "PartialObjectMetadata":
        return _partial
    return eventsgroup.to_new if kind is eventsgroup.NEW else _same


def many(kind: Kind, objects: Sequence[Object], listed: Object, form: Form, parameters: Mapping[str, str]) -> Object:
    """A list in the wanted form; `listed` is its ListMeta. Items of a plain list name no kind, as in kube-apiserver."""
    if form.transform == "Table":
        return {**_table(kind, objects, parameters, ""), "metadata": listed}
    if form.transform == "PartialObjectMetadata":
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
        return {**head, "metadata": listed, "items": [_partial(obj) for obj in objects]}
    if kind is eventsgroup.NEW:
        objects = [eventsgroup.to_new(obj) for obj in objects]
    items = [{key: part for key, part in obj.items() if key not in ("kind", "apiVersion")} for obj in objects]
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": listed, "items": items}


def _same(obj: Object) -> Object:
    return obj


def _partial(obj: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _table(kind: Kind, objects: Sequence[Object], parameters: Mapping[str, str], version: str) -> Object:
    shown = table(stored(kind), list(objects), parameters.get("includeObject", "") or "Metadata")
    return {**shown, "metadata": {"resourceVersion": version}} if version else shown
