"""What a site has: the digests of a bundle that it loaded, small enough for a mail to whoever makes the next one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from sensei_tui.bundle.archive import SECTOR, Archive
from sensei_tui.bundle.contents import BLOBS, Contents, read_contents
from sensei_tui.bundle.errors import BadBundle, NoBundle
from sensei_tui.bundle.joined import open_bundle
from sensei_tui.bundle.pool import reachable
from sensei_tui.bundle.verify import documents

MOST: Final = 4 << 20
"""Bytes: as an archive's index, which has a line for each file as well."""
_HEAD = re.compile(r"sensei inventory 1 (\S{1,64})")
_LINE = re.compile(r"(sha256:[0-9a-f]{64}) ([0-9]{1,15})(?: ([A-Za-z0-9][A-Za-z0-9._:/@+-]{0,400}))?")


@dataclass(frozen=True)
class Inventory:
    """What there is once a bundle of `version` is loaded, its own base included."""

    version: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Digest -> bytes."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Digest -> an image that has it."""

    def text(self) -> str:
        """`sensei inventory 1 VERSION`, then `sha256:HEX SIZE NAME` lines; sizes are bytes."""
        lines = [
            f"{digest} {self.sizes[digest]} {self.names.get(digest, '')}".rstrip() for digest in sorted(self.sizes)
        ]
        return "\n".join([f"sensei inventory 1 {self.version}", *lines, ""])


def inventory_of(archive: Archive, contents: Contents) -> Inventory:
    """Of an open bundle. Raises BadBundle."""
    left = {item.digest: item for item in contents.left}
    names = {digest: item.name for digest, item in left.items() if item.name}
    found = documents(archive, contents)
    for item in contents.items:
        names |= dict.fromkeys(reachable(found, item.digest), item.name)
    return Inventory(contents.version, blobs_of(archive) | {item.digest: item.size for item in contents.left}, names)


def blobs_of(archive: Archive) -> dict[str, int]:
    """Digest -> bytes of the blobs in a bundle, those of its other volumes too. Raises BadBundle."""
    sizes = archive.absent | {name: entry.size for name, entry in archive.entries.items()}
    found = {f"sha256:{name.removeprefix(BLOBS)}": size for name, size in sizes.items() if name.startswith(BLOBS)}
    if not found:
        raise BadBundle("The bundle has no blobs.", where=str(archive.path))
    return found


def known_by(path: Path) -> Inventory:
    """Of a bundle, or as an inventory has it. Raises NoBundle, BadBundle."""
    if not path.is_dir() and (text := _text(path)) is not None:
        return _parsed(text, str(path))
    archive = open_bundle([path])
    return inventory_of(archive, read_contents(archive))


def _text(path: Path) -> str | None:
    """An inventory's text, also of what `-o json` printed; None where the file is something else."""
    try:
        with path.open("rb") as file:
            head = file.read(SECTOR)
            if not head.startswith((b"sensei inventory ", b"{")):
                return None
            content = head + file.read(MOST)
    except OSError as error:
        raise NoBundle("The file can't be read.", where=str(path), why=error.strerror or str(error)) from None
    return _text_of_json(content, path) if content.startswith(b"{") else content.decode(errors="replace")


def _text_of_json(content: bytes, path: Path) -> str:
    try:
        return msgspec.json.decode(content, type=Inventory).text()
    except msgspec.DecodeError as error:
        raise BadBundle("The inventory can't be read.", where=str(path), why=str(error)) from None


def _parsed(text: str, where: str) -> Inventory:
    head, *lines = text.split("\n")
    match = _HEAD.fullmatch(head)
    if not match or lines[-1:] != [""]:
        why = "its first line is not understood" if not match else "it was cut"
        raise BadBundle("The inventory can't be read.", where=where, why=why)
    sizes, names = dict[str, int](), dict[str, str]()
    for number, line in enumerate(lines[:-1], 2):
        item = _LINE.fullmatch(line)
        if not item or item[1] in sizes:
            raise BadBundle("The inventory can't be read.", where=f"{where}:{number}", why="it is no digest and size")
        sizes[item[1]] = int(item[2])
        names |= {item[1]: item[3]} if item[3] else {}
    return Inventory(match[1], sizes, names)
