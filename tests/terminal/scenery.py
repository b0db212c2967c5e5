"""What the stage changes in the console: where its data comes from, the clock, and on demand the driver."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from textual.drivers.linux_driver import LinuxDriver

from sensei_tui import app as wiring
from sensei_tui.base import clock
from sensei_tui.health.model import Health
from sensei_tui.runs.view import RunView
from sensei_tui.screens.deploy import log_line
from sensei_tui.screens.session import Topic
from sensei_tui.site.site import Site
from sensei_tui.widgets.dialogs import Pager
from sensei_tui.widgets.lines import Line
from tests.screens.pictures import PictureSession
from tests.terminal.feed import Feed


class StageSession(PictureSession):
    """Health and run are the feed's."""

    def __init__(self, site: Site, announce: Callable[[Topic], None]) -> None:
        super().__init__(site, announce, "trouble")
        self.feed = Feed(announce)

    @property
    def run(self) -> RunView:
        return self.feed.run

    @property
    def health(self) -> Health | None:
        return self.feed.health

    @health.setter
    def health(self, value: Health | None) -> None:
        """Given once by the pictures; the feed has it already."""


class StageApp(wiring.SenseiApp):
    """The console, with a timer that finds out how long its loop stands still."""

    DEFAULT_MODE = os.environ.get("SENSEI_STAGE_SCREEN", "home")
    session: StageSession

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.stock = os.environ.get("SENSEI_STAGE_DRIVER") == "stock"
        if self.stock:
            self.driver_class = LinuxDriver

    def run(self, *args: Any, **options: Any) -> int | None:
        """Without a mouse where Textual's own driver would ask a poor terminal for one."""
        return super().run(*args, **{**options, "mouse": False} if self.stock else options)

    def on_mount(self) -> None:
        """The base class has its own, which is called too."""
        self._tick()
        self.session.feed.more["pager"] = lambda: self.call_from_thread(self._pager)
        self.session.feed.serve()

    def _tick(self) -> None:
        self.session.feed.gap.tick()
        asyncio.get_running_loop().call_later(self.session.feed.gap.EVERY, self._tick)

    def _lines(self) -> list[Line]:
        return [log_line(item) for item in self.session.run.log]

    def _pager(self) -> None:
        self.push_screen(Pager("log of run 0001", self._lines(), follow=True))

    def on_sensei_app_changed(self, event: wiring.SenseiApp.Changed) -> None:
        """The log over the whole screen grows while it is read."""
        if event.topic is Topic.RUN and isinstance(self.screen, Pager):
            self.screen.tell(self._lines())


def put_up() -> None:
    """Let `sensei_tui.app.run` open this app on this session."""
    clock.now = lambda: datetime(2026, 11, 23, 23, 56, tzinfo=UTC)
    for name, stand_in in (("SenseiApp", StageApp), ("Session", StageSession)):
        setattr(wiring, name, stand_in)
