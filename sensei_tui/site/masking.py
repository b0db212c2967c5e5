"""A values file as text that may be shown: the same lines, secrets masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, SequenceNode

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.redaction import MASK
from sensei_tui.site import yamlfile
from sensei_tui.site.resolve import REFERENCE
from sensei_tui.site.schema import may_be_shown, secret_paths


def masked_text(text: str, path: Path) -> str:
    """The text with every secret masked, and every value of a setting that does not exist; its lines stay its lines.

    Of broken YAML, and in comments, a secret is told by the name before it. A reference (`${NAME}`) is no secret.
    """
    for start, end in sorted(_hidden(text, path), reverse=True):
        text = text[:start] + _mask(text[start:end]) + text[end:]
    return _named().sub(_masked_line, text)


def _hidden(text: str, path: Path) -> Iterator[tuple[int, int]]:
    try:
        node = yamlfile.compose(text, path)
    except SenseiError:
        return
    yield from _spans(node, "")


def _spans(node: Any, at: str) -> Iterator[tuple[int, int]]:
    """Where values stand that may not be shown, as offsets."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _spans(value, f"{at}.{key.value}" if at else str(key.value))
    elif node is not None and at and not may_be_shown(at):
        if isinstance(node, SequenceNode):
            for item in node.value:
                yield from _spans(item, at)
        elif node.value:
            yield node.start_mark.index, node.end_mark.index


def _mask(value: str) -> str:
    """Every line of a value, its blanks in front kept."""
    if REFERENCE.fullmatch(value.strip("\"' \n")):
        return value
    return re.sub(r"\S[^\n]*", MASK, value)


def _named() -> re.Pattern[str]:
    names = "|".join(sorted({path.rpartition(".")[2] for path in secret_paths()}))
    return re.compile(rf"""^([ \t#]*["']?(?:{names})["']?[ \t]*:[ \t]*)(\S[^\n]*)$""", re.MULTILINE | re.IGNORECASE)


def _masked_line(found: re.Match[str]) -> str:
    value = found[2]
    shown = value.startswith(("#", MASK)) or value[:1] in "|>" or REFERENCE.fullmatch(value.strip("\"' "))
    return found[0] if shown else found[1] + MASK
