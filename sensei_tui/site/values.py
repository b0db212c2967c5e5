"""The operator's values: files merged as `helm -f A -f B` does, each value knowing where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.site import yamlfile
from sensei_tui.site.site import Site
from sensei_tui.site.tree import get_path

Keys = tuple[str | int, ...]
"""The way to a value: `("llm", "gpu", "count")`."""


class ValuesError(UsageError):
    """The values files cannot be used."""

    code = "values"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written; line and column count from 1."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Values:
    """Merged values of a site."""

    tree: dict[str, Any]
    files: tuple[Path, ...]
    origins: dict[Keys, Origin] = field(default_factory=dict)

    def origin(self, path: Sequence[str | int]) -> Origin | None:
        """Where the value, or the nearest one around it, was written."""
        keys = tuple(path)
        while keys:
            if keys in self.origins:
                return self.origins[keys]
            keys = keys[:-1]
        return Origin(self.files[0], 1, 1) if self.files else None

    @property
    def digest(self) -> str:
        """`sha256:...` of the merged tree."""
        encoded = msgspec.json.encode(self.tree, order="deterministic")
        return f"sha256:{hashlib.sha256(encoded).hexdigest()}"

    def get(self, path: str) -> Any:
        """The value at a dotted path, or None."""
        return get_path(self.tree, path)


def load_values(site: Site, files: Sequence[Path] | None = None) -> Values:
    """Read and merge the site's values files, or these. Raises ValuesError, YamlError."""
    chosen = tuple(files) if files is not None else site.values_files
    if not chosen:
        names = ", ".join(site.config.values)
        raise ValuesError("The site has no values file.", where=str(site.root), remedy=f"Write one of: {names}")
    return merge_documents([(path, yamlfile.parse(yamlfile.read(path), path)) for path in chosen])


def merge_documents(documents: Sequence[tuple[Path, Any]]) -> Values:
    """Merge parsed documents in order."""
    values = Values({}, tuple(path for path, _ in documents))
    for path, document in documents:
        _merge(values.tree, document or {}, (), path, values.origins)
    return values


def _merge(into: dict[str, Any], new: Any, at: Keys, path: Path, origins: dict[Keys, Origin]) -> None:
    for key, value in new.items():
        name = str(key)
        keys = (*at, name)
        origins[keys] = _position(new, key, path)
        if value is None:
            # null deletes, as in Helm: the chart's default is taken away too.
            into[name] = None
        elif isinstance(value, dict):
            if not isinstance(into.get(name), dict):
                into[name] = {}
            _merge(into[name], value, keys, path, origins)
        else:
            into[name] = _plain(value, keys, path, origins)


def _plain(value: Any, at: Keys, path: Path, origins: dict[Keys, Origin]) -> Any:
    if isinstance(value, list):
        for number in range(len(value)):
            line, column = value.lc.item(number) if hasattr(value, "lc") else (0, 0)
            origins[(*at, number)] = Origin(path, line + 1, column + 1)
        return [_plain(item, (*at, number), path, origins) for number, item in enumerate(value)]
    if isinstance(value, dict):
        return {str(key): _plain(item, (*at, str(key)), path, origins) for key, item in value.items()}
    return yamlfile.plain_scalar(value)


def _position(mapping: Any, key: Any, path: Path) -> Origin:
    """Where the key stands; one that comes with a merge (`<<`) stands where its mapping does."""
    lc = getattr(mapping, "lc", None)
    if lc is None or lc.line is None:
        return Origin(path, 1, 1)
    try:
        line, column = lc.key(key)
    except (KeyError, TypeError):
        line, column = lc.line, lc.col
    return Origin(path, line + 1, column + 1)
