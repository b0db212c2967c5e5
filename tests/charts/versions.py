"""The charts in a later version: copies with another `version` and `appVersion`."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.charts.helpers import DIRECTORIES

Node = dict[str, Any]
NOW, NEXT = "1.0.0", "1.1.0"


def charts(root: Path, version: str) -> dict[str, Path]:
    """The chart of each release in a version, copied into a directory."""
    found = {}
    for release, source in DIRECTORIES.items():
        found[release] = root / version / source.name
        shutil.copytree(source, found[release])
        file = found[release] / "Chart.yaml"
        text = file.read_text()
        assert text.count(NOW) == 2, "version and appVersion"
        file.write_text(text.replace(NOW, version))
    return found


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> Node:
    """Values with others on top, as Helm puts them."""
    found = copy.deepcopy(dict(values))
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = merged(found[key], value) if both else copy.deepcopy(value)
    return found
