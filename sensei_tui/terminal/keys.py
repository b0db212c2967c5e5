"""What comes from the terminal: keys for Textual's parser, answers for us, noise for nobody.

Whole sequences leave here, never parts: a key that the line cuts in two is put together again, a reply that nobody
asked for is dropped, and a burst of bytes that is no text is line noise, whatever keys might be in it.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import NamedTuple

_SEQUENCE = re.compile(
    r"\x1b\[\[[A-E]"  # function keys of the Linux console
    r"|\x1b\[M[\x20-\xff]{3}"  # a mouse in the old form
    r"|\x1b\[[0-9:;<=>?]*[ -/]*[@-Z\\^-~]"
    r"|\x1bO[0-9;]*[A-Za-z]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
)
_KEY = re.compile(
    r"\x1b\[(?:[A-DFHPQRSZ]|\[[A-E]|[0-9;]+[~^$@A-Hu]|1;[0-9]+[PQRS]|M...|<[0-9;]+[Mm]|200~|201~)"
    r"|\x1bO[0-9;]*[A-Za-z]",
    re.DOTALL,
)
"""Sequences that are keys, pastes or the mouse."""
_UNFINISHED = re.compile(r"\x1b(?:\[[^@-Z\\^-~\x1b]{0,40}|\[M[\x20-\xff]{0,2}|O[0-9;]*|[\]PX^_][^\x07\x1b]*\x1b?)?\Z")
ESC = "\x1b"
_FOREIGN_BYTES = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as the decoder hands them on."""
_STATUS = re.compile(r"\x1b\[[03]n")
_CURSOR = re.compile(r"\x1b\[(\d+);(\d+)R")
QUIET = 0.15
"""Seconds of silence that end a burst of noise."""
SPLIT = 0.4
"""Seconds that a lone Esc waits for the rest of a sequence on a line that may cut one in two (a serial line, a jump
host with 300 ms round trips); research/serial.md saw 250 ms."""
NEAR = 0.1
"""The same on a line that does not."""
PASTE = 2.0
"""Seconds without a byte after which a paste has ended, even if its end never came."""
_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
_MANY = 16
"""Characters that come at once and were not typed: a paste into a terminal that does not mark them."""
_BURST = 0.1
"""Seconds within which what follows such characters belongs to them."""
LATE = 1.0
"""Seconds after a lone Esc in which the rest of a sequence is not taken for text."""
_LONGEST = 64
_FOREIGN = 2
"""Bytes that are no UTF-8: one may be a key of an old terminal (and is dropped), more at once are noise."""


class Arrived(NamedTuple):
    """What a read brought. `keys` are sequences, whole pastes, characters and lone Escs, in order."""

    keys: tuple[str, ...] = ()
    answers: int = 0
    """Status reports."""
    cursor: tuple[int, int] | None = None
    """A cursor report: (row, column), from 1."""


@dataclass
class Keys:
    """Takes bytes as they come; `patience` is how long a lone Esc waits, in seconds."""

    patience: float = NEAR
    expects_cursor: bool = False
    """Whether a cursor report was asked for: `CSI 1;2R` is Shift+F3 otherwise."""
    _left: str = ""
    _since: float = 0.0
    _noise_until: float = 0.0
    _late_until: float = 0.0
    """An Esc has been given out alone before: what would have ended it is no text."""
    _burst_until: float = 0.0
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    )

    def feed(self, data: bytes, now: float) -> Arrived:
        """Bytes that were read at `now` (seconds of any clock)."""
        text, foreign = _FOREIGN_BYTES.subn("", self._decoder.decode(data))
        pasted = self._pasting or _PASTE_START in text
        if not pasted and (foreign >= _FOREIGN or now < self._noise_until):
            self._noise_until, self._left = now + QUIET, ""
            return Arrived()
        text, self._left = self._left + text, ""
        return self._cut(text, now)

    def tick(self, now: float) -> Arrived:
        """Time has passed: a lone Esc that nothing followed is the key, other unfinished sequences are noise."""
        if not self._left or now - self._since < (PASTE if self._pasting else self.patience):
            return Arrived()
        left, self._left = self._left, ""
        if left.startswith(_PASTE_START):
            return Arrived((left + _PASTE_END,))
        if left != ESC:
            return Arrived()
        self._late_until = now + LATE
        return Arrived((ESC,))

    @property
    def _pasting(self) -> bool:
        return self._left.startswith(_PASTE_START)

    @property
    def waits(self) -> bool:
        """Whether `tick` has something to decide."""
        return bool(self._left)

    def _cut(self, text: str, now: float) -> Arrived:
        keys: list[str] = []
        answers, cursor, at = 0, None, 0
        while at < len(text):
            if text[at] != ESC:
                end = text.find(ESC, at)
                end = len(text) if end < 0 else end
                keys += self._plain(text[at:end], now)
                at = end
            elif text.startswith(_PASTE_START, at):
                end = text.find(_PASTE_END, at)
                if end < 0:
                    self._left, self._since = text[at:], now
                    break
                at, key = end + len(_PASTE_END), text[at : end + len(_PASTE_END)]
                keys.append(key)
            elif found := _SEQUENCE.match(text, at):
                answers += bool(_STATUS.fullmatch(found[0]))
                cursor = self._cursor(found[0]) or cursor
                keys.append(self._key(found[0]))
                at = found.end()
            elif _UNFINISHED.match(text, at):
                self._keep(text[at:], now)
                break
            else:
                # No Alt: an Esc and a key typed after it would be the same, and operators type both in haste.
                keys.append(ESC)
                at += 1
        return Arrived(tuple(key for key in keys if key), answers, cursor)

    def _plain(self, text: str, now: float) -> list[str]:
        """Characters outside sequences: one by one as typed, many at once as a paste.

        The rest of a sequence whose Esc came long before is not among them.
        """
        if now < self._late_until:
            text = re.sub(r"^[\[O][0-9;]*[A-Za-z~]", "", text)
        self._late_until = 0.0
        body = text.rstrip("\r")
        if len(body) > _MANY or (now < self._burst_until and len(body) > 1):
            self._burst_until = now + _BURST
            return [f"{_PASTE_START}{body}{_PASTE_END}", *text[len(body) :]]
        return list(text)

    def _cursor(self, sequence: str) -> tuple[int, int] | None:
        found = _CURSOR.fullmatch(sequence) if self.expects_cursor else None
        return (int(found[1]), int(found[2])) if found else None

    def _key(self, sequence: str) -> str:
        if self.expects_cursor and _CURSOR.fullmatch(sequence):
            return ""
        return sequence if _KEY.fullmatch(sequence) else ""

    def _keep(self, rest: str, now: float) -> None:
        """An unfinished sequence waits for its end; a second Esc after it, or too many bytes, and it was noise."""
        if len(rest) <= _LONGEST:
            self._left, self._since = rest, now
