"""What the scenarios render to, in files to review: guide.yaml is whole, the others are what they have instead.

python -m tests.charts.golden           say which files are not as the charts are
python -m tests.charts.golden --write   write them
"""

from __future__ import annotations

import difflib
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sensei_tui.helm.manifest import key
from tests.charts.helpers import SCENARIOS, scenario

DIRECTORY = Path(__file__).parent / "golden"
_CHECKSUM = re.compile(r"^( *checksum/config:) [0-9a-f]{64}$", re.MULTILINE)
"""It follows from the configuration, which is there itself."""
_CONTEXT = 2


class _Dumper(yaml.CSafeDumper):
    """Words of several lines as they are, no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


@functools.cache
def texts() -> dict[str, str]:
    """The name of every file and what it must hold."""
    whole = _objects("guide")
    found = {"guide.yaml": "".join(f"---\n# {name}\n{text}" for name, text in whole.items())}
    for site in SCENARIOS[1:]:
        mine = _objects(site)
        parts = (part for name in sorted({*whole, *mine}) for part in _changes(name, whole, mine))
        found[f"{site}.diff"] = "".join(parts)
    return found


def _objects(site: str) -> dict[str, str]:
    """`release Kind/name` and the object, in the order of these names."""
    found = {
        f"{release} {key(item)}": yaml.dump(item, Dumper=_Dumper, width=1 << 20, allow_unicode=True)
        for release, items in scenario(site).releases.items()
        for item in items
    }
    return {name: _CHECKSUM.sub(r"\1 ...", found[name]) for name in sorted(found)}


def _changes(name: str, old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """An object that is gone is its name; one that is new is whole; of others the lines that differ."""
    if name not in new:
        yield f"--- {name}\n"
    elif name not in old:
        yield f"+++ {name}\n"
        yield from (f"+{line}" for line in new[name].splitlines(keepends=True))
    elif old[name] != new[name]:
        yield f"*** {name}\n"
        lines = difflib.unified_diff(
            old[name].splitlines(keepends=True), new[name].splitlines(keepends=True), n=_CONTEXT
        )
        # Numbers of lines say nothing to a reader, and change with every line above.
        yield from ("@@\n" if line.startswith("@@") else line for line in list(lines)[2:])


def stale() -> list[Path]:
    """Files that are not as they must be, and those of scenarios that are no more."""
    wanted = {DIRECTORY / name: text for name, text in texts().items()}
    left = [path for path in DIRECTORY.iterdir() if path not in wanted]
    return left + [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str]) -> int:
    """0, or 1 where a file is stale and was not to be written."""
    wanted, found = texts(), stale()
    for path in found:
        if "--write" in arguments:
            path.write_text(wanted[path.name]) if path.name in wanted else path.unlink()
        print(f"{'written' if '--write' in arguments else 'stale'}: {path.name}")
    return 1 if found and "--write" not in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
