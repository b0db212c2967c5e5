"""What a site has: the digests of a bundle that it loaded, small enough for a mail to whoever makes the next one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sensei_tui.bundle.archive import SECTOR
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.create import inventory
from sensei_tui.bundle.errors import BadBundle, NoBundle
from sensei_tui.bundle.joined import open_bundle

MOST: Final = 4 << 20
"""Bytes: as an archive's index, which has a line for each file as well."""
_HEAD = re.compile(r"sensei inventory 1 (\S{1,64})")
_LINE = re.compile(r"(sha256:[0-9a-f]{64}) ([0-9]{1,15})")


def inventory_text(known: Mapping[str, int], version: str) -> str:
    """`sensei inventory 1 VERSION`, then `sha256:HEX SIZE` lines; sizes are bytes."""
    lines = [f"{digest} {known[digest]}" for digest in sorted(known)]
    return "\n".join([f"sensei inventory 1 {version}", *lines, ""])


def known_by(path: Path) -> tuple[dict[str, int], str]:
    """Digests with their sizes, and the version, of a bundle or of an inventory. Raises NoBundle, BadBundle."""
    if not path.is_dir() and (text := _text(path)) is not None:
        return _parsed(text, str(path))
    archive = open_bundle([path])
    contents = read_contents(archive)
    return inventory(archive) | {item.digest: item.size for item in contents.left}, contents.version


def _text(path: Path) -> str | None:
    """An inventory's text; None where the file is something else."""
    try:
        with path.open("rb") as file:
            head = file.read(SECTOR)
            if not head.startswith(b"sensei inventory "):
                return None
            return (head + file.read(MOST)).decode(errors="replace")
    except OSError as error:
        raise NoBundle("The file can't be read.", where=str(path), why=error.strerror or str(error)) from None


def _parsed(text: str, where: str) -> tuple[dict[str, int], str]:
    head, *lines = text.split("\n")
    match = _HEAD.fullmatch(head)
    if not match or lines[-1:] != [""]:
        why = "its first line is not understood" if not match else "it was cut"
        raise BadBundle("The inventory can't be read.", where=where, why=why)
    found: dict[str, int] = {}
    for number, line in enumerate(lines[:-1], 2):
        item = _LINE.fullmatch(line)
        if not item or item[1] in found:
            raise BadBundle("The inventory can't be read.", where=f"{where}:{number}", why="it is no digest and size")
        found[item[1]] = int(item[2])
    return found, match[1]
