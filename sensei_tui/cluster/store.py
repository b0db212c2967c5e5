"""The cluster as a picture that keeps itself up to date: one list and watch for each kind, in threads."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from sensei_tui.base import clock
from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.snapshot import Snapshot
from sensei_tui.cluster.watch import ALL, Watched, Watcher

QUIET = 0.2
"""Seconds between two pictures at least: changes in between are one picture."""
SHARE = 4
"""The receiver of pictures gets at most one part in `SHARE + 1` of the time: a huge cluster must not eat a core."""
JOIN = 2.0


class ClusterStore:
    """Keeps a Snapshot of one namespace, of all nodes, and of all pods where we may list them.

    `on_change` is called from a thread of the store with each new picture.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, on_change: Callable[[Snapshot], None], *,
        kinds: Sequence[Watched] = ALL,
    ) -> None:  # fmt: skip
        self._namespace = namespace
        self._on_change = on_change
        self._stop = threading.Event()
        self._dirty = threading.Event()
        self._complete = threading.Event()
        self._watchers = [Watcher(cluster, namespace, kind, self._dirty, self._stop, random.Random()) for kind in kinds]
        self._threads: list[threading.Thread] = []
        self.snapshot = Snapshot(namespace=namespace)
        """The newest picture."""

    def start(self) -> None:
        """Begin to list and watch. Returns at once."""
        work = [*((item.kind.name, item.run) for item in self._watchers), ("publish", self._publish)]
        self._threads = [threading.Thread(target=run, name=f"store {name}", daemon=True) for name, run in work]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End every watch; no picture comes after this returns (unless called by the receiver itself)."""
        self._stop.set()
        self._dirty.set()
        for watcher in self._watchers:
            watcher.close()
        deadline = clock.monotonic() + JOIN
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - clock.monotonic()))

    def wait_complete(self, timeout: float) -> bool:
        """Wait until every kind was listed once, or is known to be forbidden. False when `timeout` s have passed."""
        return self._complete.wait(timeout)

    def _publish(self) -> None:
        while not self._stop.is_set():
            self._dirty.wait()
            self._dirty.clear()
            if self._stop.is_set():
                return
            started = clock.monotonic()
            self.snapshot = self._picture()
            if self.snapshot.complete:
                self._complete.set()
            self._on_change(self.snapshot)
            self._stop.wait(max(QUIET, SHARE * (clock.monotonic() - started)))

    def _picture(self) -> Snapshot:
        maps: dict[str, dict[str, Any]] = {}
        for watcher in self._watchers:
            maps.setdefault(watcher.kind.field, {}).update(watcher.objects())
        troubles = list(dict.fromkeys(item.trouble for item in self._watchers if item.trouble))
        more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
        frozen = {field: MappingProxyType(objects) for field, objects in maps.items()}
        return Snapshot(
            namespace=self._namespace, complete=all(item.listed for item in self._watchers),
            trouble=troubles[0] + more if troubles else "", **frozen,
        )  # fmt: skip
