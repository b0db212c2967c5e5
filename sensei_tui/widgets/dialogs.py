"""Questions: confirm, one line of text, a choice, and a pager for long text. Esc always gives the safe answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from sensei_tui.widgets.bars import KeyLine, TopLine
from sensei_tui.widgets.lines import Line, Pane, line, span, wrap
from sensei_tui.widgets.rows import Row, Rows

DIALOG_WIDTH = 72


class Text(Pane, can_focus=False):
    """Text that takes exactly the lines it needs."""

    DEFAULT_CSS = """
    Text { height: auto; overflow: hidden hidden; }
    """

    def __init__(self, lines: Iterable[Line], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines = list(lines)
        self.styles.height = max(1, len(self.lines))

    def tell(self, lines: Iterable[Line]) -> None:
        """Show other lines."""
        shown = list(lines)
        self.styles.height = max(1, len(shown))
        self.show(shown)


def body(text: str, role: str = "") -> list[Line]:
    """Text wrapped to a dialog."""
    return [line(span(row, role)) for row in wrap(text, DIALOG_WIDTH - 6)]


class Confirm(ModalScreen[bool]):
    """A question whose default is the safe answer: only `y` says yes."""

    BINDINGS = [
        Binding("y", "answer(True)", "yes", id="confirm.yes"),
        Binding("n,escape,enter", "answer(False)", "no", id="confirm.no"),
    ]

    def __init__(self, question: str, lost: str = "", yes: str = "yes", no: str = "no") -> None:
        super().__init__()
        self._question, self._lost = question, lost
        self._answers = line(span("  y", "strong"), f" {yes}    ", span("n, Esc, Enter", "strong"), f" {no}")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Text([*body(self._question, "strong"), line(""), *(body(self._lost) if self._lost else [])])
            yield Text([line(""), self._answers])

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)


class Ask(ModalScreen[str | None]):
    """One line of text, checked while it is typed. Esc changes nothing."""

    BINDINGS = [Binding("escape", "dismiss(None)", "leave as it was", priority=True, id="ask.cancel")]

    def __init__(
        self,
        question: str,
        *,
        value: str = "",
        hint: str = "",
        secret: bool = False,
        check: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__()
        self._question, self._value, self._hint, self._secret = question, value, hint, secret
        self._check = check or (lambda text: "")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Text([*body(self._question, "strong"), *(body(self._hint, "dim") if self._hint else [])])
            field = Input(self._value, password=self._secret, compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Text([line("")], id="ask-problem")
            keys = line(span("Enter", "strong"), " accept    ", span("Esc", "strong"), " leave as it was")
            yield Text([keys])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong while it is typed."""
        self.query_one("#ask-problem", Text).tell(body(self._check(event.value), "fail"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Accept only what passes the check."""
        if not self._check(event.value):
            self.dismiss(event.value)


class Choose(ModalScreen[str | None]):
    """Pick one of a list. Esc picks nothing."""

    BINDINGS = [Binding("escape", "dismiss(None)", "leave as it was", id="choose.cancel")]

    def __init__(self, question: str, choices: Sequence[tuple[str, str]], current: str = "") -> None:
        super().__init__()
        self._question, self._choices, self._current = question, choices, current

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Text(body(self._question, "strong"))
            rows = Rows(id="choices")
            rows.styles.height = min(14, len(self._choices))
            yield rows

    def on_mount(self) -> None:
        """Fill in the choices."""
        rows = self.query_one(Rows)
        rows.set_rows(Row(key, line(span(text))) for key, text in self._choices)
        rows.select(self._current)
        rows.focus()

    def on_rows_chosen(self, event: Rows.Chosen) -> None:
        """Enter on a row."""
        self.dismiss(event.key)


class Pager(ModalScreen[None]):
    """Long text over the whole screen: logs, YAML, a guide page, a finding."""

    BINDINGS = [
        Binding("escape,q", "dismiss(None)", "back", id="pager.back"),
        Binding("down,j", "scroll(1)", "down", show=False),
        Binding("up,k", "scroll(-1)", "up", show=False),
        Binding("pagedown,space,ctrl+f", "page(1)", "page down", id="pager.down"),
        Binding("pageup,b,ctrl+b", "page(-1)", "page up", id="pager.up"),
        Binding("home,g", "end(False)", "start", id="pager.start"),
        Binding("end,G", "end(True)", "end", id="pager.end"),
    ]

    def __init__(self, title: str, lines: Iterable[Line], *, follow: bool = False) -> None:
        super().__init__(classes="pager")
        self._title, self._lines, self._follow = title, list(lines), follow

    def compose(self) -> ComposeResult:
        yield TopLine()
        yield Pane(id="pager", follow=self._follow)
        yield KeyLine()

    def on_mount(self) -> None:
        """Show the text."""
        self.query_one(TopLine).tell("Sensei", self._title)
        self.query_one(KeyLine).offer([item for item in self.BINDINGS if isinstance(item, Binding)])
        self.tell(self._lines)

    def tell(self, lines: Iterable[Line]) -> None:
        """Replace the text (a log that grows)."""
        self.query_one("#pager", Pane).show(lines)

    def action_scroll(self, step: int) -> None:
        """One line."""
        self.query_one("#pager", Pane).scroll_relative(y=step, animate=False)

    def action_page(self, direction: int) -> None:
        """One screenful."""
        pane = self.query_one("#pager", Pane)
        pane.scroll_relative(y=direction * max(1, pane.size.height - 1), animate=False)

    def action_end(self, last: bool) -> None:
        """The start or the end."""
        pane = self.query_one("#pager", Pane)
        if last:
            pane.scroll_end(animate=False)
        else:
            pane.scroll_home(animate=False)
