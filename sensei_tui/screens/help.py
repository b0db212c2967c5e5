"""The operator's guide as help: the page of the screen one is on."""

from __future__ import annotations

import re
from pathlib import Path

from sensei_tui.widgets.lines import Line, line, span, wrap

WIDTH = 76
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
    for paragraph in _paragraphs(markdown):
        if paragraph.startswith("```"):
            fenced = not fenced
        elif fenced or paragraph.startswith("|"):
            lines.append(line(span("    " + paragraph, "strong" if fenced else "")))
        elif paragraph.startswith("#"):
            lines += [line(""), line(span(" " + paragraph.lstrip("# "), "title"))]
        else:
            lines += _prose(paragraph)
    return lines


def _prose(text: str) -> list[Line]:
    bullet = re.match(r"(\s*(?:[-*]|\d+\.)\s+)", text)
    indent = " " + " " * len(bullet.group(1)) if bullet else " "
    plain = _EMPHASIS.sub(lambda match: next(group for group in match.groups() if group), text)
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
