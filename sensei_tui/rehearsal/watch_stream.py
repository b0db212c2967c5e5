"""Watches over HTTP: initial events, selectors that objects enter and leave, bookmarks, expiry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from aiohttp import web

from sensei_tui.rehearsal import answers, options, requests
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.requests import Form, Place
from sensei_tui.rehearsal.store import Matcher, Store, matcher
from sensei_tui.rehearsal.watch import Change, Watch

BOOKMARK_EVERY = 60.0
"""Seconds; kube-apiserver's defaultBookmarkFrequency is one minute."""

LONGEST = 1800
"""Seconds a watch lasts when the client sets no limit (--min-request-timeout of kube-apiserver)."""

_INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Stream:
    """One watch request: what it wants, and how changes are turned into its events."""

    def __init__(self, store: Store, place: Place, parameters: Mapping[str, str], form: Form) -> None:
        labels, fields = parameters.get("labelSelector", ""), parameters.get("fieldSelector", "")
        if place.name:
            fields = f"metadata.name={place.name}"
        self.kind: Kind = answers.stored(place.kind)
        self.served = place.kind
        self.store = store
        self.scope = place.scope
        self.matches: Matcher = matcher(self.kind, labels, fields)
        self.bookmarks = requests.flag(parameters, "allowWatchBookmarks")
        self.initial = requests.flag(parameters, "sendInitialEvents")
        self.since = parameters.get("resourceVersion", "")
        self._render: Callable[[Object], Object] = answers.renderer(place.kind, form, parameters)
        options.check_list(parameters, watch=True)
        if self.since and not self.since.isdecimal():
            why = f'strconv.ParseUint: parsing "{self.since}": invalid syntax'
            raise ApiError(500, "", f'resourceVersion: Invalid value: "{self.since}": {why}')
        self.seconds = int(parameters.get("timeoutSeconds") or 0) or LONGEST

    def open(self) -> tuple[Watch, list[bytes]]:
        """The watch, and the events to send before its changes. Raises ApiError 410 when it starts too early."""
        if not self.initial and self.since not in ("", "0"):
            return self.store.watch(self.kind, self.scope, self.since), []
        live = self.store.select(self.kind, self.scope)
        first = [self.line("ADDED", self._render(obj)) for obj in live if self.matches(obj)]
        if self.initial and self.bookmarks:
            first.append(self.bookmark(_INITIAL_END))
        return self.store.watch(self.kind, self.scope, self.store.resource_version), first

    def events(self, change: Change) -> Iterator[bytes]:
        """The event that a change is for this watch, if any."""
        before = change.previous is not None and self.matches(change.previous)
        after = change.type != "DELETED" and self.matches(change.object)
        if not before and not after:
            return
        if not after and change.type != "DELETED":
            version = change.object["metadata"]["resourceVersion"]
            assert change.previous is not None
            left = {**change.previous, "metadata": {**change.previous["metadata"], "resourceVersion": version}}
            yield self.line("DELETED", self._render(left))
            return
        event = "DELETED" if not after else "MODIFIED" if before else "ADDED"
        yield self.line(event, self._render(change.object))

    def bookmark(self, annotations: Mapping[str, str] | None = None) -> bytes:
        """All changes up to the present resource version have been sent."""
        metadata: Object = {"resourceVersion": self.store.resource_version}
        if annotations:
            metadata["annotations"] = dict(annotations)
        shell = {"kind": self.served.kind, "apiVersion": self.served.api_version, "metadata": metadata}
        return self.line("BOOKMARK", shell)

    @staticmethod
    def line(event: str, obj: Any) -> bytes:
        return msgspec.json.encode({"type": event, "object": obj}) + b"\n"


async def serve(request: web.Request, stream: Stream) -> web.StreamResponse:
    """Send events until the time is over, the client leaves, or the watch is ended."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
    await response.prepare(request)
    try:
        watch, first = stream.open()
    except ApiError as refusal:
        # As kube-apiserver does: the stream was accepted, its first event tells that it cannot be.
        await response.write(stream.line("ERROR", refusal.status()))
        return response
    try:
        if first:
            await response.write(b"".join(first))
        await _send(response, stream, watch)
    finally:
        watch.close()
    return response


async def _send(response: web.StreamResponse, stream: Stream, watch: Watch) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + stream.seconds
    upcoming = asyncio.ensure_future(watch.next())
    try:
        while (left := end - loop.time()) > 0:
            await asyncio.wait({upcoming}, timeout=min(left, BOOKMARK_EVERY))
            if not upcoming.done():
                if stream.bookmarks:
                    await response.write(stream.bookmark())
                continue
            change = upcoming.result()
            if change is None:
                return
            lines = [*stream.events(change), *(line for more in watch.ready() for line in stream.events(more))]
            if lines:
                await response.write(b"".join(lines))
            upcoming = asyncio.ensure_future(watch.next())
    finally:
        upcoming.cancel()
