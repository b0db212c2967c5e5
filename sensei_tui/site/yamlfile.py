"""YAML files of an operator: positions of every node, mistakes named with line and remedy, never with a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import TaggedScalar
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarbool import ScalarBoolean

from sensei_tui.base.errors import UsageError


class YamlError(UsageError):
    """A file that is not YAML, or not YAML we can use."""

    code = "yaml"


def read(path: Path) -> str:
    """The text of a file, line ends as they are. Raises YamlError if it is missing, unreadable or not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise YamlError(
            "The file does not exist.", where=str(path), remedy="Check the name, or 'sensei init'."
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        why = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise YamlError(
            "The file is not UTF-8 text.", where=f"{path}:{line}", why=why, remedy="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise YamlError("The file cannot be read.", where=str(path), why=error.strerror or str(error)) from None


def parse(text: str, path: Path) -> Any:
    """A document that knows its positions (a ruamel CommentedMap, or None if empty). Raises YamlError."""
    document = _guarded(_yaml().load, text, path)
    if document is not None and not isinstance(document, dict):
        raise YamlError(
            "The file must hold keys and values.", where=f"{path}:1", why=f"it holds a {_kind(document)}",
            remedy="Begin with a key, for example 'global:'.",
        )  # fmt: skip
    return document


def compose(text: str, path: Path) -> Any:
    """The tree of nodes with their offsets in the text, or None if it is empty. Raises YamlError."""
    return _guarded(_yaml().compose, text, path)


def plain(value: Any) -> Any:
    """A document, or a part of one, as dicts, lists and scalars of Python's own types."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return plain_scalar(value)


def plain_scalar(value: Any) -> Any:
    """One scalar. What has no counterpart in JSON (a date, a tag of its own) is text."""
    if isinstance(value, ScalarBoolean):
        return bool(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, TaggedScalar):
        return str(value.value)
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _guarded(load: Callable[[str], Any], text: str, path: Path) -> Any:
    try:
        return load(text)
    except DuplicateKeyError as error:
        # The parser goes on with both values, one of which could be a secret: only the key is taken.
        key = re.match(r'found duplicate key "([^"]*)"', str(error.problem or ""))
        what = f"The key {key.group(1) if key else ''} is there twice."
        raise YamlError(what, where=_place(error, path), remedy="Keep one of the two.") from None
    except MarkedYAMLError as error:
        raise _located(error, path, "The file is not valid YAML.", _remedy(error, text)) from None
    except ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        why = "there is a control character that YAML does not allow"
        raise YamlError("The file is not text.", where=f"{path}:{line}", why=why, remedy="Save it as UTF-8.") from None
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError):
        # The engine's constructors speak of the value itself (`!!int secret`), so nothing of what they say is kept.
        why = "a value does not fit the tag (!!...) before it"
        raise YamlError("The file is not valid YAML.", where=str(path), why=why, remedy="Take the tag away.") from None
    except RecursionError:
        raise YamlError("The file is nested too deeply.", where=str(path)) from None


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    return yaml


def _located(error: MarkedYAMLError, path: Path, what: str, remedy: str) -> YamlError:
    # The problem is the parser's own words; the context would quote the file, which may hold a secret.
    return YamlError(what, where=_place(error, path), why=_first_line(str(error.problem or "")), remedy=remedy)


def _place(error: MarkedYAMLError, path: Path) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)


def _remedy(error: MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "Indent with spaces: YAML does not allow tabs."
    if "single document" in str(error.context or ""):
        return "Keep one document in a file: take the second '---' and what follows away."
    return "Look at this line and the one above: indentation, a missing colon, or a quote that is not closed."


def _first_line(text: str) -> str:
    """The parser's words, without the words of the file it quotes; `'<scalar>'` and single characters are its own."""
    return re.sub(r"""(["'])(?=\S)[^"',<>]{3,}\1""", '"..."', text.strip().splitlines()[0]) if text.strip() else ""


def _kind(value: Any) -> str:
    return "list" if isinstance(value, list) else "text" if isinstance(value, str) else type(value).__name__
