"""What the terminal understands: its entry in the system's terminfo database, read without curses.

The format is that of term(5): a header of six 16-bit numbers, names, booleans, numbers, offsets, strings; entries with
the magic number 0o1036 have 32-bit numbers. Only standard capabilities are read. `curses.setupterm` takes one terminal
a process, and keeps padding in its strings.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_MAGIC = {0o432: "h", 0o1036: "i"}
"""Magic number of an entry, and the size of its numbers."""
# Places in the tables of term.h.
_FLAGS = {"am": 1, "xenl": 4, "bce": 28}
_NUMBERS = {"colors": 13}
_STRINGS = {
    "cr": 2, "csr": 3, "clear": 5, "el": 6, "ed": 7, "cup": 10, "cud1": 11, "civis": 13, "cub1": 14, "cnorm": 16,
    "cuf1": 17, "cuu1": 19, "bold": 27, "smcup": 28, "dim": 30, "rev": 34, "smul": 36, "sgr0": 39, "rmcup": 40,
    "cuf": 112, "ind": 129, "ri": 130, "u7": 294, "setaf": 359, "sitm": 311, "kmous": 355,
}  # fmt: skip
_PADDING = re.compile(rb"\$<\d+(?:\.\d+)?[*/]*>")
_DIRECTORIES = (
    "/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo",
)  # fmt: skip


@dataclass(frozen=True)
class Terminfo:
    """One terminal's standard capabilities; strings without padding (the output is paced by the line)."""

    name: str
    flags: frozenset[str]
    numbers: Mapping[str, int]
    strings: Mapping[str, str]

    def has(self, *names: str) -> bool:
        """Whether it has all these strings."""
        return all(self.strings.get(name) for name in names)

    def text(self, name: str, *parameters: int) -> str:
        """A capability with its parameters put in; empty where the terminal lacks it."""
        found = self.strings.get(name, "")
        return expand(found, *parameters) if parameters else found


def load(term: str) -> Terminfo | None:
    """The entry of a terminal, or None where the database has none (or one that can't be read)."""
    for path in _places(term):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if found := _parse(term, content):
            return found
    return None


def _places(term: str) -> Iterator[Path]:
    if not term or "/" in term:
        return
    named = os.environ.get("TERMINFO", "")
    listed = [one for one in os.environ.get("TERMINFO_DIRS", "").split(":") if one]
    home = Path(os.environ.get("HOME", "/"), ".terminfo")
    for directory in [*([named] if named else []), str(home), *listed, *_DIRECTORIES]:
        yield Path(directory, term[0], term)
        yield Path(directory, f"{ord(term[0]):x}", term)


def _parse(term: str, content: bytes) -> Terminfo | None:
    try:
        magic, names, flags, numbers, strings, table = struct.unpack_from("<6h", content)
        size = _MAGIC[magic]
        at = 12 + names
        booleans = content[at : at + flags]
        at += flags + (names + flags) % 2
        values = struct.unpack_from(f"<{numbers}{size}", content, at)
        at += struct.calcsize(f"<{numbers}{size}")
        offsets = struct.unpack_from(f"<{strings}h", content, at)
        texts = content[at + 2 * strings : at + 2 * strings + table]
    except (struct.error, KeyError):
        return None
    return Terminfo(
        name=term,
        flags=frozenset(name for name, place in _FLAGS.items() if booleans[place : place + 1] == b"\1"),
        numbers={name: values[place] for name, place in _NUMBERS.items() if place < numbers and values[place] >= 0},
        strings={name: text for name, place in _STRINGS.items() if (text := _string(texts, offsets, place))},
    )


def _string(texts: bytes, offsets: tuple[int, ...], place: int) -> str:
    start = offsets[place] if place < len(offsets) else -1
    if start < 0:
        return ""
    return _PADDING.sub(b"", texts[start : texts.find(b"\0", start)]).decode("latin-1")


# Parameters: the stack language of terminfo(5), as far as cursor, scroll region and colour strings use it.

_TOKEN = re.compile(
    r"%(?:\{(?P<number>\d+)\}|p(?P<push>[1-9])|(?P<op>[%dci+\-*/m&|^=<>AO!~?te;])|'(?P<char>.)')", re.DOTALL
)
_BINARY: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a // b if b else 0,
    "m": lambda a, b: a % b if b else 0, "&": lambda a, b: a & b, "|": lambda a, b: a | b, "^": lambda a, b: a ^ b,
    "=": lambda a, b: int(a == b), "<": lambda a, b: int(a < b), ">": lambda a, b: int(a > b),
    "A": lambda a, b: int(bool(a and b)), "O": lambda a, b: int(bool(a or b)),
}  # fmt: skip


@lru_cache(4096)
def expand(text: str, *parameters: int) -> str:
    """`\\x1b[%i%p1%d;%p2%dH` with (4, 9) is `\\x1b[5;10H`."""
    return _Expansion(list(parameters)).run(text)


class _Expansion:
    def __init__(self, parameters: list[int]) -> None:
        self._parameters = parameters
        self._stack: list[int] = []
        self._out: list[str] = []
        self._skip = ""
        """While a branch is not taken: the tokens at which it ends."""
        self._depth = 0

    def run(self, text: str) -> str:
        at = 0
        for token in _TOKEN.finditer(text):
            self._literal(text[at : token.start()])
            at = token.end()
            self._token(token)
        self._literal(text[at:])
        return "".join(self._out)

    def _literal(self, text: str) -> None:
        if not self._skip:
            self._out.append(text)

    def _token(self, token: re.Match[str]) -> None:
        op = token["op"] or ""
        if self._skip:
            self._passed_over(op)
        elif token["number"]:
            self._stack.append(int(token["number"]))
        elif token["char"]:
            self._stack.append(ord(token["char"]))
        elif token["push"]:
            place = int(token["push"]) - 1
            self._stack.append(self._parameters[place] if place < len(self._parameters) else 0)
        else:
            self._do(op)

    def _passed_over(self, op: str) -> None:
        """Nested conditions inside a branch that is not taken are skipped whole."""
        if op == "?":
            self._depth += 1
        elif self._depth and op == ";":
            self._depth -= 1
        elif not self._depth and op and op in self._skip:
            self._skip = ""

    def _do(self, op: str) -> None:
        if op in _BINARY:
            second, first = self._pop(), self._pop()
            self._stack.append(_BINARY[op](first, second))
        elif op == "d":
            self._out.append(str(self._pop()))
        elif op == "c":
            self._out.append(chr(self._pop()))
        elif op == "i":
            self._parameters[:2] = [value + 1 for value in self._parameters[:2]]
        elif op == "%":
            self._out.append("%")
        elif op == "!":
            self._stack.append(int(not self._pop()))
        elif op == "~":
            self._stack.append(~self._pop())
        elif op == "t" and not self._pop():
            self._skip = "e;"
        elif op == "e":
            self._skip = ";"

    def _pop(self) -> int:
        return self._stack.pop() if self._stack else 0
