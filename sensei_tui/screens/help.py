"""The operator's guide as help: the page of the screen one is on."""

from __future__ import annotations

import re
from pathlib import Path

from sensei_tui.widgets.lines import Line, cell, line, span, wrap

WIDTH = 76
TERM = 26
"""Columns of a table's first cell."""
_EMPHASIS = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\([^)]*\)")


def guide_directory() -> Path:
    """Where the guide lies: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "guide"
    return installed if installed.is_dir() else package.parent / "docs" / "guide"


def guide_page(name: str) -> list[Line]:
    """A page of the guide as lines; an unknown name says which pages there are."""
    path = guide_directory() / f"{name}.md"
    if path.is_file():
        return render(path.read_text(encoding="utf-8"))
    pages = ", ".join(sorted(page.stem for page in guide_directory().glob("*.md"))) or "none"
    return [line(f"No page {name!r} in the guide. Pages: {pages}")]


def render(markdown: str) -> list[Line]:
    """Headings, paragraphs, lists, code and tables of the guide's Markdown as plain lines."""
    lines: list[Line] = []
    fenced = False
    head: list[str] = []
    for paragraph in _paragraphs(markdown):
        table = paragraph.startswith("|") and not fenced
        if table and head:
            lines += _row(head, _cells(paragraph))
        head = (head or _cells(paragraph)) if table else []
        if table:
            continue
        if paragraph.startswith("```"):
            fenced = not fenced
        elif fenced:
            lines += _code(paragraph)
        elif paragraph.startswith("#"):
            lines += [line(""), line(span(" " + paragraph.lstrip("# "), "title"))]
        else:
            lines += _prose(paragraph)
    return lines


def _code(text: str) -> list[Line]:
    """As it is, or where it is too long: what stands beside a command below it, further in."""
    if len(text) <= WIDTH - 4:
        return [line(span("    " + text, "strong"))]
    command, *beside = re.split(r"(?<=\S) {2,}(?=\S)", text, maxsplit=1)
    rows = [line(span("    " + row, "strong")) for row in wrap(command, WIDTH - 4)]
    return rows + [line("        " + row) for part in beside for row in wrap(part, WIDTH - 8)]


def _cells(text: str) -> list[str]:
    return [_plain(part.strip()) for part in re.split(r"(?<!\\)\|", text.strip().strip("|"))]


def _row(head: list[str], cells: list[str]) -> list[Line]:
    """What the first cell names, and the others beside it, or below where it is long; no line for the rule."""
    if all(re.fullmatch(r":?-+:?", part) for part in cells):
        return []
    between = [f"{name}: {part}" for name, part in zip(head[1:-1], cells[1:-1], strict=False) if part]
    rows = wrap(". ".join([*between, cells[-1]]), WIDTH - TERM)
    term = cells[0]
    if len(term) >= TERM - 1:
        return [line(" ", span(term, "strong")), *(line(" " * TERM + row) for row in rows)]
    terms = [term, *[""] * (len(rows) - 1)]
    return [line(" ", cell(name, TERM - 1, "strong"), span(row)) for name, row in zip(terms, rows, strict=True)]


def _plain(text: str) -> str:
    return _EMPHASIS.sub(lambda match: next(group for group in match.groups() if group), text)


def _prose(text: str) -> list[Line]:
    bullet = re.match(r"(\s*(?:[-*]|\d+\.)\s+)", text)
    indent = " " + " " * len(bullet.group(1)) if bullet else " "
    plain = _plain(text)
    rows = wrap(plain[len(bullet.group(1)) :] if bullet else plain, WIDTH - len(indent))
    first = " " + bullet.group(1) if bullet else indent
    return [line((first if number == 0 else indent) + row) for number, row in enumerate(rows)]


def _paragraphs(markdown: str) -> list[str]:
    """Source lines with the lines of one paragraph or list item joined."""
    joined: list[str] = []
    fenced = False
    for text in markdown.splitlines():
        fence = text.startswith("```")
        alone = (
            fenced or fence or not text.strip() or text.startswith(("#", "|")) or re.match(r"\s*([-*]|\d+\.)\s", text)
        )
        fenced ^= fence
        continues = joined and joined[-1].strip() and not joined[-1].startswith(("#", "|", "```"))
        if alone or not continues:
            joined.append(text)
        else:
            joined[-1] += " " + text.strip()
    return joined
