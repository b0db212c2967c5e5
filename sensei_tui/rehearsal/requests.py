"""What a request asks for: its place in the API, its verb, its parameters, the wanted form of the answer, its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sensei_tui.rehearsal import decoding, kinds, protobuf
from sensei_tui.rehearsal.auth import Access
from sensei_tui.rehearsal.decoding import media_type
from sensei_tui.rehearsal.errors import (
    ApiError,
    bad_request,
    generic,
    method_not_allowed,
    no_such_path,
    unsupported_media_type,
)
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, without_nulls

_SERVED = (
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, "
    "application/vnd.kubernetes.protobuf;stream=watch"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_LIMIT = 1 << 31


@dataclass(frozen=True)
class Place:
    """A resource address: the kind, and namespace, name and subresource where the address has them."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    all_namespaces: bool = False

    @property
    def scope(self) -> str | None:
        """The namespace that a list covers; None for all."""
        return None if self.all_namespaces or not self.kind.namespaced else self.namespace


def locate(path: str) -> Place:
    """The resource at `/api/v1/...` or `/apis/GROUP/VERSION/...`. Raises ApiError 404."""
    parts = path.strip("/").split("/")
    head = 2 if parts[0] == "api" else 3
    group, version = ("", parts[1]) if head == 2 else (parts[1], parts[2])
    rest, namespace = parts[head:], ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    kind = kinds.find(group, version, rest[0])
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        raise no_such_path()
    name, subresource = (*rest[1:], "", "")[:2]
    if kind.namespaced and name and not namespace:
        raise no_such_path()
    if subresource and subresource not in kind.subresources:
        raise no_such_path()
    return Place(kind, namespace, name, subresource, all_namespaces=kind.namespaced and not namespace)


def verb(method: str, place: Place, parameters: Mapping[str, str]) -> str:
    """The API verb that rights are asked for. Raises ApiError 405."""
    if method in ("GET", "HEAD"):
        if place.name:
            return "get"
        return "watch" if flag(parameters, "watch") else "list"
    if method == "DELETE":
        return "delete" if place.name else "deletecollection"
    if method in _VERBS:
        return _VERBS[method]
    raise method_not_allowed()


def access(place: Place, verb: str) -> Access:
    """The question to ask of the authority."""
    kind = place.kind
    namespace = place.name if kind.kind == "Namespace" else place.namespace
    return Access(verb, kind.group, kind.plural, place.subresource, namespace, place.name)


def flag(parameters: Mapping[str, str], name: str) -> bool:
    """A boolean parameter: present and not false."""
    return name in parameters and parameters[name].lower() not in ("false", "0")


def number(parameters: Mapping[str, str], name: str) -> int | None:
    """A whole, not negative number; None when absent or empty. Raises ApiError 400."""
    text = parameters.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or int(text) >= _LIMIT * _LIMIT:
        raise bad_request(f'Invalid value: "{text}": {name} must be a whole number')
    return int(text)


def dry_run(parameters: Mapping[str, str]) -> bool:
    """Whether nothing may be stored."""
    return bool(parameters.get("dryRun"))


@dataclass(frozen=True)
class Form:
    """The wanted form of an answer: `transform` is "", "Table" or "PartialObjectMetadata"."""

    transform: str = ""
    yaml: bool = False


def negotiate(accept: str) -> Form:
    """The first form of an Accept header that is served. Raises ApiError 406.

    Protobuf is answered in JSON: every client that asks for it reads both, and decides by the Content-Type.
    """
    refused = False
    for item in (accept or "*/*").split(","):
        media, *parameters = (part.strip() for part in item.split(";"))
        given = dict(part.split("=", 1) for part in parameters if "=" in part)
        transform = given.get("as", "").removesuffix("List")
        if transform and (transform not in ("Table", "PartialObjectMetadata") or given.get("v", "v1") != "v1"):
            refused = True
            continue
        if media in ("application/json", protobuf.MEDIA_TYPE, "*/*", "application/*"):
            return Form(transform)
        if media in ("application/yaml", "text/yaml") and not transform:
            return Form(yaml=True)
    if refused:
        plain = ", ".join(_SERVED.split(", ")[:3])
        raise ApiError(406, "NotAcceptable", f"only the following media types are accepted: {plain}")
    raise generic(406, "NotAcceptable", f"406: Not Acceptable\n\nAvailable representations: {_SERVED}")


def decode(body: bytes, content_type: str) -> Object:
    """The object in a body: JSON, YAML or protobuf, its nulls left out. Raises ApiError 400, 415."""
    media = media_type(content_type) or "application/json"
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode(body)
    if media not in ("application/json", *decoding.YAML_TYPES):
        raise unsupported_media_type(f'the body of the request was in an unknown format: "{media}"')
    value = load(body, yaml_too=media != "application/json")
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized: it is not a map")
    return without_nulls(value)  # type: ignore[no-any-return]


def load(body: bytes, *, yaml_too: bool) -> Any:
    """A JSON value, or (with `yaml_too`) a YAML one. Raises ApiError 400."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if not yaml_too:
            raise bad_request("invalid JSON patch") from error
    try:
        return decoding.yaml_value(body)[0]
    except ValueError as error:
        raise bad_request(f"error decoding YAML: {error}") from error
