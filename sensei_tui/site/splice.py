"""Edits in the text of a YAML file: every byte that is not edited stays, comments, quotes and line ends too.

Writing a parsed document back would indent it anew and move comments to other keys. So the parser gives only the
offsets, the text is cut there, and the result is parsed again and compared with what was wanted.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from sensei_tui.base.errors import UsageError
from sensei_tui.site import yamlfile
from sensei_tui.site.tree import get_path, remove_path, set_path

_MERGE = "tag:yaml.org,2002:merge"


class CannotEdit(UsageError):
    """An edit that would change something else as well."""

    code = "cannot-edit"


class _Pair(NamedTuple):
    """A key and its value: offsets in the text."""

    key: int
    column: int
    colon: int
    """Behind the colon."""
    start: int
    end: int
    """Of the value; the same where there is none."""
    node: Any
    """The value's node; None if it stands elsewhere (an alias) or is empty."""

    @property
    def is_block(self) -> bool:
        """Whether the value is a mapping or list on lines of its own."""
        return self.node is not None and _is_collection(self.node) and not self.node.flow_style


def set_value(text: str, path: str, value: Any, file: Path) -> str:
    """The text with a dotted path set. Raises YamlError (broken before), CannotEdit."""
    before = yamlfile.plain(yamlfile.parse(text, file)) or {}
    wanted = copy.deepcopy(before)
    set_path(wanted, path, value)
    return _checked(_set(text, path.split("."), value, before, file), wanted, path, file)


def remove(text: str, path: str, file: Path) -> str:
    """The text without a dotted path and the mappings that become empty. Raises YamlError, CannotEdit."""
    wanted = yamlfile.plain(yamlfile.parse(text, file)) or {}
    remove_path(wanted, path)
    keys = path.split(".")
    while len(keys) > 1 and get_path(wanted, ".".join(keys[:-1])) == {}:
        keys.pop()
        remove_path(wanted, ".".join(keys))
    return _checked(_remove(text, keys, path, file), wanted, path, file)


def _checked(text: str, wanted: dict[str, Any], path: str, file: Path) -> str:
    try:
        if (yamlfile.plain(yamlfile.parse(text, file)) or {}) == wanted:
            return text
    except yamlfile.YamlError:
        pass
    raise _cannot(path, file)


def _cannot(path: str, file: Path) -> CannotEdit:
    return CannotEdit(
        f"{path} cannot be changed alone.", where=str(file), why="it shares its place with others (an anchor, a tag)",
        remedy="Edit the YAML itself.",
    )  # fmt: skip


def _set(text: str, keys: list[str], value: Any, before: dict[str, Any], file: Path) -> str:
    node = yamlfile.compose(text, file)
    if node is None or not hasattr(node, "flow_style") or not _is_collection(node):
        return _append(text, _tree(None, keys, value))
    for depth, key in enumerate(keys):
        rest = keys[depth + 1 :]
        pair = _find(text, node, key)
        if pair is None:
            inherited = get_path(before, ".".join(keys[: depth + 1])) if rest else None
            return _insert(text, node, key, _tree(inherited, rest, value))
        if not rest or pair.node is None or not _is_mapping(pair.node):
            shared = pair.node is None and rest and get_path(before, ".".join(keys[: depth + 1]))
            return _replace(text, pair, _tree(shared, rest, value), flow=bool(node.flow_style))
        node = pair.node
    return text


def _tree(old: Any, keys: list[str], value: Any) -> Any:
    """`value` below these keys, beside what `old` holds."""
    if not keys:
        return value
    made = copy.deepcopy(old) if isinstance(old, dict) else {}
    set_path(made, ".".join(keys), value)
    return made


def _find(text: str, mapping: Any, key: str) -> _Pair | None:
    pairs = ((name, value) for name, value in mapping.value if name.value == key and name.tag != _MERGE)
    return next((_pair(text, name, value) for name, value in pairs), None)


def _pair(text: str, name: Any, value: Any) -> _Pair:
    end_of_key = name.end_mark.index
    found = re.compile(r"\s*:").match(text, end_of_key)
    colon = found.end() if found else end_of_key
    alias = re.compile(r"\s*(\*[^\s,\]}]+)").match(text, colon)
    place = (name.start_mark.index, name.start_mark.column, colon)
    if alias:
        return _Pair(*place, alias.start(1), alias.end(1), None)
    start, end = value.start_mark.index, value.end_mark.index
    if start >= end or start < colon:
        return _Pair(*place, colon, colon, None)
    return _Pair(*place, start, _trimmed(text, start, end, value), value)


def _trimmed(text: str, start: int, end: int, node: Any) -> int:
    """The parser ends a block at the next key; comments and blank lines before that are not part of it."""
    lines = text[start:end].rstrip().splitlines(keepends=True)
    while _is_collection(node) and not node.flow_style and lines[-1].lstrip()[:1] in ("#", ""):
        lines.pop()
    return start + len("".join(lines).rstrip())


def _replace(text: str, pair: _Pair, new: Any, *, flow: bool) -> str:
    if flow or not (isinstance(new, dict | list) and new):
        if pair.is_block:
            text = _without_lines(text, pair.start, pair.end)
        blank = pair.start == pair.end or pair.is_block
        start, end = (pair.colon, pair.colon) if blank else (pair.start, pair.end)
        return text[:start] + (" " if blank else "") + _inline(new) + text[end:]
    kept = _without_lines(text, pair.start, pair.end) if pair.is_block else text[: pair.colon] + text[pair.end :]
    return _put_lines(kept, _line_end(kept, pair.colon), _block(new, pair.column + 2))


def _insert(text: str, mapping: Any, key: str, new: Any) -> str:
    last = _pair(text, *mapping.value[-1]) if mapping.value else None
    if mapping.flow_style:
        at = last.end if last else mapping.end_mark.index - 1
        return text[:at] + (", " if last else "") + _inline({key: new})[1:-1] + text[at:]
    assert last is not None  # a block mapping has a key
    first = mapping.value[0][0].start_mark.column
    return _put_lines(text, _past_comments(text, _line_end(text, last.end), first), _block({key: new}, first))


def _append(text: str, new: dict[str, Any]) -> str:
    lines = _block(new, 0)
    return _put_lines(text, len(text.rstrip()), lines) + _newline(text) if text.strip() else "\n".join(lines) + "\n"


def _remove(text: str, keys: list[str], path: str, file: Path) -> str:
    node = yamlfile.compose(text, file)
    pair: _Pair | None = None
    for number, key in enumerate(keys):
        node = pair.node if pair else node
        pair = _find(text, node, key) if node is not None and _is_mapping(node) else None
        if pair is None or (pair.node is None and number < len(keys) - 1):
            raise _cannot(path, file)
    assert pair is not None
    if not node.flow_style:
        return _without_lines(text, pair.key, pair.end)
    after = re.compile(r"\s*,\s*").match(text, pair.end)
    before = re.compile(r"\s*,\s*$").search(text[: pair.key])
    start = before.start() if before and not after else pair.key
    return text[:start] + text[after.end() if after else pair.end :]


def _without_lines(text: str, start: int, end: int) -> str:
    """Without the lines that hold this range."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    return text[:first] + ("" if last < 0 else text[last + 1 :])


def _put_lines(text: str, at: int, lines: list[str]) -> str:
    newline = _newline(text)
    return text[:at] + newline + newline.join(lines) + text[at:]


def _past_comments(text: str, at: int, column: int) -> int:
    """Behind the comments that are indented deeper than this column: they belong to what is above them."""
    place = at
    for found in re.compile(r"(?:\r?\n)([ ]*)(#[^\r\n]*)?(?=\r?\n|$)").finditer(text, at):
        if found.start() != at or (found.group(2) and len(found.group(1)) <= column):
            break
        at = found.end()
        place = at if found.group(2) else place
    return place


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" else end


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _inline(value: Any) -> str:
    return str(yaml.safe_dump([value], default_flow_style=True, width=1 << 20, allow_unicode=True))[1:-2]


def _block(value: Any, indent: int) -> list[str]:
    text = yaml.safe_dump(value, default_flow_style=False, sort_keys=False, width=1 << 20, allow_unicode=True)
    return [" " * indent + line for line in str(text).splitlines()]


def _is_mapping(node: Any) -> bool:
    return str(node.id) == "mapping"


def _is_collection(node: Any) -> bool:
    return str(node.id) in ("mapping", "sequence")
