"""The Textual application: modes, keys, errors and signals. Wiring only."""

from __future__ import annotations

import importlib
import os
import signal
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from rich.text import Text as RichText
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme
from textual.timer import Timer

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.runs.model import RunState
from sensei_tui.screens.background import in_thread
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.home import HomeScreen
from sensei_tui.screens.session import Session, Topic
from sensei_tui.site.site import Site
from sensei_tui.terminal.app import TerminalApp
from sensei_tui.terminal.profile import PLAIN, PROFILE_VARIABLE, PROFILES, RICH, SWITCHED, WORDS, Profile, keep
from sensei_tui.widgets.dialogs import Choose, Confirm, Pager
from sensei_tui.widgets.lines import details, labelled, line

T = TypeVar("T")
POLL = 0.5
"""Seconds between looks at the journal: a stat and a read of what is new, nothing is drawn if nothing is."""
PATIENCE, STEP = 3.0, 0.1
"""Seconds that news wait at most for a slow line, and between two looks at it."""

SENSEI_THEME = Theme(
    name="sensei", primary="#7aa2c8", secondary="#8fb0a9", accent="#d6b97a", success="#8fbf7f",
    warning="#d9b35f", error="#d77a70", foreground="#d6dadf", background="#14181d", surface="#1a1f26",
    panel="#222831", dark=True,
)  # fmt: skip


def later(name: str) -> Callable[[], Screen[Any]]:
    """A screen that is loaded when it is opened for the first time: Home does not wait for it."""

    def make() -> Screen[Any]:
        module = importlib.import_module(f"sensei_tui.screens.{name}")
        screen: Screen[Any] = getattr(module, f"{name.capitalize()}Screen")()
        return screen

    return make


class SenseiApp(TerminalApp):
    """One console on one site."""

    CSS_PATH = [Path(__file__).parent / "styles" / "base.tcss", Path(__file__).parent / "styles" / "basic.tcss"]
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "home": HomeScreen,
        **{name: later(name) for name in ("configure", "preflight", "deploy", "health", "history", "bundle")},
    }
    DEFAULT_MODE = "home"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]
    BINDINGS = [
        Binding("ctrl+l", "redraw", "redraw", show=False, priority=True),
        Binding("ctrl+q", "quit", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "suspend", show=False, priority=True),
    ]

    class Changed(Message):
        """The session's data changed; posted from any thread."""

        def __init__(self, topic: Topic) -> None:
            super().__init__()
            self.topic = topic

        def can_replace(self, message: Message) -> bool:
            """A newer announcement of the same topic makes an older one needless."""
            return isinstance(message, SenseiApp.Changed) and message.topic == self.topic

    def __init__(self, site: Site, profile: Profile = RICH, session: Session | None = None) -> None:
        super().__init__(profile)
        self._late: set[Topic] = set()
        self._catching_up: Timer | None = None
        self.session = session or Session(site, self._announce)
        self.register_theme(SENSEI_THEME)

    def _announce(self, topic: Topic) -> None:
        self.post_message(self.Changed(topic))

    def on_mount(self) -> None:
        """Start watching. Every source of change is a thread that announces a topic."""
        self.use_profile(self.profile)
        for number in (signal.SIGHUP, signal.SIGTERM):
            self._loop_handler(number)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first picture: threads that load what they need would hold it up."""
        self.background(self.session.refresh, group="refresh")
        self.background(self.session.follow, group="follow")
        self.background(self.session.watch_cluster, group="cluster")
        self.set_interval(POLL, self._poll)

    def _loop_handler(self, number: signal.Signals) -> None:
        import asyncio

        asyncio.get_running_loop().add_signal_handler(number, partial(self.exit, 128 + number))

    def on_sensei_app_changed(self, event: Changed) -> None:
        """Redraw the visible screen, under a dialog too; on a line that is behind, all that is new by then at once."""
        self._late.add(event.topic)
        if self._catching_up is None:
            self._catch_up(PATIENCE)

    def _catch_up(self, left: float) -> None:
        if self.line_is_behind and left > 0:
            self._catching_up = self.set_timer(STEP, partial(self._catch_up, left - STEP))
            return
        topics, self._late, self._catching_up = self._late, set(), None
        for screen in self.screen_stack:
            if isinstance(screen, SenseiScreen) and screen.is_mounted:
                for topic in topics:
                    screen.topic_changed(topic)

    def _poll(self) -> None:
        before = self._run_state()
        if not self.session.poll():
            return
        self._announce(Topic.RUN)
        if self._run_state() != before:
            self.background(self.session.refresh, group="refresh")

    def _run_state(self) -> RunState | None:
        return self.session.run.state if self.session.run else None

    def background(self, work: Callable[[], T], then: Callable[[T], None] | None = None, *, group: str) -> None:
        """Run blocking work in a thread; its result goes to `then`, its SenseiError to a dialog."""
        self.run_worker(self._job(work, then), group=group, exit_on_error=True)

    async def _job(self, work: Callable[[], T], then: Callable[[T], None] | None) -> None:
        try:
            result = await in_thread(work)
        except SenseiError as error:
            self.show_error(error)
            return
        except OSError as error:
            where, why = str(error.filename or ""), error.strerror or str(error)
            self.show_error(SenseiError("A file could not be read or written.", where=where, why=why))
            return
        if then:
            then(result)

    def show_error(self, error: SenseiError) -> None:
        """What happened, where, why, what to do."""
        parts = [("where", error.where), ("why", error.why), ("do", error.remedy)]
        head = [line(""), *labelled("", error.what, self.size.width, label_width=1, role="strong"), line("")]
        self.push_screen(Pager("It did not work", [*head, *details(parts, self.size.width)]))

    def action_go(self, mode: str) -> None:
        """Another screen."""
        self.switch_mode(mode)

    def action_home(self) -> None:
        """Back to Home; nothing typed is lost: screens keep their state."""
        self.switch_mode("home")

    def action_help(self) -> None:
        """The guide's page for the screen one is on."""
        from sensei_tui.screens.help import guide_page

        name = self.screen.NAME if isinstance(self.screen, SenseiScreen) else "home"
        self.push_screen(Pager(f"Help: {name}", guide_page(name)))

    def action_profile(self) -> None:
        """Choose how to draw: at once, and from now on on this terminal."""
        choices = [(name, f"{name:<8}{words}") for name, words in WORDS.items()]
        self.push_screen(Choose("How shall this terminal be drawn?", choices, self.profile.name), self._use_profile)

    def _use_profile(self, name: str | None) -> None:
        if name is None or name == self.profile.name:
            return
        if name == PLAIN.name:
            self._leave(partial(self._switch, PLAIN))
        else:
            self._switch(PROFILES[name])

    def _switch(self, profile: Profile) -> None:
        keep(os.environ, profile.name)
        os.environ[PROFILE_VARIABLE] = profile.name
        if profile is PLAIN:
            self.exit(SWITCHED)
            return
        self.use_profile(profile)
        self._announce(Topic.OVERVIEW)

    def action_help_quit(self) -> None:
        """Ctrl-C: Ctrl-Q alone would not do, for it is XON where a serial line has flow control by software."""
        self.notify("Esc goes home, and q quits there; a run goes on.", title="To quit")

    async def action_quit(self) -> None:
        """Leave; a run goes on. Unsaved edits are asked about first."""
        self._leave(partial(self.exit, 0))

    def _leave(self, how: Callable[[], None]) -> None:
        if self._unsaved():
            question = Confirm("Leave without saving the configuration?", "The edits made here would be lost.", "leave")
            self.push_screen(question, lambda yes: how() if yes else None)
            return
        how()

    def _unsaved(self) -> bool:
        stacks = [screen for stack in self._screen_stacks.values() for screen in stack]
        return any(isinstance(screen, SenseiScreen) and screen.dirty for screen in stacks)

    def on_unmount(self) -> None:
        """Stop the watches; runs go on in their own processes."""
        self.session.close()

    def _fatal_error(self) -> None:
        """A defect of ours: where it was, without the values of variables, which could be secrets."""
        text = "".join(traceback.format_exc(limit=-8))
        self.panic(RichText("A defect in sensei ended this console. Runs go on.\n\n" + text))
        self._return_code = ExitCode.INTERNAL


def run(site: Site) -> int:
    """Open the console on a site; returns the exit code."""
    profile = PROFILES.get(os.environ.get(PROFILE_VARIABLE, ""), RICH)
    app = SenseiApp(site, profile)
    result = app.run()
    return result if result is not None else (app.return_code or 0)
