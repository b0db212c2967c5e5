"""What backups leave behind: those that are too many, those that were never finished, and contents that none names.

Several backups may be made at the same time, and one may begin while another cleans. Contents are removed only under a
mark, `backups/NAME/cleaning`. Whoever begins writes its `started-...` first and looks for marks then; whoever cleans
sets its mark first and looks for beginners then: one of them sees the other. A beginner takes the mark away and waits
until the cleaner must have seen that, or the beginner itself: a cleaner that was killed stops nobody, and a mark that
can't be taken away neither.

Several installations may keep their backups in one place. Each removes its own alone; contents belong to all.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sensei_probe import objects
from sensei_probe.kept import STAMP, Damaged, another, begun_of, document, manifest_of, names
from sensei_probe.settings import Failure
from sensei_probe.shelf import Lost, Shelf
from sensei_probe.streams import say

LOOKS_EVERY = 5.0
PAUSE = 400.0
"""Seconds a beginner waits.

A cleaner's requests are made once, and each of their steps is given up after 20 s (see Shelf.hurried): a look or a
deletion takes less than 100 s. It sends no deletion when the last look began PAUSE / 2 ago or more. So its last one has
ended in three quarters of the pause. Not covered: a service that carries a deletion out long after nobody waits for its
answer any more, and a volume that hangs.
"""
PINNED = "pinned"
_YEAR = 366 * 86400


def going_on(shelf: Shelf, own: str, limit: timedelta) -> list[str]:
    """Other backups without a manifest that may be at work: the limit is ours, and another site's may be longer."""
    return [
        name for name, whole in names(shelf).items()
        if not whole and name != own and (_since(name, limit) or _since(name, _its_limit(shelf, name)))
    ]  # fmt: skip


def _since(stamp: str, limit: timedelta) -> bool:
    return stamp > (datetime.now(UTC) - limit).strftime(STAMP)


def _its_limit(shelf: Shelf, name: str) -> timedelta:
    told = begun_of(shelf, name).get("limit")
    return timedelta(seconds=min(told, _YEAR)) if isinstance(told, int | float) else timedelta()


def pin(shelf: Shelf, name: str) -> None:
    """A restore may need it: no cleaning removes it for the longest time that a backup may take. Raises Failure."""
    document(shelf, f"backups/{name}/{PINNED}", {"pinned": datetime.now(UTC).strftime(STAMP)})


def unpin(shelf: Shelf, name: str) -> None:
    """The restore has ended. Raises Failure."""
    shelf.delete(f"backups/{name}/{PINNED}")


def _pinned(shelf: Shelf, name: str, limit: timedelta) -> bool:
    # Not there, or not to be understood: then it pins nothing.
    with contextlib.suppress(Lost, ValueError, KeyError, TypeError):
        return _since(str(json.loads(shelf.read(f"backups/{name}/{PINNED}").read())["pinned"]), limit)
    return False


def let_begin(shelf: Shelf, own: str) -> None:
    """Whoever removes contents at this moment stops; `own` has begun already, and is seen. Raises Failure."""
    marks = [path for path in shelf.list("backups/") if path.endswith("/cleaning") and path.count("/") == 2]
    for path in marks:
        say(f"{path.split('/')[1]} may be removing old contents: it is told to stop, and waited for {PAUSE:.0f} s")
        with contextlib.suppress(Failure):
            shelf.delete(path)
    if marks:
        time.sleep(PAUSE)


def cleaned(shelf: Shelf, keep: int, made: str, limit: timedelta, site: str = "") -> Iterator[str]:
    """Remove our complete backups beyond `keep`, our old incomplete ones, and contents that no backup names.

    Raises Failure.
    """
    for name in _superfluous(shelf, keep, made, limit, site):
        if _pinned(shelf, name, limit):
            yield f"backup {name} stays for now: it was looked at to be restored"
            continue
        # The manifest first: a backup that is half removed must not be offered.
        for path in sorted(shelf.list(f"backups/{name}/"), key=lambda item: not item.endswith("manifest.json")):
            shelf.delete(path)
        yield f"backup {name} removed"
    try:
        yield from _contents(shelf, made, limit)
    except Damaged as error:
        yield f"objects are left as they are: {error}"


def _superfluous(shelf: Shelf, keep: int, made: str, limit: timedelta, site: str) -> list[str]:
    alive = going_on(shelf, made, limit)
    found = {name: whole for name, whole in names(shelf).items() if not another(shelf, name, site)}
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
    mark = _mark(made)
    document(shelf, mark, {"cleaning": made})
    try:
        # Anew: since the first look another may have begun, or ended.
        others = going_on(shelf, made, limit)
        yield _busy(others) if others else _removed(shelf, made, limit)
    finally:
        with contextlib.suppress(Failure):
            shelf.delete(mark)


def _busy(others: list[str]) -> str:
    return f"objects are left as they are: backup {others[-1]} may be going on"


def _kept(shelf: Shelf) -> list[Mapping[str, Any]]:
    return [manifest_of(shelf, name) for name, whole in names(shelf).items() if whole]


def _mark(made: str) -> str:
    return f"backups/{made}/cleaning"


def _removed(shelf: Shelf, made: str, limit: timedelta) -> str:
    count, looked, quick = 0, time.monotonic(), shelf.hurried()
    for path in objects.unnamed(shelf, _kept(shelf)):
        if time.monotonic() - looked >= LOOKS_EVERY:
            looked = time.monotonic()
            if _mark(made) not in quick.list(f"backups/{made}/") or going_on(quick, made, limit):
                return f"{count} objects removed that no backup names, and others left: another backup begins"
            if time.monotonic() - looked >= PAUSE / 2:
                return f"{count} objects removed that no backup names, and others left: the storage answers too slowly"
        quick.delete(path)
        count += 1
    return f"{count} objects removed that no backup names"
