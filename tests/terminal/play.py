"""Starts one of the programs that are measured, at the end of a line, and commands it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from tests.terminal.feed import CONTROL
from tests.terminal.line import Line, shows

ROOT = Path(__file__).parents[2]
VARIANTS = {
    "stock": ("stage", {"SENSEI_STAGE_DRIVER": "stock", "SENSEI_STAGE_SCREEN": "health"}),
    "ours": ("stage", {"SENSEI_STAGE_SCREEN": "health"}),
    "curses": ("twin_curses", {}),
    "urwid": ("twin_urwid", {}),
}
"""Name -> module and environment. All start on Health; `pager` opens the log over the whole screen, Esc closes it."""
_DROPPED = ("COLORTERM", "LC_", "NO_COLOR", "SENSEI_", "TEXTUAL_", "ESCDELAY", "COLUMNS", "LINES")
"""Beginnings of variables that would make two runs differ."""
FILLED = shows("DEGRADED", "Workers", "dashboard-7c9d-1", "Esc home")
"""Health stands on the screen."""


class Play:
    """A variant in a terminal. `line` is its Line; `do` gives a command (feed.py) and waits for its answer."""

    def __init__(self, variant: str, *, term: str = "vt100", env: dict[str, str] | None = None, **line: Any) -> None:
        module, wanted = VARIANTS[variant]
        here, there = socket.socketpair()
        locale = "C" if term.startswith("vt") else "C.UTF-8"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_DROPPED)}
        self._state = TemporaryDirectory()  # what is remembered of terminals is the operator's own
        given = {"TERM": term, "LANG": locale, "XDG_STATE_HOME": self._state.name, CONTROL: str(there.fileno())}
        given |= {**wanted, **(env or {})}
        command = (sys.executable, "-m", f"tests.terminal.{module}")
        with there:
            self.line = Line(command, env={**kept, **given}, cwd=ROOT, pass_fds=(there.fileno(),), **line)
        self._peer = here
        self._answers = here.makefile("r", newline="\n")

    def __enter__(self) -> Play:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.line.close()
        self._answers.close()
        self._peer.close()
        self._state.cleanup()

    def do(self, *words: object) -> str:
        """Give a command; its answer, `ok` where there is nothing to tell."""
        self._peer.sendall((" ".join(map(str, words)) + "\n").encode())
        return self._answers.readline().strip()

    def gap(self) -> float:
        """The longest the program's loop stood still since `forget`, in seconds."""
        return float(self.do("gap"))
