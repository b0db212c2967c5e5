"""The backups there are: their names, their manifests, and one of them chosen."""

from __future__ import annotations

import contextlib
import io
import json
import re
from typing import Any

from sensei_probe.settings import Failure
from sensei_probe.shelf import Lost, Shelf

FORMAT = 1
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"\d{8}T\d{6}Z-[a-z-]+")
LATEST = "latest"
_SAYS = {
    "database": {"size", "sha256"}, "objects": {"count", "size", "bytes", "sha256"}, "vectors": {"size", "sha256"},
}  # fmt: skip
"""What a manifest says at least."""


class Damaged(Failure):
    """A backup that is there and can't be read."""


def names(shelf: Shelf) -> dict[str, bool]:
    """Name -> whether it is complete, oldest first."""
    found: dict[str, bool] = {}
    for path in shelf.list("backups/"):
        # Other programs leave something, too: an object for a directory, `.DS_Store`.
        _, name, file = [*path.split("/", 2), "", ""][:3]
        if file and NAME.fullmatch(name):
            found[name] = found.get(name, False) or file == "manifest.json"
    return dict(sorted(found.items()))


def document(shelf: Shelf, path: str, content: Any) -> None:
    """Written as JSON. Raises Failure."""
    shelf.write(path, io.BytesIO(json.dumps(content, ensure_ascii=False, indent=1).encode()))


def manifest_of(shelf: Shelf, name: str) -> dict[str, Any]:
    """Raises Damaged, Failure."""
    try:
        found = json.loads(shelf.read(f"backups/{name}/manifest.json").read())
    except (ValueError, Lost):
        raise Damaged(f"the manifest of backup {name} is damaged") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Damaged(f"backup {name} was made by another version of this program")
    if any(not isinstance(found.get(kind), dict) or not keys <= found[kind].keys() for kind, keys in _SAYS.items()):
        raise Damaged(f"the manifest of backup {name} is damaged")
    return found


def newest(shelf: Shelf) -> dict[str, Any] | None:
    """The manifest of the newest backup that has a readable one. Raises Failure."""
    for name in reversed([name for name, whole in names(shelf).items() if whole]):
        with contextlib.suppress(Damaged):
            return manifest_of(shelf, name)
    return None


def chosen(shelf: Shelf, name: str) -> str:
    """A complete backup's name, `latest` for the newest. Raises Failure."""
    found = names(shelf)
    complete = [item for item, whole in found.items() if whole]
    if name == LATEST and complete:
        return complete[-1]
    if name in complete:
        return name
    there = f"the newest is {complete[-1]}" if complete else "there is none"
    if name in found:
        raise Failure(
            f"backup {name} is incomplete: it has no manifest, and can't be restored. Of the complete ones {there}"
        )
    raise Failure(f"there is no complete backup {name}: {there}. See: sensei backup list")


def listing(shelf: Shelf) -> list[dict[str, Any]]:
    """Newest first; one whose manifest can't be read is not complete. Raises Failure."""
    return [_row(shelf, name, complete) for name, complete in reversed(names(shelf).items())]


def _row(shelf: Shelf, name: str, complete: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "label": name.partition("-")[2], "complete": complete}
    if not complete:
        return row
    try:
        found = manifest_of(shelf, name)
    except Damaged as error:
        return {**row, "complete": False, "why": str(error)}
    sizes = {kind: found[kind]["size"] for kind in ("database", "objects", "vectors")}
    return {**row, "version": found.get("version", ""), "objects": found["objects"]["count"], "bytes": sizes}
