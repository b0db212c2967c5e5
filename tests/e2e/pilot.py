"""Driving the console by keys, waiting for what is on its screen."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.pilot import Pilot

from sensei_tui.app import SenseiApp


def screen_text(app: SenseiApp) -> str:
    """What is on the screen."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[int], wanted: Callable[[], bool], seconds: float = 60) -> None:
    """Let the console work until something is so."""
    app, deadline = pilot.app, time.monotonic() + seconds
    assert isinstance(app, SenseiApp)
    while not wanted():
        assert time.monotonic() < deadline, screen_text(app)
        await pilot.pause(0.05)


async def shown(pilot: Pilot[int], *texts: str, seconds: float = 60) -> None:
    """Until all of the texts are on the screen."""
    app = pilot.app
    assert isinstance(app, SenseiApp)
    await until(pilot, lambda: all(text in screen_text(app) for text in texts), seconds)
