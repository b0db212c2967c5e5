"""The append-only event log of one run: `journal.jsonl`, one event a line, each with the digest of the line before.

The chain shows alteration and loss inside the file; `Verified.head` (the digest of the last line) written down
elsewhere also shows a cut-off end.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.paths import PRIVATE_FILE, private_dir
from sensei_tui.base.redaction import Redactor
from sensei_tui.runs.model import Event

DAMAGED = "journal.damaged"
"""Type of the event that stands for a line nobody can read."""
_BOUNDARIES = ("run.", "step.started", "step.finished", "control")
_ENCODE = msgspec.json.Encoder(order="deterministic")
_DECODE = msgspec.json.Decoder(Event)


class JournalError(SenseiError):
    """A journal that is not what a runner wrote."""

    code = "journal"


class Verified(msgspec.Struct, frozen=True):
    """What the check of a whole journal found."""

    events: int
    head: str
    """Hex SHA-256 of the last whole line."""
    torn: int
    """Bytes of an unfinished last line: a runner that was killed while it wrote. Not an error."""


class JournalWriter:
    """Appends events. Any thread may write; every string passes the redactor first.

    An unfinished last line (the runner was killed, the disk was full) is cut off when the file is opened;
    `repaired` says how many bytes that were.
    """

    def __init__(self, path: Path, redact: Redactor) -> None:
        private_dir(path.parent)
        self.redact = redact
        self.repaired, self._seq, self._prev = _repair(path)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        self._lock = threading.Lock()

    def write(self, type: str, step: str = "", /, **data: Any) -> Event:
        """Append one event; at the boundary of a step or of the run it is on disk when this returns. Raises OSError."""
        clean = _redacted(msgspec.to_builtins(data), self.redact)
        with self._lock:
            event = Event(seq=self._seq + 1, at=clock.stamp(), type=type, prev=self._prev, step=step, data=clean)
            line = _ENCODE.encode(event)
            self._append(line + b"\n")
            self._seq, self._prev = event.seq, _digest(line)
            if type.startswith(_BOUNDARIES):
                os.fsync(self._handle)
        return event

    def _append(self, data: bytes) -> None:
        """All of it or nothing: a full disk must not leave half a line in the middle."""
        size = os.fstat(self._handle).st_size
        try:
            while data:
                data = data[os.write(self._handle, data) :]
        except OSError:
            os.ftruncate(self._handle, size)
            raise

    def close(self) -> None:
        """Everything on disk, file closed."""
        os.fsync(self._handle)
        os.close(self._handle)


class Follower:
    """Reads what a journal gains. Cheap to ask: one `stat` if nothing was added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._seq = 0

    def read(self) -> list[Event]:
        """The events since the last call; an unfinished last line stays for the next one. No file: no events."""
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with self._path.open("rb") as source:
                source.seek(self._offset)
                data = source.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [self._event(line) for line in whole.splitlines()]

    def _event(self, line: bytes) -> Event:
        event = _decode(line) or Event(
            seq=self._seq + 1, at="", type=DAMAGED, prev="", data={"line": self._seq + 1, "bytes": len(line)}
        )
        self._seq = event.seq
        return event


def read_events(path: Path) -> list[Event]:
    """Every whole event of a journal; a line nobody can read becomes a `journal.damaged` event."""
    return Follower(path).read()


def verify(path: Path) -> Verified:
    """Check sequence and digests of a whole journal. Raises JournalError naming the first line that does not fit."""
    head, events = "", 0
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    for number, line in enumerate(whole.splitlines(), 1):
        event = _decode(line)
        if event is None:
            raise _broken(path, number, "the line cannot be read")
        if event.seq != number:
            raise _broken(path, number, f"it says it is number {event.seq}: lines are missing or were added")
        if event.prev != head:
            raise _broken(path, number, f"line {number - 1} is not the one that was there when this line was written")
        head, events = _digest(line), number
    return Verified(events=events, head=head, torn=len(data) - len(whole))


def _broken(path: Path, number: int, why: str) -> JournalError:
    remedy = "Keep the file as it is. Compare it with a copy made earlier, or with an evidence pack."
    return JournalError("The journal was altered or damaged.", where=f"{path}:{number}", why=why, remedy=remedy)


def _decode(line: bytes) -> Event | None:
    try:
        return _DECODE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _repair(path: Path) -> tuple[int, int, str]:
    """Cut off an unfinished last line. Returns (bytes cut off, last sequence number, digest of the last line)."""
    if not path.exists():
        return 0, 0, ""
    data = path.read_bytes()
    keep = data.rfind(b"\n") + 1
    if keep != len(data):
        os.truncate(path, keep)
    lines = data[:keep].splitlines()
    return len(data) - keep, len(lines), _digest(lines[-1]) if lines else ""


def _redacted(value: Any, redact: Redactor) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item, redact) for item in value]
    return value


def finished_inputs(events: Iterator[Event] | list[Event], into: dict[str, str]) -> dict[str, str]:
    """Step id -> inputs digest of every step that ended well; a step begun again is no longer known to be done."""
    for event in events:
        if event.type == "step.started":
            into.pop(event.step, None)
        elif event.type == "step.finished" and event.data.get("state") in ("ok", "skip"):
            into[event.step] = str(event.data.get("inputs", ""))
    return into
