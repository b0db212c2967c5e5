"""Home, as lines: what is to be done next?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sensei_tui.plain.page import AGAIN, Page
from sensei_tui.screens.home import (
    KUBECONFIG,
    KUBECONFIG_HINT,
    HomeScreen,
    fact_lines,
    next_lines,
    readable,
    step_rows,
)
from sensei_tui.widgets.lines import Line
from sensei_tui.widgets.rows import Row


class HomePage(Page):
    """The guided steps as rows 1 to 5."""

    NAME = "home"
    SCREEN = HomeScreen
    BY_ROW = frozenset({"open"})
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
        found = self.session.overview
        # The step's own number is the number of the line.
        return [Row(row.key, row.line[1:]) for row in step_rows(found)] if found else []

    def foot(self) -> Iterable[Line]:
        found, session = self.session.overview, self.session
        return fact_lines(found, session.health, session.trouble, self.talk.width) if found else ()

    def applies(self, action: str) -> bool:
        return action != "rehearse" or not self.session.site.config.rehearsal

    def open(self, key: str) -> bool:
        self.console.go(key)
        return False

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
