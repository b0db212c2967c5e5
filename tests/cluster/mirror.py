"""A copy of a real cluster's objects, kept by watches, that reads like the simulated cluster's store."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import aiohttp

from sensei_tui.rehearsal import errors
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, key_of
from tests.fixtures_cluster import Client

Subscriber = Callable[[Kind, str, Object], None]
MERGE = "application/merge-patch+json"


class Api:
    """Requests to the API server, in order for each object, without waiting for them."""

    def __init__(self, client: Client) -> None:
        context = ssl.create_default_context(cafile=str(client.ca))
        self._session = aiohttp.ClientSession(
            client.url, headers={"Authorization": f"Bearer {client.token}"},
            connector=aiohttp.TCPConnector(ssl=context, limit=64), timeout=aiohttp.ClientTimeout(total=None),
        )  # fmt: skip
        self._last: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        await asyncio.gather(*self._last.values(), return_exceptions=True)
        await self._session.close()

    def send(self, key: str, method: str, path: str, body: object, media: str = "application/json") -> None:
        """Send it after everything sent before with the same key."""
        before = self._last.get(key)
        task = asyncio.get_running_loop().create_task(self._after(before, method, path, body, media))
        self._last[key] = task
        task.add_done_callback(lambda done: self._last.pop(key) if self._last.get(key) is done else None)

    async def _after(self, before: asyncio.Task[None] | None, method: str, path: str, body: object, media: str) -> None:
        if before is not None:
            await asyncio.wait([before])
        status, answer = await self.ask(method, path, body, media)
        # The object, or its namespace, may have gone meanwhile.
        if status >= 400 and status not in (403, 404, 409):
            print(f"{method} {path}: {status} {answer}", file=sys.stderr)

    async def ask(
        self, method: str, path: str, body: object = None, media: str = "application/json"
    ) -> tuple[int, Any]:
        """(status, answer); tried again for as long as the server is away."""
        content = None if body is None else json.dumps(body)
        while True:
            try:
                async with self._session.request(
                    method, path, data=content, headers={"Content-Type": media}
                ) as answer:  # fmt: skip
                    if answer.status not in (429, 500, 503, 504):
                        return answer.status, await answer.json(content_type=None)
            except (aiohttp.ClientError, ConnectionError):
                pass
            await asyncio.sleep(0.2)

    async def events(self, path: str) -> aiohttp.StreamReader:
        answer = await self._session.get(path)
        answer.raise_for_status()
        return answer.content


class Mirror:
    """The objects of some kinds. Its members are those of rehearsal.store.Store that controllers use."""

    def __init__(self, api: Api, watched: tuple[Kind, ...]) -> None:
        self._api = api
        self._watched = watched
        self._objects: dict[Kind, dict[tuple[str, str], Object]] = {kind: {} for kind in watched}
        self._statuses: dict[str, Object] = {}
        self._subscribers: list[Subscriber] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Watch, and come back when everything has been listed."""
        listed = [asyncio.Event() for _ in self._watched]
        self._tasks = [asyncio.ensure_future(self._follow(*pair)) for pair in zip(self._watched, listed, strict=True)]
        await asyncio.gather(*(event.wait() for event in listed))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # as a store

    def peek(self, kind: Kind, namespace: str, name: str) -> Object:
        """Raises ApiError 404."""
        found = self._objects.setdefault(kind, {}).get((namespace, name))
        if found is None:
            raise errors.not_found(kind, name)
        return found

    def exists(self, kind: Kind, namespace: str, name: str) -> bool:
        return (namespace, name) in self._objects.get(kind, {})

    def select(self, kind: Kind, namespace: str | None = None) -> Iterator[Object]:
        for key, obj in list(self._objects.get(kind, {}).items()):
            if namespace in (None, key[0]):
                yield obj

    def subscribe(self, callback: Subscriber) -> None:
        self._subscribers.append(callback)

    def put(self, kind: Kind, obj: Object) -> None:
        """Know an object before the server tells of it."""
        self._objects.setdefault(kind, {})[key_of(obj)] = obj

    def keep_status(self, kind: Kind, obj: Object, status: Object) -> None:
        """The status of this object is ours from now on, whatever older versions of it still arrive."""
        self._statuses[obj["metadata"]["uid"]] = status
        self.put(kind, {**self.peek(kind, *key_of(obj)), "status": status})

    # following

    async def _follow(self, kind: Kind, listed: asyncio.Event) -> None:
        while True:
            try:
                since = await self._list(kind)
                listed.set()
                await self._watch(kind, since)
            except (aiohttp.ClientError, ConnectionError, TimeoutError, EOFError):
                await asyncio.sleep(0.2)

    async def _list(self, kind: Kind) -> str:
        _, found = await self._api.ask("GET", path_of(kind))
        fresh = {key_of(item): item for item in found["items"]}
        for key in set(self._objects[kind]) - set(fresh):
            self._take(kind, "DELETED", self._objects[kind][key])
        for item in fresh.values():
            known = self._objects[kind].get(key_of(item))
            self._take(kind, "MODIFIED" if known else "ADDED", item)
        return str(found["metadata"]["resourceVersion"])

    async def _watch(self, kind: Kind, since: str) -> None:
        stream = await self._api.events(f"{path_of(kind)}?watch=true&resourceVersion={since}")
        pending = b""
        while part := await stream.readany():
            *lines, pending = (pending + part).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self._take(kind, event["type"], event["object"])

    def _take(self, kind: Kind, event: str, obj: Object) -> None:
        uid = obj["metadata"]["uid"]
        if event == "DELETED":
            self._objects[kind].pop(key_of(obj), None)
            self._statuses.pop(uid, None)
        else:
            obj = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
            obj["status"] = self._statuses.get(uid, obj.get("status") or {})
            self._objects[kind][key_of(obj)] = obj
        for subscriber in self._subscribers:
            subscriber(kind, event, obj)


def path_of(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """An address of the API: of a collection, or with a name of an object."""
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return "/".join(part for part in (f"{root}{place}/{kind.plural}", name, subresource) if part)


async def reported(work: Coroutine[Any, Any, None]) -> None:
    """A defect shows in the log."""
    try:
        await work
    except Exception:  # noqa: BLE001 - the others go on
        traceback.print_exc(file=sys.stderr)
