"""The cluster's state on disk, so that a stopped rehearsal comes back as it was."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.paths import write_atomic
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.store import Store

_FORMAT = 1


class StateError(SenseiError):
    """The saved state of a rehearsal can't be read."""

    code = "rehearsal-state"


class _Saved(msgspec.Struct):
    format: int
    store: Object


def path(directory: Path) -> Path:
    return directory / "state.json"


def save(directory: Path, store: Store) -> None:
    """Write the store to `state.json` (0600: it holds Secrets)."""
    write_atomic(path(directory), msgspec.json.encode(_Saved(_FORMAT, store.dump())))


def load(directory: Path, store: Store) -> bool:
    """Fill the store from `state.json`; False when there is none. Raises StateError."""
    file = path(directory)
    if not file.exists():
        return False
    try:
        saved = msgspec.json.decode(file.read_bytes(), type=_Saved)
    except msgspec.DecodeError as error:
        raise _unreadable(file, str(error)) from error
    if saved.format != _FORMAT:
        raise _unreadable(file, f"it has format {saved.format}, this version reads {_FORMAT}")
    store.load(saved.store)
    return True


def _unreadable(file: Path, why: str) -> StateError:
    remedy = "delete the file to start with an empty cluster"
    return StateError("The saved rehearsal can't be read.", where=str(file), why=why, remedy=remedy)
