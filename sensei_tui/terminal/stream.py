"""Textual's output, taken in: escape sequences and text become cells of the wanted grid.

Textual writes little of what a terminal can do: texts, cursor addresses, SGR, line ends, hyperlinks, modes. What is
not known here changes nothing; text never holds a control character.
"""

from __future__ import annotations

import re

from sensei_tui.terminal.grid import PLAIN, Grid, repen
from sensei_tui.terminal.ink import Ink

_TOKEN = re.compile(
    r"\x1b\[(?P<parameters>[0-9:;<=>?]*)[ -/]*(?P<final>[@-~])"
    r"|(?P<string>\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<escape>\x1b[ -/]*[0-Z\\`-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-9:;<=>?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,4096}\x1b?|[ -/]*)\Z")


class Stream:
    """Writes into a grid. `cursor` is (row, column) where the last write left it."""

    def __init__(self, grid: Grid, ink: Ink) -> None:
        self.grid = grid
        self.ink = ink
        self.cursor = (0, 0)
        self.shown = True
        """Whether the cursor is wanted on the screen."""
        self.bells = 0
        self._pen = PLAIN
        self._left = ""

    def feed(self, data: str) -> None:
        """Take in a write; a sequence that it cuts is finished by the next one."""
        data, at = self._left + data, 0
        while at < len(data):
            if token := _TOKEN.match(data, at):
                self._token(token)
                at = token.end()
            elif _UNFINISHED.match(data, at):
                break
            else:
                at += 1
        self._left = data[at:]

    def _token(self, token: re.Match[str]) -> None:
        y, x = self.cursor
        if token["text"]:
            self.cursor = (y, self.grid.put(y, x, self.ink.text(token["text"]), self.ink.pen(self._pen)))
        elif token["final"]:
            self._control_sequence(token["final"], token["parameters"])
        elif token["control"]:
            self._control(token["control"])

    def _control(self, char: str) -> None:
        y, x = self.cursor
        if char == "\r":
            self.cursor = (y, 0)
        elif char == "\n":
            self.cursor = (y + 1, 0)
        elif char == "\b":
            self.cursor = (y, max(0, x - 1))
        elif char == "\a":
            self.bells += 1

    def _control_sequence(self, final: str, parameters: str) -> None:
        if final == "m" and parameters[:1] not in ("<", "=", ">", "?"):
            self._pen = repen(self._pen, parameters)
        elif final in "Hf":
            y, x, *_ = [*_numbers(parameters, 1), 1]
            self.cursor = (max(0, y - 1), max(0, x - 1))
        elif final in "ABCD":
            self._move(final, _numbers(parameters, 1)[0])
        elif final in "JK":
            self._erase(final, _numbers(parameters, 0)[0])
        elif final in "hl" and parameters == "?25":
            self.shown = final == "h"

    def _move(self, final: str, count: int) -> None:
        y, x = self.cursor
        down, right = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}[final]
        self.cursor = (max(0, y + down * count), max(0, x + right * count))

    def _erase(self, final: str, mode: int) -> None:
        y, x = self.cursor
        first, last = {0: (x, self.grid.columns), 1: (0, x + 1)}.get(mode, (0, self.grid.columns))
        pen = self.ink.pen(self._pen)
        self.grid.erase(y, first, last, pen)
        if final == "J":
            others = {0: range(y + 1, self.grid.height), 1: range(y)}.get(mode, range(self.grid.height))
            for other in others:
                self.grid.erase(other, 0, self.grid.columns, pen)


def _numbers(parameters: str, absent: int) -> list[int]:
    return [int(part) if part.isdigit() and int(part) else absent for part in parameters.split(";")]
