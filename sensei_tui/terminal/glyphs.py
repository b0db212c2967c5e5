"""Nothing outside ASCII reaches a terminal that cannot show it: a filter on every rendered line."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_LINES = dict.fromkeys("─━═╌┄┈╴╶▔▁⎽╸╺", "-") | dict.fromkeys("│┃║╎┆┊╵╷▏▎▕▐▌╹╻", "|")
_CORNERS = dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋", "+")
_BLOCKS = dict.fromkeys("█▉▊▋▍▄▀▆▇▅▃▂▓■▪●◉", "#") | dict.fromkeys("░▒□○◌", ".")
_SIGNS = {"…": "..", "→": "->", "←": "<-", "↑": "^", "↓": "v", "•": "*", "·": ".", "✓": "v", "✗": "x", "▶": ">",
          "▸": ">", "›": ">", "‹": "<", "–": "-", "—": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "×": "x",
          "≤": "<", "≥": ">", "\u00a0": " "}  # fmt: skip
_TABLE = str.maketrans(_LINES | _CORNERS | _BLOCKS | {key: sign[0] for key, sign in _SIGNS.items()})


@lru_cache(4096)
def to_ascii(text: str) -> str:
    """The same number of terminal cells in ASCII; what has no likeness becomes `?`."""
    if text.isascii():
        return text
    mapped = text.translate(_TABLE)
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in mapped)


class AsciiFilter(LineFilter):
    """Maps every segment to ASCII just before it is written."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """See LineFilter."""
        del background
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]
