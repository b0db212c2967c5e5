"""YAML files of an operator: positions of every node, comments kept, mistakes named with line and remedy."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from sensei_tui.base.errors import UsageError


class YamlError(UsageError):
    """A file that is not YAML, or not YAML we can use."""

    code = "yaml"


def read(path: Path) -> str:
    """The text of a file. Raises YamlError if it is missing, unreadable or not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise YamlError(
            "The file does not exist.", where=str(path), remedy="Check the name, or 'sensei init'."
        ) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        why = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise YamlError(
            "The file is not UTF-8 text.", where=f"{path}:{line}", why=why, remedy="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise YamlError("The file cannot be read.", where=str(path), why=error.strerror or str(error)) from None


def parse(text: str, path: Path) -> Any:
    """A round-trip document (a ruamel CommentedMap, or None if empty). Raises YamlError with line and column."""
    try:
        document = _yaml().load(text)
    except DuplicateKeyError as error:
        key = re.search(r'"([^"]*)"', str(error.problem or ""))
        raise _located(
            error, path, f"The key {key.group(1) if key else ''} is there twice.", "Keep one of the two."
        ) from None
    except MarkedYAMLError as error:
        raise _located(error, path, "The file is not valid YAML.", _remedy(error, text)) from None
    except YAMLError as error:
        raise YamlError("The file is not valid YAML.", where=str(path), why=_first_line(str(error))) from None
    if document is not None and not isinstance(document, dict):
        raise YamlError(
            "The file must hold keys and values.", where=f"{path}:1", why=f"it holds a {_kind(document)}",
            remedy="Begin with a key, for example 'global:'.",
        )  # fmt: skip
    return document


def dump(document: Any) -> str:
    """The document as text, comments and order kept."""
    out = io.StringIO()
    _yaml().dump(document, out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _located(error: MarkedYAMLError, path: Path, what: str, remedy: str) -> YamlError:
    mark = error.problem_mark or error.context_mark
    where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
    # The problem is the parser's own words; the context would quote the file, which may hold a secret.
    return YamlError(what, where=where, why=_first_line(str(error.problem or "")), remedy=remedy)


def _remedy(error: MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "Indent with spaces: YAML does not allow tabs."
    return "Look at this line and the one above: indentation, a missing colon, or a quote that is not closed."


def _first_line(text: str) -> str:
    return re.sub(r'"[^"]{3,}"', '"..."', text.strip().splitlines()[0]) if text.strip() else ""


def _kind(value: Any) -> str:
    return "list" if isinstance(value, list) else "text" if isinstance(value, str) else type(value).__name__
