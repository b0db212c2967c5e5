"""The screens' lines as a line of text: ASCII, state first, no bars, wrapped."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sensei_tui.base.text import plain
from sensei_tui.terminal.glyphs import to_ascii
from sensei_tui.widgets.lines import WORD_ROLES, Line, wrap

_METER = re.compile(r"\[[#-]+\]")
_KEYS = (
    (re.compile(r"\bEnter shows a step\b"), "Its number shows a step"),
    (re.compile(r"\bEnter: why\b"), "w: why"),
    (re.compile(r"\bEnter for why\b"), "w for why"),
    (re.compile(r"\bEsc\b"), "0"),
)
"""Keys that no line can hold, in the program's own sentences, and what is answered here instead."""


def text_of(content: Line) -> str:
    """A line's text without trailing blanks."""
    return "".join(text for text, _ in content).rstrip()


def in_plain(text: str) -> str:
    """The program's own sentence, its keys as the answers they are here."""
    for key, answer in _KEYS:
        text = key.sub(answer, text)
    return text


def own(lines: Iterable[Line]) -> list[str]:
    """The program's own lines as text, leading and trailing empty ones left out."""
    texts = [in_plain(text_of(content)) for content in lines]
    while texts and not texts[0]:
        texts.pop(0)
    while texts and not texts[-1]:
        texts.pop()
    return texts


def state_first(content: Line) -> Line:
    """The line with its state word in front, and without bars, which say nothing to an ear."""
    spans = [(text, role) for text, role in content if not _METER.fullmatch(text)]
    place = next((number for number, (text, _) in enumerate(spans) if text.strip() in WORD_ROLES), None)
    if place is None:
        return tuple(spans)
    text, role = spans.pop(place)
    return (f"{text.strip():<{max(6, len(text))}} ", role), *spans


def is_number(text: str) -> bool:
    """Digits, as they are on every keyboard."""
    return text.isascii() and text.isdecimal()


def fitting(text: str, width: int) -> str:
    """A row that only its columns make wider than the line, without the blanks between them."""
    narrow = re.sub(r" {3,}", "  ", text)
    return narrow if len(narrow) <= width < len(text) else text


def folded(text: str, width: int, hang: int = 0) -> list[str]:
    """Text from anywhere as lines of ASCII, at most `width` wide; what goes on stands `hang` further in."""
    rows: list[str] = []
    for part in to_ascii(plain(text)).split("\n"):
        bare = part.strip()
        lead = len(part) - len(part.lstrip())
        lead = lead if lead < width // 2 else 0
        later = lead + hang if lead + hang < width // 2 else lead
        first, *rest = _cut(bare, width - lead, width - later)
        rows += [(" " * lead + first).rstrip(), *(" " * later + row for row in rest)]
    return rows


def _cut(text: str, width: int, later: int) -> list[str]:
    """Words in rows: the first of `width`, the others of `later`, which is no wider."""
    if len(text) <= width:
        return [text]
    first = wrap(text, width)[0]
    rest = text[len(first) :].strip()
    return [first, *(row.strip() for row in wrap(rest, later))] if rest else [first]
