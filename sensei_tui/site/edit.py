"""Editing the operator's files: comments, order and quoting of everything that is not edited survive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import write_atomic
from sensei_tui.site import yamlfile
from sensei_tui.site.schema import secret_paths
from sensei_tui.site.site import Site
from sensei_tui.site.values import Values, get_path, merge_documents


class ChangedOnDisk(UsageError):
    """A file was changed by somebody else since it was read."""

    code = "changed-on-disk"


@dataclass
class _File:
    path: Path
    text: str
    saved: str
    """What is on disk, as far as we know."""
    document: Any
    """None while the text is broken YAML."""

    @property
    def mode(self) -> int:
        return self.path.stat().st_mode & 0o777 if self.path.exists() else 0o600


class ValuesEditor:
    """The site's values files, edited as one."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._open: dict[Path, _File] = {}
        self.revert()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in merge order."""
        return tuple(self._open)

    @property
    def dirty(self) -> bool:
        """Whether anything is not saved."""
        return any(file.text != file.saved for file in self._open.values())

    def text(self, path: Path) -> str:
        """A file as it would be saved."""
        return self._open[path].text

    def get(self, path: str) -> Any:
        """The merged value at a dotted path, or None if no file sets it."""
        for file in reversed(self._open.values()):
            value = get_path(file.document or {}, path)
            if value is not None:
                return value
        return None

    def values(self) -> Values:
        """The merged values as edited. Raises YamlError if a file is broken YAML."""
        return merge_documents([(file.path, yamlfile.parse(file.text, file.path)) for file in self._open.values()])

    def set(self, path: str, value: Any) -> None:
        """Set a dotted path in the file that sets it last, else in the first file (a secret: in the last)."""
        file = self._home(path)
        document = self._document(file)
        *parents, last = path.split(".")
        place = document
        for key in parents:
            if not isinstance(place.get(key), dict):
                place[key] = type(document)()
            place = place[key]
        place[last] = value
        file.text = yamlfile.dump(document)

    def unset(self, path: str) -> None:
        """Take a dotted path out of every file; mappings that become empty go with it."""
        for file in self._open.values():
            if get_path(file.document or {}, path) is not None:
                _remove(file.document, path.split("."))
                file.text = yamlfile.dump(file.document) if file.document else ""

    def set_text(self, path: Path, text: str) -> None:
        """Replace a file's text. Raises YamlError if it is broken; the text is kept all the same."""
        file = self._open[path]
        file.text, file.document = text, None
        file.document = yamlfile.parse(text, path)

    def save(self) -> None:
        """Write what changed, each file in one step, its mode kept. Raises ChangedOnDisk, OSError."""
        changed = [file for file in self._open.values() if file.text != file.saved]
        for file in changed:
            on_disk = file.path.read_text(encoding="utf-8") if file.path.exists() else ""
            if _digest(on_disk) != _digest(file.saved):
                raise ChangedOnDisk(
                    "The file was changed by another program since it was opened.", where=str(file.path),
                    remedy="Nothing was written. Compare the two; take back the edits here and make them again.",
                )  # fmt: skip
        for file in changed:
            write_atomic(file.path, file.text, mode=file.mode)
            file.saved = file.text

    def revert(self) -> None:
        """Read everything again. Raises YamlError."""
        paths = self._site.values_files or (self._site.root / self._site.config.values[0],)
        self._open = {path: _read(path) for path in paths}

    def _home(self, path: str) -> _File:
        files = list(self._open.values())
        holders = [file for file in files if get_path(file.document or {}, path) is not None]
        if holders:
            return holders[-1]
        if path in secret_paths() or path.startswith("license."):
            return next((file for file in files if file.path.name.startswith("license")), files[0])
        return files[0]

    def _document(self, file: _File) -> Any:
        if file.document is None:
            # An empty file, or one of comments alone: a first key turns it into a mapping, its comments stay above.
            parsed = yamlfile.parse(
                file.text.rstrip("\n") + "\nkey: 0\n" if file.text.strip() else "key: 0\n", file.path
            )
            del parsed["key"]
            file.document = parsed
        return file.document


def _read(path: Path) -> _File:
    text = yamlfile.read(path) if path.exists() else ""
    return _File(path, text, text, yamlfile.parse(text, path))


def _remove(place: Any, keys: list[str]) -> None:
    if len(keys) > 1:
        _remove(place[keys[0]], keys[1:])
        if not place[keys[0]]:
            del place[keys[0]]
    else:
        del place[keys[0]]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
