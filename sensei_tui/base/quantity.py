"""Kubernetes quantities (`500m`, `2Gi`, `1e3`) as exact numbers.

Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

_FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|([eE][+-]?\d+))?$")
_SUFFIX = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(1 << 10), "Mi": Decimal(1 << 20), "Gi": Decimal(1 << 30),
    "Ti": Decimal(1 << 40), "Pi": Decimal(1 << 50), "Ei": Decimal(1 << 60),
}  # fmt: skip


def parse(text: str | int | float) -> Decimal:
    """The quantity as a number of base units (cores, bytes). Raises ValueError."""
    match = _FORM.match(str(text).strip())
    if not match:
        raise ValueError(f"not a Kubernetes quantity: {text!r}")
    number, suffix, exponent = match.groups()
    return Decimal(number + exponent) if exponent else Decimal(number) * _SUFFIX[suffix or ""]


def millicores(text: str | int | float) -> int:
    """CPU in thousandths of a core, rounded up as the scheduler does."""
    return math.ceil(parse(text) * 1000)


def whole(text: str | int | float) -> int:
    """Bytes or counts, rounded up."""
    return math.ceil(parse(text))
