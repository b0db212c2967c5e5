"""One plain console: its session, the page it is on, work that is waited for, and what is told before a prompt."""

from __future__ import annotations

import importlib
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from sensei_tui.base import clock
from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.plain.news import News
from sensei_tui.plain.talk import Back, Left, Talk
from sensei_tui.plain.words import in_plain, is_number, own
from sensei_tui.screens.draft import LEAVE, Draft
from sensei_tui.screens.session import Session, Topic
from sensei_tui.site.site import Site
from sensei_tui.terminal.profile import SWITCHED
from sensei_tui.widgets.lines import Line, labelled

if TYPE_CHECKING:
    from sensei_tui.plain.page import Page

T = TypeVar("T")
CONNECT = 10.0
"""Seconds that the first page waits for the cluster's picture; later it is shown when the page is shown again."""
PATIENCE = 1.0
"""Seconds of work before it is said what is waited for, and between two lines of progress."""
PAGES = ("home", "configure", "preflight", "deploy", "health", "history", "bundle")


class Goto(Exception):
    """Leave this page for another."""

    def __init__(self, page: str) -> None:
        super().__init__(page)
        self.page = page


class Switched(Exception):
    """Another profile was chosen: the console is to be opened again."""


class Console:
    """What the pages share."""

    def __init__(self, site: Site, talk: Talk) -> None:
        self.talk = talk
        self._changed = threading.Event()
        self._late: queue.SimpleQueue[SenseiError | OSError] = queue.SimpleQueue()
        self.session = Session(site, self._announce)
        self.news = News(self.session)
        self.told: dict[str, int] = {}
        """Of every run that was followed here, the last event that was printed."""
        self.attach: int | None = None
        """The attempt of the watched run that Deploy is to follow at once; 0: the run is shown, not followed."""
        self._draft: Draft | None = None
        talk.news = self._news

    @property
    def draft(self) -> Draft:
        """The values as edited in this console. Raises YamlError."""
        if self._draft is None:
            self._draft = Draft(self.session.site)
        return self._draft

    @property
    def dirty(self) -> bool:
        """Whether something was edited here and not saved."""
        return self._draft is not None and self._draft.dirty

    def _announce(self, topic: Topic) -> None:
        del topic
        self._changed.set()

    def _news(self) -> Iterable[str]:
        while not self._late.empty():
            yield from in_plain(str(self._late.get())).split("\n")
        yield from self.news.lines()

    def run(self) -> int:
        """From the first page to the last; returns the exit code."""
        try:
            self.talk.say(f"Sensei, plain console, site {self.session.name}. Answer with the number of a line,")
            self.talk.say("or with the letter beside it. 0 goes back, ? explains, Enter shows a page again.")
            self._begin()
            self._pages()
        except Left as left:
            return self._left(left)
        except Switched:
            return SWITCHED
        except KeyboardInterrupt:
            return self._left(Left())
        finally:
            self.session.close()
        return int(ExitCode.OK)

    def _begin(self) -> None:
        self.session.refresh()
        self.session.follow()
        self.news.mark()
        threading.Thread(target=self.session.watch_cluster, daemon=True).start()
        if self.session.target is not None:
            self._until_pictured()

    def _until_pictured(self) -> None:
        """Until there is a picture of the cluster, or none to be had, or Ctrl-C."""
        start, said = clock.monotonic(), False
        try:
            while not (self._pictured or self.session.trouble) and clock.monotonic() - start < CONNECT:
                self._changed.clear()
                self._changed.wait(0.2)
                if not said and clock.monotonic() - start > PATIENCE:
                    said = True
                    self.talk.say("Connecting to the cluster.")
        except KeyboardInterrupt:
            self.talk.say()

    @property
    def _pictured(self) -> bool:
        return self.session.snapshot is not None and self.session.snapshot.complete

    def _pages(self) -> None:
        """One page after another, until Home is left."""
        page = "home"
        while True:
            try:
                self._page(page).visit()
            except Goto as goto:
                page = goto.page
                continue
            if page == "home" and self.may_leave():
                return
            page = "home"

    def _page(self, name: str) -> Page:
        module = importlib.import_module(f"sensei_tui.plain.{name}")
        page: Page = getattr(module, f"{name.capitalize()}Page")(self)
        return page

    def may_leave(self) -> bool:
        """Unsaved edits are asked about first."""
        return not self.dirty or self.confirm(*LEAVE)

    def _left(self, left: Left) -> int:
        """Say what must be known, if anybody still reads."""
        try:
            if self.dirty:
                self.talk.say("The edits made here were not saved.")
            self.talk.say("You left. A run that is going on goes on: sensei runs attach")
        except Left:
            return left.code
        return left.code

    # What pages do.

    def go(self, page: str) -> None:
        """Another page. Raises Goto."""
        raise Goto(page)

    def show(self, lines: Iterable[Line]) -> str:
        """The program's own lines; see Talk.show."""
        return self.talk.show(own(lines))

    def tell(self, error: SenseiError | OSError) -> None:
        """What happened, where, why, what to do."""
        if isinstance(error, OSError):
            error = SenseiError(error.strerror or str(error), where=str(error.filename or ""))
        self.talk.say(in_plain(error.what), 2)
        for label, text in (("where", error.where), ("why", error.why), ("do", in_plain(error.remedy))):
            if text:
                self.show(labelled(label, text, self.talk.width))

    def confirm(self, question: str, lost: str = "") -> bool:
        """A question whose default is the safe answer."""
        self.talk.say(question)
        if lost:
            self.talk.say(lost, 2)
        try:
            return self.talk.ask("yes or no? (Enter: no)").strip().lower() in ("y", "yes")
        except Back:
            return False

    def question(
        self, question: str, *, value: str = "", hint: str = "", secret: bool = False,
        check: Callable[[str], str] = lambda text: "",
    ) -> str:  # fmt: skip
        """One line of text that passes the check. `value` is taken at Enter. Raises Back where nothing was given."""
        if hint:
            self.talk.say(hint, 2)
        enter = f" (Enter: {value})" if value else " (Enter: leave it)"
        while True:
            text = self.talk.ask(f"{question}{enter}:", secret=secret) or value
            if not text:
                raise Back
            problem = check(text)
            if not problem:
                return text
            self.talk.say(problem, 2)

    def choose(self, question: str, choices: list[tuple[str, str]]) -> str:
        """One of several, by number; its key. Raises Back where none was chosen."""
        self.talk.say(question)
        for number, (_, text) in enumerate(choices, 1):
            self.talk.say(f"{number:>3}  {text}", 5)
        while True:
            answer = self.talk.ask("Number (Enter: none):").strip()
            if answer in ("", "0"):
                raise Back
            if is_number(answer) and 0 < int(answer[:9]) <= len(choices):
                return choices[int(answer) - 1][0]
            self.talk.say(f"There is no {answer[:20]!r} here: a number from 1 to {len(choices)}.")

    def work(self, words: str, do: Callable[[], T]) -> T:
        """Wait for blocking work. Raises what it raises; Back if the operator stops waiting: it goes on then."""
        future: Future[T] = Future()
        threading.Thread(target=_carry_out, args=(do, future), daemon=True).start()
        try:
            self._await(words, future)
        except KeyboardInterrupt:
            self.talk.say()
            self.talk.say("It goes on in the background.")
            future.add_done_callback(self._ended_late)
            raise Back from None
        return future.result()

    def _await(self, words: str, future: Future[T]) -> None:
        """Say what is waited for, and how far it is, at most once in a while."""
        said, told = "", clock.monotonic()
        while not wait([future], 0.1).done:
            now = f"{words}: {self.session.checking}" if self.session.checking else words
            if now != said and clock.monotonic() - told > PATIENCE:
                said, told = now, clock.monotonic()
                self.talk.say(f"{now}.", 2)

    def _ended_late(self, future: Future[T]) -> None:
        error = future.exception()
        if isinstance(error, SenseiError | OSError):
            self._late.put(error)


def _carry_out(do: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(do())
    except BaseException as error:  # noqa: BLE001 - handed to the waiter, not swallowed
        future.set_exception(error)


def _hang_up(number: int, frame: FrameType | None) -> None:
    raise Left(128 + number)


def open_on(site: Site) -> int:
    """Open the plain console on a site, on standard input and output; returns the exit code."""
    talk = Talk()
    before = [(number, signal.signal(number, _hang_up)) for number in (signal.SIGHUP, signal.SIGTERM)]
    try:
        with talk.waking():
            return Console(site, talk).run()
    except Left as left:
        return left.code
    except Exception:  # noqa: BLE001 - the last place: a defect is told without the values of variables
        with suppress(Left):
            talk.say("A defect in sensei ended this console. Runs go on.\n" + traceback.format_exc(limit=-8))
        return int(ExitCode.INTERNAL)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
