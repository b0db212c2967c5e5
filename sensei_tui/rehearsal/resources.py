"""Reading and writing objects: what each verb does, in the order of kube-apiserver's handlers.

decode -> check against the address -> validate -> default -> admit -> record field owners -> store
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from sensei_tui.rehearsal import (
    admission,
    answers,
    decoding,
    eventsgroup,
    listing,
    options,
    patches,
    requests,
    rules,
    schemas,
    typed,
    wording,
)
from sensei_tui.rehearsal.errors import ApiError, bad_request, generic, invalid, method_not_allowed, success
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone, metadata
from sensei_tui.rehearsal.requests import Form, Place
from sensei_tui.rehearsal.store import Store

Warnings = list[str]
APPLY = "application/apply-patch+yaml"
_PATCHES = (
    APPLY, "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
)  # fmt: skip
_RETURNED = (
    "Pod", "PersistentVolumeClaim", "PersistentVolume", "ResourceQuota", "ServiceAccount", "Service", "Namespace",
    "PodTemplate", "StorageClass", "CSIDriver", "CSINode", "VolumeAttachment",
)  # fmt: skip
"""Kinds that a completed deletion answers with the object instead of a Status (ReturnDeletedObject)."""

_CREATED_BY_PUT = (
    "RuntimeClass", "RoleBinding", "ClusterRoleBinding", "Role", "ClusterRole", "Lease", "LimitRange", "Event",
    "Service", "Endpoints",
)  # fmt: skip
"""Kinds of which an update makes an object that is not there (AllowCreateOnUpdate)."""


@dataclass
class Call:
    """One request on a resource, read."""

    place: Place
    parameters: Mapping[str, str]
    form: Form = field(default_factory=Form)
    body: bytes = b""
    content_type: str = ""
    agent: str = ""
    warnings: Warnings = field(default_factory=list)
    """What admission says beside the answer."""

    @property
    def manager(self) -> str:
        """The field manager: the parameter, or the program's name in User-Agent."""
        return self.parameters.get("fieldManager") or self.agent.partition("/")[0] or "unknown"

    @property
    def dry_run(self) -> bool:
        return requests.dry_run(self.parameters)

    @property
    def validation(self) -> str:
        return self.parameters.get("fieldValidation") or "Warn"


@dataclass
class Answer:
    """What to send: a JSON value, the HTTP code, warnings for the client."""

    value: Object
    code: int = 200
    warnings: Warnings = field(default_factory=list)


@dataclass
class Resources:
    """The verbs over one store."""

    store: Store

    def list(self, call: Call) -> Answer:
        return Answer(listing.answer(self.store, call.place, call.parameters, call.form))

    def get(self, call: Call) -> Answer:
        place = call.place
        return self._answer(call, self.store.peek(answers.stored(place.kind), place.namespace, place.name))

    def create(self, call: Call) -> Answer:
        """POST on a collection."""
        place = call.place
        if place.name or place.all_namespaces:
            raise method_not_allowed()
        options.check("create", call.parameters)
        obj, warnings = _decoded(call)
        _check_address(place, obj)
        if metadata(obj).get("resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        return self._answer(call, self._new(place.kind, obj, call), 201, warnings)

    def _new(self, kind: Kind, obj: Object, call: Call, applied: bool = False) -> Object:
        kind, obj = _to_stored(kind, obj)
        identity = str(uuid.uuid4())
        for ours in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata(obj).pop(ours, None)
        schemas.default(kind, obj)
        if not applied:
            obj = patches.track_update(kind.kind, None, obj, call.manager, "Update", "")
        admission.on_create(self.store, kind, obj, identity)
        schemas.complete(kind, obj)
        rules.check(kind, obj)
        call.warnings.extend(admission.check(self.store, kind, obj))
        return self.store.create(kind, obj, uid=identity, dry_run=call.dry_run)

    def update(self, call: Call) -> Answer:
        """PUT on an object, or on its status."""
        place = call.place
        if not place.name:
            raise method_not_allowed()
        options.check("update", call.parameters)
        obj, warnings = _decoded(call)
        _check_address(place, obj)
        kind, obj = _to_stored(place.kind, obj)
        if kind.kind in _CREATED_BY_PUT and not self.store.exists(kind, place.namespace, place.name):
            return self._answer(call, self._new(kind, obj, call), 201, warnings)
        live = self.store.get(kind, place.namespace, place.name)
        return self._answer(call, self._changed(kind, live, obj, call), 200, warnings)

    def patch(self, call: Call) -> Answer:
        """PATCH: JSON patch, merge patch, strategic merge patch or server-side apply."""
        media = decoding.media_type(call.content_type)
        if not call.place.name:
            raise method_not_allowed()
        if media not in _PATCHES:
            raise generic(415, "UnsupportedMediaType", "415: Unsupported Media Type")
        options.check("patch", call.parameters, applies=media == APPLY)
        if media == APPLY:
            return self._apply(call)
        kind = answers.stored(call.place.kind)
        live = self.store.get(kind, call.place.namespace, call.place.name)
        obj = patched(kind, media, live, requests.load(call.body, yaml_too=False))
        warnings = _decoded_patch(kind, obj, call)
        _check_address(call.place, obj)
        if metadata(obj).get("uid") not in (None, live["metadata"]["uid"]):
            raise invalid(
                kind, call.place.name, [wording.invalid("metadata.uid", obj["metadata"]["uid"], wording.IMMUTABLE)]
            )
        return self._answer(call, self._changed(kind, live, obj, call), 200, warnings)

    def _changed(self, kind: Kind, live: Object, obj: Object, call: Call) -> Object:
        subresource = call.place.subresource
        schemas.default(kind, obj)
        tracked = patches.track_update(kind.kind, live, obj, call.manager, "Update", subresource)
        return self._stored(kind, live, tracked, call)

    def _stored(self, kind: Kind, live: Object, obj: Object, call: Call) -> Object:
        """Admit, check and store a changed object."""
        if not call.place.subresource:
            admission.on_update(kind, live, obj)
            rules.check_change(kind, live, obj)
            rules.check(kind, obj)
        return self.store.update(kind, obj, subresource=call.place.subresource, dry_run=call.dry_run)

    def _apply(self, call: Call) -> Answer:
        place, kind = call.place, answers.stored(call.place.kind)
        named, warnings = _applied(call)
        applied: Object = clone(named)
        schemas.normalize(kind, applied)
        live = None
        if self.store.exists(kind, place.namespace, place.name):
            live = self.store.get(kind, place.namespace, place.name)
        elif place.subresource:
            self.store.peek(kind, place.namespace, place.name)
        force = requests.flag(call.parameters, "force")
        merged = patches.server_side_apply(kind.kind, live, applied, call.manager, force, place.subresource, named)
        schemas.normalize(kind, merged)
        if live is None:
            return self._answer(call, self._new(kind, merged, call, applied=True), 201, warnings)
        schemas.default(kind, merged)
        return self._answer(call, self._stored(kind, live, merged, call), 200, warnings)

    def delete(self, call: Call) -> Answer:
        """DELETE on an object."""
        place, kind = call.place, answers.stored(call.place.kind)
        last = self._delete(kind, place.namespace, place.name, call, _deletion(call))
        if kind.kind not in _RETURNED and not last["metadata"].get("finalizers"):
            return Answer(success(kind, place.name, last["metadata"]["uid"]))
        return self._answer(call, last)

    def deletecollection(self, call: Call) -> Answer:
        """DELETE on a collection: all that the selectors choose."""
        place, kind = call.place, answers.stored(call.place.kind)
        if place.all_namespaces:
            raise method_not_allowed()
        asked, parameters = _deletion(call), call.parameters
        selectors = parameters.get("labelSelector", ""), parameters.get("fieldSelector", "")
        chosen = [obj["metadata"]["name"] for obj in self.store.select(kind, place.scope, *selectors)]
        gone = [self._delete(kind, place.namespace, name, call, asked) for name in chosen]
        listed = {"resourceVersion": self.store.resource_version}
        return Answer(answers.many(place.kind, gone, listed, call.form, parameters))

    def _delete(self, kind: Kind, namespace: str, name: str, call: Call, asked: Object) -> Object:
        preconditions, dry_run = asked.get("preconditions") or {}, bool(asked.get("dryRun")) or call.dry_run
        return self.store.delete(
            kind, namespace, name, propagation=options.propagation(kind, asked), grace=asked.get("gracePeriodSeconds"),
            uid=preconditions.get("uid"), resource_version=preconditions.get("resourceVersion"), dry_run=dry_run,
        )  # fmt: skip

    def _answer(self, call: Call, obj: Object, code: int = 200, warnings: Warnings | None = None) -> Answer:
        said = [*(warnings or ()), *call.warnings]
        return Answer(answers.one(call.place.kind, obj, call.form, call.parameters), code, said)


def patched(kind: Kind, media: str, live: Object, patch: object) -> Object:
    """`live` after a patch of this media type. Raises ApiError 400, 415, 422."""
    if media == "application/json-patch+json":
        return patches.json_patch(clone(live), patch)
    wanted = patches.checked_map(patch, media)
    if media == "application/merge-patch+json":
        return patches.merge_patch(clone(live), wanted)
    return patches.strategic_merge(kind.kind, clone(live), wanted)


def _decoded(call: Call) -> tuple[Object, Warnings]:
    """The object of the body, of the right type, and warnings about it. Raises ApiError 400."""
    kind = call.place.kind
    obj, twice = decoding.read(kind, call.body, call.content_type)
    decoding.check_type(kind, obj)
    return obj, schemas.decode(kind, obj, call.validation, twice)


def _decoded_patch(kind: Kind, obj: Object, call: Call) -> Warnings:
    """What the patch made of the object is of its type. Raises ApiError 400, 422."""
    shown = wording.shown(obj)
    try:
        decoding.check_type(kind, obj)
        return schemas.decode(kind, obj, call.validation)
    except ApiError as error:
        why = error.message.partition(f"handled as a {kind.kind}: ")[2]
        told = wording.invalid("patch", shown, why)
        raise ApiError(422, "Invalid", f' "" is invalid: patch: {told["message"]}', {"causes": [told]}) from None


def _applied(call: Call) -> tuple[Object, Warnings]:
    """The body of an apply request, checked against its address and type, and what it says twice."""
    kind = call.place.kind
    value, twice = _apply_body(call)
    version, name = value.get("apiVersion") or "", value.get("kind") or ""
    if (version, name) != (kind.api_version, kind.kind):
        raise bad_request(f"invalid object type: {version if '/' in version else f'/{version}'}, Kind={name}")
    if metadata(value).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    kind, value = _to_stored(kind, value)
    typed.check(kind.kind, value)
    _check_address(call.place, value)
    return value, twice


def _apply_body(call: Call) -> tuple[Object, Warnings]:
    try:
        value, twice = decoding.yaml_value(call.body)
    except ValueError as error:
        raise bad_request(f"error encoding patch: {error}") from None
    if not isinstance(value, dict):
        found = patches.undecoded(value, "map[string]interface {}").message.removeprefix("error decoding patch: ")
        raise bad_request(f"error decoding patch: error unmarshaling JSON: while decoding JSON: {found}")
    if twice and call.validation == "Strict":
        raise bad_request(f"error decoding patch: error converting YAML to JSON: yaml: unmarshal errors:\n  {twice[0]}")
    return value, twice if call.validation == "Warn" else []


def _to_stored(kind: Kind, obj: Object) -> tuple[Kind, Object]:
    if kind is eventsgroup.NEW:
        return eventsgroup.CORE, eventsgroup.to_core(obj)
    return kind, obj


def _check_address(place: Place, obj: Object) -> None:
    """The object's name and namespace agree with the address; what it leaves out is filled in."""
    found = metadata(obj)
    if place.name and not found.get("name"):
        raise bad_request(
            f"the name of the object ({place.name} based on URL) was undeterminable: name must be provided"
        )
    if place.name and (given := found["name"]) != place.name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({place.name})")
    if not place.kind.namespaced:
        if found.pop("namespace", ""):
            raise bad_request("namespace is not allowed on this type")
    elif (found.get("namespace") or place.namespace) != place.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        found["namespace"] = place.namespace


def _deletion(call: Call) -> Object:
    return options.deletion(call.parameters, call.body, call.content_type)
