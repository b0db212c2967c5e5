"""The bounded history of changes, and the watches that read it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from sensei_tui.rehearsal.errors import ApiError, expired

HISTORY = 1000
"""Changes kept for each kind. kube-apiserver's watch cache holds 100 to 102,400; etcd keeps five minutes."""

BACKLOG = 10_000
"""Changes a watcher may fall behind before its stream is ended (it will list again)."""


class Change(NamedTuple):
    """One write: `previous` is what the object was before (None for ADDED)."""

    revision: int
    type: str
    object: dict[str, Any]
    previous: dict[str, Any] | None


class Watch:
    """The changes of one kind from a point on, in order: `async for change in watch`, then `close()`."""

    def __init__(self, hub: History, namespace: str | None, backlog: list[Change]) -> None:
        self._hub = hub
        self._namespace = namespace
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue()
        for change in backlog:
            self.offer(change)

    def offer(self, change: Change) -> None:
        """Called by the history; ends the stream of a reader that is hopelessly behind."""
        if self._namespace is not None and change.object["metadata"].get("namespace") != self._namespace:
            return
        if self._queue.qsize() >= BACKLOG:
            self.close()
        else:
            self._queue.put_nowait(change)

    async def next(self) -> Change | None:
        """The next change; None when the stream was ended."""
        return await self._queue.get()

    def ready(self) -> list[Change]:
        """The further changes that need no waiting (the end stays for `next`)."""
        found = []
        while not self._queue.empty():
            change = self._queue.get_nowait()
            if change is None:
                self._queue.put_nowait(None)
                break
            found.append(change)
        return found

    async def __aiter__(self) -> AsyncIterator[Change]:
        while (change := await self.next()) is not None:
            yield change

    def close(self) -> None:
        """End the stream: a reader that waits gets the end. May be called twice."""
        self._hub.watches.discard(self)
        self._queue.put_nowait(None)


class History:
    """The latest changes of one kind and those who watch it."""

    def __init__(self, oldest: int) -> None:
        self.oldest = oldest
        """Watches may start at this resource version or later."""
        self.changes: deque[Change] = deque()
        self.watches: set[Watch] = set()

    def append(self, change: Change) -> None:
        self.changes.append(change)
        while len(self.changes) > HISTORY:
            self.oldest = self.changes.popleft().revision
        for watch in tuple(self.watches):
            watch.offer(change)

    def forget(self, revision: int) -> None:
        """Compaction: what happened up to `revision` can no longer be watched."""
        while self.changes and self.changes[0].revision <= revision:
            self.changes.popleft()
        self.oldest = max(self.oldest, revision)

    def watch(self, namespace: str | None, since: int) -> Watch:
        """Everything after `since`. Raises ApiError 410 when that is no longer known."""
        if since < self.oldest:
            raise too_old(since, self.oldest)
        watch = Watch(self, namespace, [change for change in self.changes if change.revision > since])
        self.watches.add(watch)
        return watch


def too_old(asked: int, oldest: int) -> ApiError:
    return expired(f"too old resource version: {asked} ({oldest})")
