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
    eventsgroup,
    listing,
    options,
    patches,
    requests,
    rules,
    schemas,
    typed,
)
from sensei_tui.rehearsal.errors import ApiError, bad_request, method_not_allowed, success, unsupported_media_type
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone, metadata, without_nulls
from sensei_tui.rehearsal.requests import Form, Place
from sensei_tui.rehearsal.store import Store

Warnings = list[str]
APPLY = "application/apply-patch+yaml"
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
        obj = requests.decode(call.body, call.content_type)
        _check_type(place.kind, obj)
        _check_address(place, obj)
        if metadata(obj).get("resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        new, warnings = self._new(place.kind, obj, call)
        return self._answer(call, new, 201, warnings)

    def _new(self, kind: Kind, obj: Object, call: Call, applied: bool = False) -> tuple[Object, Warnings]:
        kind, obj = _to_stored(kind, obj)
        warnings = schemas.validate(kind, obj, call.validation)
        identity = str(uuid.uuid4())
        for ours in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata(obj).pop(ours, None)
        schemas.default(kind, obj)
        if not applied:
            obj = patches.track_update(kind.kind, None, obj, call.manager, "Update", "")
        admission.on_create(self.store, kind, obj, identity)
        schemas.complete(kind, obj)
        return self.store.create(kind, obj, uid=identity, dry_run=call.dry_run), warnings

    def update(self, call: Call) -> Answer:
        """PUT on an object, or on its status."""
        place = call.place
        if not place.name:
            raise method_not_allowed()
        options.check("update", call.parameters)
        obj = requests.decode(call.body, call.content_type)
        _check_type(place.kind, obj)
        _check_address(place, obj)
        kind, obj = _to_stored(place.kind, obj)
        if kind.kind in _CREATED_BY_PUT and not self.store.exists(kind, place.namespace, place.name):
            new, warnings = self._new(kind, obj, call)
            return self._answer(call, new, 201, warnings)
        live = self.store.get(kind, place.namespace, place.name)
        new, warnings = self._changed(kind, live, obj, call)
        return self._answer(call, new, 200, warnings)

    def patch(self, call: Call) -> Answer:
        """PATCH: JSON patch, merge patch, strategic merge patch or server-side apply."""
        media = requests.media_type(call.content_type)
        if not call.place.name:
            raise method_not_allowed()
        options.check("patch", call.parameters, applies=media == APPLY)
        if media == APPLY:
            return self._apply(call)
        kind = answers.stored(call.place.kind)
        live = self.store.get(kind, call.place.namespace, call.place.name)
        patch = requests.load(call.body, yaml_too=False)
        obj = without_nulls(patched(kind, media, live, patch))
        _check_address(call.place, obj)
        new, warnings = self._changed(kind, live, obj, call)
        return self._answer(call, new, 200, warnings)

    def _changed(self, kind: Kind, live: Object, obj: Object, call: Call) -> tuple[Object, Warnings]:
        subresource = call.place.subresource
        warnings = schemas.validate(kind, obj, call.validation)
        schemas.default(kind, obj)
        tracked = patches.track_update(kind.kind, live, obj, call.manager, "Update", subresource)
        if not subresource:
            admission.on_update(kind, live, tracked)
            rules.check_change(kind, live, tracked)
        return self.store.update(kind, tracked, subresource=subresource, dry_run=call.dry_run), warnings

    def _apply(self, call: Call) -> Answer:
        place, kind = call.place, answers.stored(call.place.kind)
        applied = _applied(call)
        typed.check(kind.kind, applied)
        schemas.normalize(kind, applied)
        live = None
        if self.store.exists(kind, place.namespace, place.name):
            live = self.store.get(kind, place.namespace, place.name)
        elif place.subresource:
            self.store.peek(kind, place.namespace, place.name)
        force = requests.flag(call.parameters, "force")
        merged = patches.server_side_apply(kind.kind, live, applied, call.manager, force, place.subresource)
        if live is None:
            new, _ = self._new(kind, merged, call, applied=True)
            return self._answer(call, new, 201)
        schemas.validate(kind, merged, "Ignore")
        schemas.default(kind, merged)
        if not place.subresource:
            admission.on_update(kind, live, merged)
            rules.check_change(kind, live, merged)
        new = self.store.update(kind, merged, subresource=place.subresource, dry_run=call.dry_run)
        return self._answer(call, new)

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
        return Answer(answers.one(call.place.kind, obj, call.form, call.parameters), code, warnings or [])


def patched(kind: Kind, media: str, live: Object, patch: object) -> Object:
    """`live` after a patch of this media type. Raises ApiError 400, 415, 422."""
    if media == "application/json-patch+json":
        return patches.json_patch(clone(live), patch)
    if not isinstance(patch, dict):
        raise bad_request("the patch is not a map")
    if media == "application/merge-patch+json":
        return patches.merge_patch(clone(live), patch)
    if media == "application/strategic-merge-patch+json":
        return patches.strategic_merge(kind.kind, clone(live), patch)
    served = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, "
    served += "application/strategic-merge-patch+json"
    raise unsupported_media_type(
        f"the body of the request was in an unknown format - accepted media types include: {served}"
    )


def _applied(call: Call) -> Object:
    """The body of an apply request, checked against its address."""
    value = requests.load(call.body, yaml_too=True)
    if not isinstance(value, dict):
        raise bad_request("the apply configuration is not a map")
    if metadata(value).get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    _check_type(call.place.kind, value)
    _check_address(call.place, value)
    return _to_stored(call.place.kind, without_nulls(value))[1]


def _to_stored(kind: Kind, obj: Object) -> tuple[Kind, Object]:
    if kind is eventsgroup.NEW:
        return eventsgroup.CORE, eventsgroup.to_core(obj)
    return kind, obj


def _check_type(kind: Kind, obj: Object) -> None:
    version, name = obj.get("apiVersion") or kind.api_version, obj.get("kind") or kind.kind
    if (version, name) != (kind.api_version, kind.kind):
        raise bad_request(f'{name} in version "{version}" cannot be handled as a {kind.kind}')
    obj["apiVersion"], obj["kind"] = version, name


def _check_address(place: Place, obj: Object) -> None:
    """The object's name and namespace agree with the address; what it leaves out is filled in."""
    found = metadata(obj)
    if place.name and found.setdefault("name", place.name) != place.name:
        given = found["name"]
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
