"""Editing the operator's files as one: which file an edit goes to, saving, and taking back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import write_atomic
from sensei_tui.site import splice, yamlfile
from sensei_tui.site.license import LICENSE_FILE
from sensei_tui.site.schema import is_secret
from sensei_tui.site.site import Site
from sensei_tui.site.tree import get_path
from sensei_tui.site.values import Values, merge_documents


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

    def put(self, text: str) -> None:
        """Take this text, even if it is broken. Raises YamlError then."""
        self.text, self.document = text, None
        self.document = yamlfile.parse(text, self.path)


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
        """A setting as the last file that sets it has it, or None. (Of a group: what that one file holds.)"""
        for file in reversed(self._open.values()):
            value = get_path(file.document, path)
            if value is not None:
                return value
        return None

    def values(self) -> Values:
        """The merged values as edited. Raises YamlError if a file is broken YAML."""
        return merge_documents([(file.path, yamlfile.parse(file.text, file.path)) for file in self._open.values()])

    def file_of(self, path: str) -> Path:
        """The file that `set` would write this dotted path to."""
        return self._home(path).path

    def set(self, path: str, value: Any) -> None:
        """Set a dotted path in the file that sets it last, else in the first (a secret: in license.yaml).

        Raises CannotEdit, YamlError.
        """
        file = self._home(path)
        file.put(splice.set_value(file.text, path, value, file.path))

    def unset(self, path: str) -> None:
        """Take a dotted path out of every file, and mappings that become empty. Raises CannotEdit, YamlError."""
        for file in self._open.values():
            if get_path(file.document, path) is not None:
                file.put(splice.remove(file.text, path, file.path))

    def set_text(self, path: Path, text: str) -> None:
        """Replace a file's text. Raises YamlError if it is broken; the text is kept all the same."""
        self._open[path].put(text)

    def save(self) -> None:
        """Write what changed, each file in one step, its mode kept. Raises ChangedOnDisk, OSError."""
        changed = [file for file in self._open.values() if file.text != file.saved]
        for file in changed:
            if _on_disk(file.path) != file.saved:
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
        holders = [file for file in files if get_path(file.document, path) is not None]
        if holders:
            return holders[-1]
        return self._license_file() if is_secret(path) or path.startswith("license.") else files[0]

    def _license_file(self) -> _File:
        """license.yaml, begun if it is not there; the first file of a site that does not merge it."""
        path = self._site.root / LICENSE_FILE
        if LICENSE_FILE in self._site.config.values and path not in self._open:
            self._open[path] = _read(path)
            order = [self._site.root / name for name in self._site.config.values]
            self._open = dict(sorted(self._open.items(), key=lambda item: order.index(item[0])))
        return self._open.get(path) or next(iter(self._open.values()))


def _read(path: Path) -> _File:
    text = _on_disk(path)
    return _File(path, text, text, yamlfile.parse(text, path))


def _on_disk(path: Path) -> str:
    return yamlfile.read(path) if path.exists() else ""
