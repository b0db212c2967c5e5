"""A values file as lines that are changed one by one; what may be shown of it."""

from __future__ import annotations

from pathlib import Path

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.redaction import MASK
from sensei_tui.screens.draft import Draft
from sensei_tui.site.masking import masked_text


class YamlText:
    """One of a draft's files. Line numbers count from 1."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._place = 0

    @property
    def path(self) -> Path:
        """The file."""
        files = self._draft.editor.files
        return files[self._place % len(files)]

    @property
    def lines(self) -> list[str]:
        """As they would be saved."""
        return _lines(self._draft.editor.text(self.path))

    def shown(self) -> list[str]:
        """As they may be shown, secrets masked."""
        return _lines(masked_text(self._draft.editor.text(self.path), self.path))

    def hides(self, number: int) -> bool:
        """Whether a secret stands in this line."""
        return 0 < number <= len(self.lines) and MASK in self.shown()[number - 1]

    def next(self) -> None:
        """The next of the site's files, the first after the last."""
        self._place += 1

    def change(self, number: int, text: str) -> SenseiError | None:
        """Another text for a line. Returns what is wrong with the file then; it is kept as it is."""
        lines = self.lines
        lines[number - 1] = text
        return self._put(lines)

    def insert(self, after: int, text: str) -> SenseiError | None:
        """A new line after a line, or before the first."""
        lines = self.lines
        lines.insert(after, text)
        return self._put(lines)

    def delete(self, number: int) -> SenseiError | None:
        """One line less."""
        lines = self.lines
        del lines[number - 1]
        return self._put(lines)

    def _put(self, lines: list[str]) -> SenseiError | None:
        return self._draft.set_text(self.path, "".join(f"{line}\n" for line in lines))


def _lines(text: str) -> list[str]:
    """Split at newlines alone, as YAML counts; other ends of lines stay where they are."""
    lines = text.split("\n")
    return lines[:-1] if not lines[-1] else lines
