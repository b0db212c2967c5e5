"""What all screens share: the frame, the way home, and redrawing when the session's data changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from sensei_tui.screens.session import Session, Topic
from sensei_tui.widgets.bars import KeyLine, TopLine, key_name

if TYPE_CHECKING:
    from sensei_tui.app import SenseiApp

T = TypeVar("T")


class Key(NamedTuple):
    """One of a screen's keys, as data."""

    key: str
    """As it is shown: `s`, `/`, `^O`."""
    action: str
    """As in BINDINGS: `start`, `view('pods')`."""
    description: str


def keys_of(screen: type[SenseiScreen]) -> tuple[Key, ...]:
    """The screen's own keys in the order of its BINDINGS, those that are not shown included."""
    own = [item for item in screen.__dict__.get("BINDINGS", []) if isinstance(item, Binding)]
    return tuple(Key(key_name(item.key), item.action, item.description) for item in own)


class SenseiScreen(Screen[None]):
    """One question, named in its title. Subclasses give `body`, `redraw` and their BINDINGS."""

    NAME: ClassVar[str] = ""
    """Mode name, stylesheet name and guide page."""
    TITLE_TEXT: ClassVar[str] = ""
    TOPICS: ClassVar[frozenset[Topic]] = frozenset()
    """Changes of the session that this screen shows."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "app.help", "help", id="help"),
        Binding("escape", "app.home", "home", id="home"),
    ]

    @property
    def dirty(self) -> bool:
        """Whether something was edited here and not saved."""
        return False

    @property
    def sensei(self) -> SenseiApp:
        """The app, typed."""
        return cast("SenseiApp", self.app)

    @property
    def session(self) -> Session:
        """The console's data and intents."""
        return self.sensei.session

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield from self.body()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def on_mount(self) -> None:
        """Offer the keys once; they do not change with the data."""
        self.offer_keys()

    def offer_keys(self) -> None:
        """The bindings of this screen, then the common ones, on the last line."""
        own = [item for item in type(self).__dict__.get("BINDINGS", []) if isinstance(item, Binding)]
        allowed = [item for item in own if self.check_action(item.action.partition("(")[0], ()) is not False]
        common = [item for item in SenseiScreen.BINDINGS if isinstance(item, Binding)]
        self.query_one(KeyLine).offer([*allowed, *common])

    def on_resize(self) -> None:
        """Lines are wrapped to the width, which the panes know after the new layout."""
        self.call_after_refresh(self.redraw)

    def on_screen_resume(self) -> None:
        """Show what is true now: data may have changed while another screen was up."""
        self.redraw()

    def redraw(self) -> None:
        """Draw everything from the session. Must be cheap and side-effect free."""

    def topic_changed(self, topic: Topic) -> None:
        """Called by the app for the visible screen."""
        if topic in self.TOPICS:
            self.redraw()

    def tell(self, *parts: str, right: str = "") -> None:
        """Line 1: where I am."""
        self.query_one(TopLine).tell("Sensei", f"site {self.session.name}", *parts, right=right)

    def background(self, work: Callable[[], T], then: Callable[[T], None] | None = None, *, group: str) -> None:
        """Run blocking work in a thread; `then` gets its result on the UI loop; errors are shown."""
        self.sensei.background(work, then, group=group)
