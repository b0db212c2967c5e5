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


def begun_of(shelf: Shelf, name: str) -> dict[str, Any]:
    """What its first file says: `site`, and `limit`, the seconds that it may take. Raises Failure."""
    first = f"backups/{name}/started-"
    for path in [path for path in shelf.list(f"backups/{name}/") if path.startswith(first)]:
        with contextlib.suppress(ValueError, Lost):
            found = json.loads(shelf.read(path).read())
            return found if isinstance(found, dict) else {}
    return {}


def site_of(shelf: Shelf, name: str) -> str:
    """The installation that made it; nothing where it does not say. Raises Failure."""
    found = begun_of(shelf, name)
    if "site" not in found:
        with contextlib.suppress(Damaged):
            found = manifest_of(shelf, name)
    return str(found.get("site", ""))


def another(shelf: Shelf, name: str, site: str) -> str:
    """Whose it is, if not this site's: one that does not say counts as ours. Raises Failure."""
    whose = site_of(shelf, name)
    return whose if whose != site else ""


def newest(shelf: Shelf, site: str = "") -> dict[str, Any] | None:
    """The manifest of our newest backup that has a readable one. Raises Failure."""
    for name in reversed([name for name, whole in names(shelf).items() if whole]):
        with contextlib.suppress(Damaged):
            found = manifest_of(shelf, name)
            if not another(shelf, name, site):
                return found
    return None


def chosen(shelf: Shelf, name: str, site: str = "") -> str:
    """A complete backup's name, `latest` for our newest; another installation's only by its name. Raises Failure."""
    found = names(shelf)
    complete = [item for item, whole in found.items() if whole]
    if name in complete:
        return name
    ours = next((item for item in reversed(complete) if not another(shelf, item, site)), "")
    if name == LATEST and ours:
        return ours
    there = f"the newest is {ours}" if ours else _none(complete, site)
    if name in found:
        raise Failure(
            f"backup {name} is incomplete: it has no manifest, and can't be restored. Of the complete ones {there}"
        )
    raise Failure(f"there is no complete backup {name}: {there}. See: sensei backup list")


def _none(others: list[str], site: str) -> str:
    if not others:
        return "there is none"
    return f"there is none of {site or 'this installation'}, and {len(others)} of others: name one to restore it here"


def listing(shelf: Shelf, site: str = "") -> list[dict[str, Any]]:
    """Newest first, another installation's with its `site`; not complete where the manifest can't be read.

    Raises Failure.
    """
    return [_row(shelf, name, complete, site) for name, complete in reversed(names(shelf).items())]


def _row(shelf: Shelf, name: str, complete: bool, site: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "label": name.partition("-")[2], "complete": complete}
    if whose := another(shelf, name, site):
        row["site"] = whose
    if not complete:
        return row
    try:
        found = manifest_of(shelf, name)
    except Damaged as error:
        return {**row, "complete": False, "why": str(error)}
    sizes = {kind: found[kind]["size"] for kind in ("database", "objects", "vectors")}
    return {**row, "version": found.get("version", ""), "objects": found["objects"]["count"], "bytes": sizes}
