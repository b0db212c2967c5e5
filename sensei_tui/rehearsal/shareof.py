"""Numbers or percentages (IntOrString) of a whole."""

from __future__ import annotations

import math
from typing import Any


def share(value: Any, whole: int, *, up: bool) -> int:
    """An int-or-percent of `whole`, percentages rounded up or down."""
    if isinstance(value, int):
        return value
    part = whole * int(value.rstrip("%")) / 100
    return math.ceil(part) if up else math.floor(part)
