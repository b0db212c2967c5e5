"""A bundle at hand: its archive, what is in it, and whether it may be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from sensei_tui.bundle.archive import Archive
from sensei_tui.bundle.contents import AGAIN, SUMS, Contents, read_contents
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.joined import Joined, Missing, open_bundle
from sensei_tui.bundle.oci import Document, digest_of
from sensei_tui.bundle.signed import NotTrusted, Seal, check_seal, seal_of
from sensei_tui.bundle.signers import BadSignature, Signer, allowed_signers
from sensei_tui.bundle.verify import OnBytes, check_files, check_small, documents, lacking, sums

_NAMED = 5


@dataclass
class Bundle:
    """An open bundle. Only its head has been read."""

    archive: Archive
    contents: Contents

    @classmethod
    def open(cls, *paths: Path, keep: Path | None = None) -> Bundle:
        """A file, an unpacked directory, or volumes in any order. Raises NoBundle, BadBundle, NewerBundle.

        `keep`: where lies what earlier volumes brought (joined.Joined).
        """
        archive = open_bundle(paths, keep)
        return cls(archive, read_contents(archive))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """A medium that is held open can't be taken out."""
        self.archive.close()

    @property
    def path(self) -> Path:
        """Of the file, or the directory."""
        return self.archive.path

    @cached_property
    def digest(self) -> str:
        """Of SHA256SUMS, which names everything else: what a plan remembers of a bundle."""
        return digest_of(self.archive.text(SUMS))

    @cached_property
    def documents(self) -> dict[str, Document]:
        """Every manifest. Raises BadBundle where one, or a small file, is not what its digest says, or a blob is
        missing."""
        self.check_small()
        found = documents(self.archive, self.contents)
        problems = list(lacking(self.archive, self.contents, found))
        if problems:
            more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
            raise BadBundle(
                "The bundle is not whole.", where=str(self.path), why="; ".join(problems[:_NAMED]) + more,
                remedy="Copy it again from its source.",
            )  # fmt: skip
        return found

    @property
    def size(self) -> int:
        """Bytes of all files that are here."""
        return sum(entry.size for part in self._parts for entry in part.entries.values())

    @property
    def is_several(self) -> bool:
        """Whether it was opened as volumes."""
        return isinstance(self.archive, Joined)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """Volumes that are not here, with what they hold."""
        return self.archive.missing if isinstance(self.archive, Joined) else ()

    @property
    def _parts(self) -> list[Archive]:
        return self.archive.archives if isinstance(self.archive, Joined) else [self.archive]

    def damaged(self, on_bytes: OnBytes) -> list[str]:
        """Reads every byte. A sentence for each file that is not as it should be; of volumes with the volume's path."""
        wanted, archive = sums(self.archive), self.archive
        if not isinstance(archive, Joined):
            return check_files(archive, wanted, on_bytes)
        found = list[str]()
        for part in archive.archives:
            found += [f"{part.path}: {text}" for text in check_files(part, archive.sums_of(part, wanted), on_bytes)]
            found += [f"{part.path}: {name}: no checksum names it" for name in archive.strange(part, wanted)]
            found += self._unfitting(part)
        return found

    def _unfitting(self, part: Archive) -> list[str]:
        """What is wrong with a volume's own signature, whoever made it: of a bundle in one file `seal` says it."""
        try:
            check_seal(part, self.contents)
        except NotTrusted:
            return []
        except (BadSignature, BadBundle) as error:
            return [f"{error.where}: {error.what} {error.why}".strip()]
        return []

    def problems(self, on_bytes: OnBytes) -> list[str]:
        """Everything that is wrong with what is here, a sentence each; every byte is read. Raises BadBundle."""
        return self.damaged(on_bytes) or list(
            lacking(self.archive, self.contents, documents(self.archive, self.contents))
        )

    def check_small(self) -> None:
        """Every file that is no blob is what SHA256SUMS says, and no other is there. Raises BadBundle."""
        wanted, found = sums(self.archive), list[str]()
        for part in self._parts:
            found += [f"{part.path}: {text}" for text in check_small(part, wanted)]
        if isinstance(self.archive, Joined):
            found += [f"{part.path}: {name}: no checksum names it"
                      for part in self.archive.archives for name in self.archive.strange(part, wanted)]  # fmt: skip
        self.refuse(found)

    def refuse(self, damaged: list[str]) -> None:
        """Raises BadBundle where anything is damaged."""
        if damaged:
            raise BadBundle(
                "The bundle is damaged.", where=str(self.path), why="; ".join(damaged[:_NAMED]), remedy=AGAIN
            )

    def alone(self, keys: Path | None, now: datetime) -> dict[str, str]:
        """Volumes that are less trusted than all of them together, and why: each has its own signature, for it may
        come without the others. Raises BadKey."""
        trusted = allowed_signers(keys) if keys else ()
        whole, *each = (_refusal(item, self.contents, trusted, now) for item in (self.archive, *self._parts))
        return {str(part.path): why for part, why in zip(self._parts, each, strict=True) if why not in ("", whole)}

    def seal(self, keys: Path | None, now: datetime, *, allow_unsigned: bool) -> tuple[Seal | None, str]:
        """Who signed it; or None and why, where that is accepted. Raises NotTrusted, BadSignature, BadKey."""
        try:
            return seal_of(self.archive, self.contents, allowed_signers(keys) if keys else (), now), ""
        except NotTrusted as error:
            if not allow_unsigned:
                raise
            return None, f"{error.what} {error.why}".strip()


def _refusal(archive: Archive, contents: Contents, trusted: tuple[Signer, ...], now: datetime) -> str:
    """Why its signature is refused; empty where it is taken."""
    try:
        seal_of(archive, contents, trusted, now)
    except (NotTrusted, BadSignature, BadBundle) as error:
        return f"{error.what} {error.why}".strip()
    return ""
