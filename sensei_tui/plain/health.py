"""Health, as lines: is Sensei well?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sensei_tui.base.errors import SenseiError
from sensei_tui.health.model import Health
from sensei_tui.plain.page import AGAIN, Page
from sensei_tui.screens import health as screen
from sensei_tui.widgets.lines import Line, paragraphs
from sensei_tui.widgets.rows import Row

if TYPE_CHECKING:
    from sensei_tui.plain.console import Console


class HealthPage(Page):
    """Components, pods, services or nodes as rows."""

    NAME = "health"
    SCREEN = screen.HealthScreen
    CLOSE = True
    ON_ROW = frozenset({"logs", "describe", "yaml"})
    WORDS = {
        "logs": "a pod's last log lines", "describe": "an object in words, with its events",
        "yaml": "an object as YAML",
        "forward": "open a port to the dashboard, or close it", "view('components')": "list components",
        "view('pods')": "list pods", "view('services')": "list services", "view('nodes')": "list nodes",
    }  # fmt: skip

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.view = "components"

    @property
    def health(self) -> Health:
        """The picture. Raises SenseiError where there is none."""
        if self.session.health is None:
            raise SenseiError("There is no picture of the cluster.", why=self.session.trouble)
        return self.session.health

    def title(self) -> tuple[str, ...]:
        parts = "Health", screen.counted(self.rows(), self.view), screen.watching(self.session)
        return tuple(part for part in parts if part)

    def head(self) -> Iterable[Line]:
        session = self.session
        return [screen.headline(session.health, session.trouble, session.target is None)]

    def rows(self) -> list[Row]:
        health = self.session.health
        names = max((len(pod.name) for pod in health.pods), default=0) if health else 0
        return screen.board_rows(health, self.view, names) if health else []

    def applies(self, action: str) -> bool:
        if action == f"view('{self.view}')":
            return False
        if action == "logs":
            return bool(self.rows()) and self.view in ("components", "pods")
        return bool(self.rows()) if action in self.ON_ROW else super().applies(action)

    def open(self, key: str) -> bool:
        if self.view == "pods":
            return self._logs_of(key)
        lines = screen.detail_lines(self.health, self.view, key, self.talk.width)
        return self.text(key, lines or paragraphs(" It is no longer there."), outside=True)

    def do_view(self, view: str) -> bool:
        """Components, pods, services or nodes."""
        self.view, self.filter = view, ""
        return AGAIN

    def do_logs(self, key: str) -> bool:
        """A pod's last log lines; of several pods one is chosen."""
        pods = screen.pods_of(self.health, self.view, key)
        if not pods:
            self.talk.say(f"{key} has no pods.")
            return False
        pod = pods[0] if len(pods) == 1 else self.console.choose("Which pod?", [(name, name) for name in pods])
        return self._logs_of(pod)

    def _logs_of(self, pod: str) -> bool:
        lines = self.console.work(f"Reading the log of {pod}", lambda: self.session.pod_logs(pod))
        return self.text(f"logs {pod}", screen.pod_log_lines(lines), outside=True)

    def do_describe(self, key: str) -> bool:
        """An object in words, with its events."""
        return self._object("describe", key, self.session.describe)

    def do_yaml(self, key: str) -> bool:
        """An object as the API gives it."""
        return self._object("yaml", key, self.session.object_yaml)

    def _object(self, what: str, key: str, read: Callable[[str, str], str]) -> bool:
        kind, name = screen.object_of(self.health, self.view, key)
        if not name:
            self.talk.say(f"{key} is not deployed here.")
            return False
        text = self.console.work(f"Reading {kind}/{name}", lambda: read(kind, name))
        return self.text(f"{what} {kind}/{name}", paragraphs(text), outside=True)

    def do_forward(self) -> bool:
        """Open a port on this machine to the dashboard, or close it."""
        url = self.console.work("Opening the port", self.session.toggle_forward)
        return self.text("dashboard", screen.forward_lines(url))
