"""What backups leave behind: those that are too many, those that were never finished, and contents that none names.

Several backups may be made at the same time, and one may begin while another cleans. Contents are removed only under a
mark, `backups/NAME/cleaning`. Whoever begins writes its `started-...` first and looks for marks then; whoever cleans
sets its mark first and looks for beginners then: one of them sees the other. A beginner takes the mark away and waits
until the cleaner must have seen that: a cleaner that was killed stops nobody.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sensei_probe import objects
from sensei_probe.kept import STAMP, Damaged, document, manifest_of, names
from sensei_probe.settings import Failure
from sensei_probe.shelf import Shelf
from sensei_probe.streams import say

LOOKS_EVERY = 5.0
PAUSE = 400.0
"""Seconds a beginner waits: a cleaner looks at its mark, and a request to delete is given up, in less."""


def going_on(shelf: Shelf, own: str, limit: timedelta) -> list[str]:
    """Other backups without a manifest that may be at work: the limit is the longest that one may take."""
    old = (datetime.now(UTC) - limit).strftime(STAMP)
    return [name for name, whole in names(shelf).items() if not whole and name > old and name != own]


def let_begin(shelf: Shelf, own: str) -> None:
    """Whoever removes contents at this moment stops. Raises Failure."""
    marks = [path for path in shelf.list("backups/") if path.endswith("/cleaning") and path.count("/") == 2]
    for path in marks:
        say(f"{path.split('/')[1]} may be removing old contents: it is told to stop, and waited for {PAUSE:.0f} s")
        with contextlib.suppress(Failure):
            shelf.delete(path)
    if marks:
        time.sleep(PAUSE)


def cleaned(shelf: Shelf, keep: int, made: str, limit: timedelta) -> Iterator[str]:
    """Remove complete backups beyond `keep`, old incomplete ones, and contents that no backup names. Raises Failure."""
    for name in _superfluous(shelf, keep, made, limit):
        # The manifest first: a backup that is half removed must not be offered.
        for path in sorted(shelf.list(f"backups/{name}/"), key=lambda item: not item.endswith("manifest.json")):
            shelf.delete(path)
        yield f"backup {name} removed"
    try:
        yield from _contents(shelf, made, limit)
    except Damaged as error:
        yield f"objects are left as they are: {error}"


def _superfluous(shelf: Shelf, keep: int, made: str, limit: timedelta) -> list[str]:
    found, alive = names(shelf), going_on(shelf, made, limit)
    # The one just made stays, whatever a clock that was set back calls it.
    complete = [name for name, whole in found.items() if whole and name != made]
    gone = complete[: max(0, len(complete) + 1 - max(1, keep))]
    return gone + [name for name, whole in found.items() if not whole and name not in (*alive, made)]


def _contents(shelf: Shelf, made: str, limit: timedelta) -> Iterator[str]:
    if others := going_on(shelf, made, limit):
        yield _busy(others)
        return
    if next(objects.unnamed(shelf, _kept(shelf)), None) is None:
        return
    mark = f"backups/{made}/cleaning"
    document(shelf, mark, {"cleaning": made})
    try:
        # Anew: since the first look another may have begun, or ended.
        others = going_on(shelf, made, limit)
        yield _busy(others) if others else _removed(shelf, mark)
    finally:
        with contextlib.suppress(Failure):
            shelf.delete(mark)


def _busy(others: list[str]) -> str:
    return f"objects are left as they are: backup {others[-1]} may be going on"


def _kept(shelf: Shelf) -> list[Mapping[str, Any]]:
    return [manifest_of(shelf, name) for name, whole in names(shelf).items() if whole]


def _removed(shelf: Shelf, mark: str) -> str:
    count, looked = 0, time.monotonic()
    for path in objects.unnamed(shelf, _kept(shelf)):
        if time.monotonic() - looked >= LOOKS_EVERY:
            if mark not in shelf.list(mark.rpartition("/")[0] + "/"):
                return f"{count} objects removed that no backup names, and others left: another backup begins"
            looked = time.monotonic()
        shelf.delete(path)
        count += 1
    return f"{count} objects removed that no backup names"
