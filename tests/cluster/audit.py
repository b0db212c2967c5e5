"""What the operators asked of the real API server: the documented permissions against those that were used.

`python -m tests.cluster.audit LOG...` prints the table; the exit code is 1 where a permission that is granted was not
used by any test, or one that was asked for is not granted.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sensei_tui.preflight import access

CREATED_BY_TESTS = "operator-"


class Right(NamedTuple):
    """One verb on one resource; `wide` outside the namespace."""

    group: str
    resource: str
    verb: str
    wide: bool


class Asked(NamedTuple):
    """A request of an operator."""

    right: Right
    user: str
    allowed: bool


def granted() -> set[Right]:
    """What `sensei access` grants."""
    inside = {
        Right(row.group, row.resource, verb, False) for row in (*access.OURS, *access.CHARTS) for verb in row.verbs
    }
    return inside | {Right(row.group, row.resource, verb, True) for row in access.CLUSTER for verb in row.verbs}


def read(logs: Iterable[Path]) -> Iterator[Asked]:
    """The operators' requests for resources in audit logs."""
    for path in logs:
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event["user"]["username"].startswith(CREATED_BY_TESTS) and (found := event.get("objectRef")):
                yield _asked(event, found)


def _asked(event: dict[str, Any], found: dict[str, Any]) -> Asked:
    resource = "/".join(part for part in (found["resource"], found.get("subresource")) if part)
    right = Right(found.get("apiGroup", ""), resource, event["verb"], "namespace" not in found)
    allowed = (event.get("annotations") or {}).get("authorization.k8s.io/decision") == "allow"
    return Asked(right, event["user"]["username"], allowed)


def main(paths: list[str]) -> int:
    """Print what was used, and what was not."""
    requests = list(read(map(Path, paths)))
    used = Counter(item.right for item in requests if item.allowed)
    denied = Counter(item.right for item in requests if not item.allowed)
    for right in sorted(granted()):
        print(f"{used[right]:7}  {_words(right)}")
    unused = sorted(granted() - set(used))
    for right in unused:
        print(f"never used: {_words(right)}")
    for right, count in sorted(denied.items()):
        print(f"refused {count} times: {_words(right)}")
    return 1 if unused else 0


def _words(right: Right) -> str:
    name = f"{right.resource}.{right.group}" if right.group else right.resource
    return f"{right.verb} {name}{' (everywhere)' if right.wide else ''}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
