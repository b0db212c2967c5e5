"""Home, as lines: what is to be done next?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sensei_tui.base.errors import SenseiError
from sensei_tui.plain.console import Switched
from sensei_tui.plain.page import AGAIN, Away, Page
from sensei_tui.plain.talk import Back
from sensei_tui.screens.base import Key
from sensei_tui.screens.home import (
    KUBECONFIG,
    KUBECONFIG_HINT,
    HomeScreen,
    fact_lines,
    next_lines,
    readable,
    step_rows,
)
from sensei_tui.terminal.profile import PLAIN, PROFILE_VARIABLE, WORDS, keep, usable
from sensei_tui.terminal.terminfo import load
from sensei_tui.widgets.lines import Line
from sensei_tui.widgets.rows import Row


class HomePage(Page):
    """The guided steps as rows 1 to 5."""

    NAME = "home"
    SCREEN = HomeScreen
    BY_ROW = frozenset({"open"})
    EXTRA = (
        Key("p", "profile", "draw the console in another way on this terminal"),
        Key("q", "quit", "leave; a run goes on"),
    )
    WORDS = {"rehearse": "practise on the simulated cluster", "kubeconfig": "name the cluster's kubeconfig"}

    def update(self) -> None:
        """Ages and states are those of now."""
        self.session.refresh()

    def title(self) -> tuple[str, ...]:
        found = self.session.overview
        return (found.version, found.cluster, found.run) if found else ("reading the site",)

    def head(self) -> Iterable[Line]:
        found = self.session.overview
        return next_lines(found, self.talk.width) if found else ()

    def rows(self) -> list[Row]:
        found, health = self.session.overview, self.session.health
        # The step's own number is the number of the line.
        return [Row(row.key, row.line[1:]) for row in step_rows(found, health)] if found else []

    def foot(self) -> Iterable[Line]:
        found, session = self.session.overview, self.session
        return fact_lines(found, session.health, session.trouble, self.talk.width) if found else ()

    def applies(self, action: str) -> bool:
        return action != "rehearse" or not self.session.site.config.rehearsal

    def open(self, key: str) -> bool:
        self.console.go(key)
        return False

    def do_profile(self) -> bool:
        """Another way to draw, where the terminal has a cursor that can be moved."""
        choices = [(name, f"{name:<8}{words}") for name, words in WORDS.items()]
        name = self.console.choose("How shall this terminal be drawn?", choices)
        if name == PLAIN.name:
            return False
        if not (self.talk.on_terminal and usable(load(os.environ.get("TERM", "")))):
            why = f"a screen cannot be drawn on a terminal of kind {os.environ.get('TERM') or '(none)'!r}"
            raise SenseiError("This terminal stays plain.", why=why, remedy="Set TERM to what the terminal is.")
        if not self.console.may_leave():
            raise Back
        keep(os.environ, name)
        os.environ[PROFILE_VARIABLE] = name
        raise Switched

    def do_quit(self) -> bool:
        """Leave; a run goes on."""
        raise Away

    def do_rehearse(self) -> bool:
        """Use the simulated cluster."""
        self.console.work("Starting the simulated cluster", self.session.rehearse)
        return AGAIN

    def do_kubeconfig(self) -> bool:
        """Name a kubeconfig."""
        value = str(Path("~/.kube/config").expanduser())
        path = self.console.question(KUBECONFIG, value=value, hint=KUBECONFIG_HINT, check=readable)
        use = Path(path).expanduser()
        self.console.work("Connecting to the cluster", lambda: self.session.use_kubeconfig(use, ""))
        return AGAIN
