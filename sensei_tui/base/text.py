"""Text from outside as data: no control characters, known width, numbers with units."""

from __future__ import annotations

import re

# C0 without tab and newline, DEL, C1, and the bidirectional overrides that could disguise a name.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")


def plain(text: str, *, tab: int = 4) -> str:
    """Text without escape sequences and control characters; tabs become spaces, newlines stay."""
    return _CONTROL.sub("", _ANSI.sub("", text)).expandtabs(tab)


def one_line(text: str) -> str:
    """`plain`, folded to one line."""
    return " ".join(plain(text).split())


def clip(text: str, width: int) -> str:
    """Cut to `width` characters; a cut shows as `..`."""
    return text if len(text) <= width else text[: max(0, width - 2)] + ".."


def clip_name(text: str, width: int) -> str:
    """Cut in the middle: what tells names of one kind apart stands at their end."""
    if len(text) <= width:
        return text
    tail = max(0, min(12, width // 2 - 2))
    return text[: max(0, width - tail - 2)] + ".." + text[len(text) - tail :]


def bytes_si(count: float) -> str:
    """Decimal units, as disks are sold: `640 GB`, `1.2 TB`."""
    return _scaled(count, 1000, ("B", "kB", "MB", "GB", "TB", "PB"))


def bytes_iec(count: float) -> str:
    """Binary units, as Kubernetes requests are written: `2 Gi`, `512 Mi`."""
    return _scaled(count, 1024, ("B", "Ki", "Mi", "Gi", "Ti", "Pi"))


def _scaled(count: float, base: int, units: tuple[str, ...]) -> str:
    value, unit = float(count), units[0]
    for unit in units:
        if abs(value) < base or unit == units[-1]:
            break
        value /= base
    digits = 0 if value >= 10 or value == int(value) else 1
    return f"{value:.{digits}f} {unit}"


def plural(count: int, noun: str, many: str = "") -> str:
    """`1 node`, `3 nodes`."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
