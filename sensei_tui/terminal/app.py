"""An app on a terminal of some kind: its profile, its driver, and where the terminal's own cursor stands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual.app import App
from textual.filter import LineFilter
from textual.geometry import Offset
from textual.message_pump import MessagePump

from sensei_tui.terminal.driver import LineDriver
from sensei_tui.terminal.glyphs import AsciiFilter
from sensei_tui.terminal.profile import PROFILES, WORDS, Profile

NOWHERE = Offset(0, 0)
BEHIND = 0.3
"""Seconds: 290 bytes at 9600 bits a second, a few lines of a log."""


class TerminalApp(App[int]):
    """Drawn as `profile` says; the profile can change while it runs."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        super().__init__(driver_class=LineDriver)

    @property
    def cursor_position(self) -> Offset:
        """On the row or in the field that has the focus; the top left corner stands for nowhere.

        A widget says with `cursor_place` where its cursor is on the screen; text fields of Textual have a name of their
        own for it.
        """
        focused = self.focused
        if focused is None or not focused.display:
            return NOWHERE
        place: Offset = getattr(focused, "cursor_place", getattr(focused, "cursor_screen_offset", NOWHERE))
        return place

    @cursor_position.setter
    def cursor_position(self, place: Offset) -> None:
        """Text fields tell the app too, sometimes before they have their place."""

    async def digested(self) -> None:
        """Until the key that came last has done all it does: what it opens gets the next one, not what was before."""
        for _ in range(2):
            focused = self.focused
            pumps: list[MessagePump] = [self, self.screen, *(focused.ancestors_with_self if focused else ())]
            done = asyncio.Event()
            waiting = {pump for pump in pumps if pump.is_running}
            for pump in tuple(waiting):
                pump.call_later(self._done, pump, waiting, done)
            await done.wait()

    @staticmethod
    def _done(pump: MessagePump, waiting: set[MessagePump], done: asyncio.Event) -> None:
        waiting.discard(pump)
        if not waiting:
            done.set()

    @property
    def line_words(self) -> str:
        """The terminal as it is taken to be: `serial (no colour, ASCII, fewest bytes), 9600 bits/s`."""
        speed = self._driver.speed if isinstance(self._driver, LineDriver) else None
        return f"{self.profile.name} ({WORDS[self.profile.name]})" + (f", {speed} bits/s" if speed else "")

    @property
    def line_is_behind(self) -> bool:
        """Whether the line still carries what was drawn BEHIND seconds ago: more news would only delay the next key."""
        return isinstance(self._driver, LineDriver) and self._driver.output.behind > BEHIND

    def use_profile(self, profile: Profile) -> None:
        """From now on: the theme, the class for the stylesheets, what is sent."""
        if profile is not self.profile and isinstance(self._driver, LineDriver):
            self._driver.use(profile)
        self.profile = profile
        self.theme = profile.theme
        for name in PROFILES:
            self.set_class(name == profile.name, f"-{name}")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, then ASCII where the terminal needs it. Colours are reduced by the driver."""
        own = super().get_line_filters()
        return [*own, AsciiFilter()] if self.profile.ascii else own

    def action_redraw(self) -> None:
        """Send everything again: line noise, another program's output."""
        if isinstance(self._driver, LineDriver):
            self._driver.redraw()
