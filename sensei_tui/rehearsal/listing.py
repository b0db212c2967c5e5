"""Lists: selectors, pages that show one moment, resource versions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from itertools import islice

import msgspec

from sensei_tui.rehearsal import answers, options
from sensei_tui.rehearsal.errors import ApiError, bad_request, cause, expired
from sensei_tui.rehearsal.objects import Object, key_of
from sensei_tui.rehearsal.requests import Form, Place
from sensei_tui.rehearsal.store import Store

_NOW = -1
"""A token with this revision goes on from the present state (the list is then inconsistent, and says so)."""

_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


class _Token(msgspec.Struct):
    """Where the next page starts: after the object with the key `start`, at revision `rv`."""

    rv: int
    start: tuple[str, str]
    v: str = "meta.k8s.io/v1"

    def write(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()

    @classmethod
    def read(cls, text: str) -> _Token:
        try:
            padded = text + "=" * (-len(text) % 4)
            return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=cls)
        except (binascii.Error, msgspec.DecodeError, ValueError) as error:
            raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def answer(store: Store, place: Place, parameters: Mapping[str, str], form: Form) -> Object:
    """A page of a list (all of it without `limit`). Raises ApiError 400, 410 (token or version too old), 504."""
    kind = answers.stored(place.kind)
    options.check_list(parameters, watch=False)
    token = _Token.read(parameters["continue"]) if parameters.get("continue") else None
    revision, at = _moment(store, parameters, token)
    labels, fields = parameters.get("labelSelector", ""), parameters.get("fieldSelector", "")
    try:
        found = store.select(kind, place.scope, labels, fields, at=at)
        page, left = _page(list(found), token, max(0, int(parameters.get("limit") or 0)))
    except ApiError as error:
        if token and error.status_code == 410:
            raise _token_expired(token) from error
        raise
    listed: Object = {"resourceVersion": str(revision)}
    if left:
        listed["continue"] = _Token(_NOW if token and token.rv == _NOW else revision, key_of(page[-1])).write()
        if not labels and not fields:
            listed["remainingItemCount"] = left
    return answers.many(place.kind, page, listed, form, parameters)


def _page(found: list[Object], token: _Token | None, limit: int) -> tuple[list[Object], int]:
    """The objects to send, and how many remain."""
    rest = [obj for obj in found if key_of(obj) > token.start] if token else found
    page = list(islice(rest, limit)) if limit else rest
    return page, len(rest) - len(page)


def _moment(store: Store, parameters: Mapping[str, str], token: _Token | None) -> tuple[int, int | None]:
    """(the revision to report, the revision to read at or None for now)."""
    current = int(store.resource_version)
    if token:
        return (current, None) if token.rv == _NOW else (token.rv, token.rv)
    version = parameters.get("resourceVersion") or "0"
    if not version.isdecimal():
        said = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        raise bad_request(f"invalid resource version: {said}")
    asked = int(version)
    if asked > current:
        message = f"Too large resource version: {asked}, current: {current}"
        details = {"causes": [cause("ResourceVersionTooLarge", "Too large resource version")], "retryAfterSeconds": 1}
        raise ApiError(504, "Timeout", f"Timeout: {message}", details)
    if parameters.get("resourceVersionMatch") == "Exact":
        return asked, asked
    return current, None


def _token_expired(token: _Token) -> ApiError:
    error = expired(_EXPIRED)
    error.metadata = {"continue": _Token(_NOW, token.start).write()}
    return error
