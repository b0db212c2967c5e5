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


_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def canonical(text: str | int | float) -> str:
    """The form in which the API keeps a quantity: the largest suffix that leaves a whole number. Raises ValueError."""
    value = parse(text)
    match = _FORM.match(str(text).strip())
    if match and (match[2] or "").endswith("i") and abs(value) >= 1024:
        number, power = _reduced(math.ceil(value), 1024, 0, len(_BINARY) - 1)
        return f"{number}{_BINARY[power]}"
    number, power = _reduced(math.ceil(value * 10**9), 1000, 0, len(_DECIMAL) - 1)
    exponent = 3 * power - 9
    if not number:
        return "0"
    if match and match[3]:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL[exponent]}"


def _reduced(number: int, base: int, power: int, most: int) -> tuple[int, int]:
    """The number less its factors of `base`, and how many they were."""
    while number and number % base == 0 and power < most:
        number, power = number // base, power + 1
    return number, power
