"""The last log line of what is not ready: often the whole answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from sensei_tui.base.text import clip, one_line
from sensei_tui.cluster.errors import ClusterError
from sensei_tui.health.model import NotReady, Why

REQUESTS = 12
"""Requests at most for one call: the reasons come back with every look, and the API is not only ours."""
TAIL = 20
"""Lines asked for: a log may end in empty ones."""
LONGEST = 300
"""Characters of a line that are kept."""
ENDED = frozenset(
    {"CrashLoopBackOff", "OOMKilled", "Error", "Killed", "ContainerCannotRun", "Completed", "DeadlineExceeded"}
)
RUNS = frozenset({"Unready", "Starting", "Initializing"})


class Logs(Protocol):
    """What is needed of a Cluster."""

    def logs(self, pod: str, container: str = "", tail: int = 200, previous: bool = False) -> list[str]:
        """The last lines of a container's log. Raises ClusterError."""
        ...


def with_last_logs(cluster: Logs, items: Iterable[NotReady]) -> tuple[NotReady, ...]:
    """The same items, `Why.last_log` filled where a container has said something.

    Ended containers come first. A log that cannot be read stays empty, and at most `REQUESTS` are asked for.
    """
    items = tuple(items)
    asked = [why for item in items for why in item.why if why.object.startswith("Pod/")]
    asked.sort(key=lambda why: why.reason not in ENDED)
    reader = _Reader(cluster)
    found = {(why.object, why.container): reader.last(why) for why in asked if why.reason in ENDED | RUNS}
    return tuple(
        msgspec.structs.replace(item, why=tuple(_filled(why, found) for why in item.why)) for item in items
    )  # fmt: skip


def _filled(why: Why, found: dict[tuple[str, str], str]) -> Why:
    line = found.get((why.object, why.container), "")
    return msgspec.structs.replace(why, last_log=line) if line else why


class _Reader:
    def __init__(self, cluster: Logs) -> None:
        self._cluster = cluster
        self._left = REQUESTS

    def last(self, why: Why) -> str:
        """The last line with something in it.

        Of a container that ended the one before comes first: the present one may just have started, its log empty.
        While it lies there ended, a kubelet has no log of the one before, and its own is the right one.
        """
        return (self._line(why, previous=True) if why.reason in ENDED else "") or self._line(why, previous=False)

    def _line(self, why: Why, *, previous: bool) -> str:
        if self._left <= 0:
            return ""
        self._left -= 1
        pod = why.object.removeprefix("Pod/")
        try:
            lines = self._cluster.logs(pod, why.container, tail=TAIL, previous=previous)
        except ClusterError:
            return ""
        return next((clip(text, LONGEST) for line in reversed(lines) if (text := one_line(line))), "")
