"""What a terminal can show of a pen or a text, and the bytes from one pen to another."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.color import Color, ColorSystem

from sensei_tui.terminal.glyphs import to_ascii
from sensei_tui.terminal.grid import BOLD, DIM, ITALIC, PLAIN, REVERSE, SGR_FLAGS, STRIKE, UNDERLINE, Pen
from sensei_tui.terminal.terminfo import Terminfo

_CAPABILITY = {BOLD: "bold", DIM: "dim", ITALIC: "sitm", UNDERLINE: "smul", REVERSE: "rev"}
_SGR = re.compile(r"\x1b\[(\d+)m")
_SYSTEMS = {8: ColorSystem.STANDARD, 16: ColorSystem.STANDARD}
TRUE_COLOUR = 1 << 24


class Ink:
    """Pens and texts as one terminal can show them.

    Args:
        terminfo: the terminal.
        colours: 0 (none), 8, 16, 256 or TRUE_COLOUR.
        ascii: nothing outside ASCII may be sent.
    """

    def __init__(self, terminfo: Terminfo, colours: int, *, ascii: bool) -> None:
        self.colours = colours
        self.ascii = ascii
        self._flags = sum(flag for flag, name in _CAPABILITY.items() if _SGR.fullmatch(terminfo.text(name)))
        # The terminals that know truecolour know how to strike out.
        self._flags |= STRIKE if colours == TRUE_COLOUR else 0
        self.reset = "\x1b[m" if "\x1b[" in terminfo.text("sgr0") else ""
        """Back to the terminal's own pen."""
        self.pen = lru_cache(4096)(self._pen)
        self.sgr = lru_cache(4096)(self._between)

    def text(self, text: str) -> str:
        """The text, cell for cell."""
        return to_ascii(text) if self.ascii else text

    def _pen(self, pen: Pen) -> Pen:
        foreground = _reduced(pen.foreground, self.colours)
        bright = self.colours == 8 and foreground.startswith("9")
        flags = (pen.flags | (BOLD if bright else 0)) & self._flags
        background = _reduced(pen.background, self.colours)
        if self.colours == 8:
            foreground, background = foreground.replace("9", "3", 1) if bright else foreground, _dark(background)
        return Pen(foreground, background, flags)

    def _between(self, before: Pen, after: Pen) -> str:
        """The shortest SGR sequence; empty for equal pens."""
        if before == after:
            return ""
        if after == PLAIN:
            return "\x1b[m"
        wanted = [str(number) for number, flag in SGR_FLAGS.items() if after.flags & flag]
        whole = ";".join(["", *wanted, *_colours(after)])
        if (
            before.flags & ~after.flags
            or (before.foreground and not after.foreground)
            or (before.background and not after.background)
        ):
            return f"\x1b[{whole}m"
        more = [str(number) for number, flag in SGR_FLAGS.items() if after.flags & ~before.flags & flag]
        more += [colour for colour, old in zip(after[:2], before[:2], strict=True) if colour != old]
        added = ";".join(more)
        return f"\x1b[{min(whole, added, key=len)}m"


def _colours(pen: Pen) -> list[str]:
    return [colour for colour in (pen.foreground, pen.background) if colour]


def _dark(background: str) -> str:
    """100-107 as 40-47: eight colours have no bright ones."""
    return f"4{background[2]}" if background.startswith("10") else background


@lru_cache(4096)
def _reduced(colour: str, colours: int) -> str:
    """An SGR colour as near as the terminal has it."""
    if not colour or not colours:
        return ""
    kind, *rest = colour.split(";")
    if not rest or (rest[0] == "5" and colours >= 256) or colours == TRUE_COLOUR:
        return colour
    numbers = [min(255, int(part)) for part in rest[1:]]
    if rest[0] == "5":
        found = Color.from_ansi(numbers[0] if numbers else 0)
    elif len(numbers) == 3:
        found = Color.from_rgb(*numbers)
    else:
        return ""
    if colours == 256 and found.triplet:
        return f"{kind};5;{_nearest(*found.triplet)}"
    return ";".join(found.downgrade(_SYSTEMS[colours]).get_ansi_codes(foreground=kind == "38"))


_CUBE = (0, 95, 135, 175, 215, 255)
"""Steps of the 6x6x6 colours from 16 on; 24 greys from 8 to 238 follow at 232."""


@lru_cache(4096)
def _nearest(red: int, green: int, blue: int) -> int:
    """Of the 256 colours, the one that is nearest: dark shades are greys, not a step of a cube that begins at 95."""
    steps = [min(range(6), key=lambda step: abs(_CUBE[step] - value)) for value in (red, green, blue)]
    grey = max(0, min(23, round((0.3 * red + 0.6 * green + 0.1 * blue - 8) / 10)))
    cube = sum((_CUBE[step] - value) ** 2 for step, value in zip(steps, (red, green, blue), strict=True))
    shade = sum((8 + 10 * grey - value) ** 2 for value in (red, green, blue))
    return 232 + grey if shade < cube else 16 + 36 * steps[0] + 6 * steps[1] + steps[2]
