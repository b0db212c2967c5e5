"""The list with a marker cursor, panes, dialogs."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding

from sensei_tui import screens
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.help import render
from sensei_tui.widgets.bars import key_name, meter
from sensei_tui.widgets.dialogs import Ask, Choose, Confirm
from sensei_tui.widgets.lines import Pane, labelled, line, span, wrap
from sensei_tui.widgets.rows import Row, Rows


class ListApp(App[None]):
    BINDINGS = [("escape", "leave", "leave")]
    left = 0

    def action_leave(self) -> None:
        self.left += 1

    def compose(self) -> ComposeResult:
        yield Rows(id="rows")
        yield Pane(id="pane")

    @property
    def rows(self) -> Rows:
        return self.query_one(Rows)


def rows(*names: str) -> list[Row]:
    return [Row("", line("HEAD")), *(Row(name, line(name)) for name in names)]


def shown(widget: Pane) -> list[str]:
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


async def test_cursor_skips_headings_and_stops_at_the_ends() -> None:
    app = ListApp()
    async with app.run_test() as pilot:
        app.rows.set_rows(rows("a", "b", "c"))
        app.rows.focus()
        await pilot.press("up")
        assert app.rows.cursor == "a"
        await pilot.press("j", "j", "j", "down")
        assert app.rows.cursor == "c"
        await pilot.press("home")
        assert app.rows.cursor == "a"


async def test_cursor_stays_on_its_key_when_rows_come_and_go() -> None:
    app = ListApp()
    async with app.run_test():
        app.rows.set_rows(rows("a", "b", "c"))
        app.rows.select("b")
        app.rows.set_rows(rows("x", "a", "y", "b"))
        assert app.rows.cursor == "b"
        app.rows.set_rows(rows("x", "y"))
        assert app.rows.cursor == "y", "the nearest row takes the cursor of one that went"
        app.rows.set_rows([])
        assert app.rows.cursor == ""


async def test_filter_hides_rows_and_headings() -> None:
    app = ListApp()
    async with app.run_test():
        app.rows.set_rows(rows("alpha", "beta", "alphabet"))
        app.rows.set_filter("ALPHA")
        assert [row.key for row in app.rows.rows] == ["", "alpha", "alphabet"]
        assert shown(app.rows)[0] == "  Only rows that contain 'alpha': / changes that, Esc shows all."
        app.rows.set_filter("")
        assert len(app.rows.rows) == 4


async def test_escape_takes_the_filter_away_and_only_then_leaves() -> None:
    app = ListApp()
    async with app.run_test() as pilot:
        app.rows.focus()
        app.rows.set_rows(rows("alpha", "beta"))
        app.rows.set_filter("alpha")
        await pilot.press("escape")
        assert (app.rows.filter_text, len(app.rows.rows), app.left) == ("", 3, 0)
        await pilot.press("escape")
        assert app.left == 1


async def test_only_the_cursor_row_carries_the_mark() -> None:
    app = ListApp()
    async with app.run_test():
        app.rows.set_rows(rows("a", "b"))
        assert shown(app.rows)[:3] == ["  HEAD", "> a", "  b"]


async def test_markup_and_control_characters_are_data() -> None:
    app = ListApp()
    async with app.run_test():
        hostile = "[/etc/sensei] [red]x[/red] \x1b[2J"
        app.rows.set_rows([Row("a", line(span(hostile)))])
        app.query_one("#pane", Pane).show([line(hostile)])
        assert shown(app.rows)[0] == "> [/etc/sensei] [red]x[/red]"
        assert shown(app.query_one("#pane", Pane))[0] == "[/etc/sensei] [red]x[/red]"


@pytest.mark.parametrize(("key", "answer"), [("y", True), ("n", False), ("escape", False), ("enter", False)])
async def test_confirm_says_yes_to_y_alone(key: str, answer: bool) -> None:
    app = ListApp()
    answers: list[bool | None] = []
    async with app.run_test() as pilot:
        await app.push_screen(Confirm("Sure?", "All is lost."), answers.append)
        await pilot.press(key)
        await pilot.pause()
    assert answers == [answer]


async def test_ask_refuses_what_does_not_pass() -> None:
    app = ListApp()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        await app.push_screen(
            Ask("Number?", check=lambda text: "" if text.isdigit() else "not a number"), answers.append
        )
        await pilot.press("x", "enter")
        assert answers == []
        await pilot.press("backspace", "7", "enter")
        await pilot.pause()
    assert answers == ["7"]


async def test_choose_starts_at_the_current_choice() -> None:
    app = ListApp()
    answers: list[str | None] = []
    async with app.run_test() as pilot:
        await app.push_screen(Choose("Which?", [("a", "A"), ("b", "B")], "b"), answers.append)
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
    assert answers == ["b"]


def test_wrap_keeps_words_and_cuts_what_is_too_long() -> None:
    assert wrap("aaa bbb ccc", 7) == ["aaa bbb", "ccc"]
    assert all(len(row) <= 10 for row in wrap("x" * 35 + " tail", 10))
    assert "".join(wrap("x" * 35, 10)) == "x" * 35
    assert wrap("a\n\nb", 10) == ["a", "", "b"]


def test_labelled_hangs_under_itself() -> None:
    lines = ["".join(text for text, _ in row) for row in labelled("do", "one two three", 20)]
    assert lines == [" do        one two", "           three"]


@pytest.mark.parametrize(
    ("key", "name"), [("ctrl+l", "^L"), ("question_mark", "?"), ("enter", "Enter"), ("down,j", "down")]
)
def test_key_names(key: str, name: str) -> None:
    assert key_name(key) == name


def test_meter_never_claims_more_than_there_is() -> None:
    assert meter(0.999, 12) == "[#########-]"
    assert meter(1, 12) == "[##########]"
    assert meter(-1, 12) == "[----------]"


def test_guide_markdown_becomes_lines() -> None:
    page = "# Title\n\nA **bold** [link](x.md)\njoined `code`.\n\n- item one\n  goes on\n\n```\nraw  text\n```\n"
    text = ["".join(part for part, _ in row).rstrip() for row in render(page)]
    assert text == ["", " Title", "", " A bold link joined code.", "", " - item one goes on", "", "    raw  text"]


def test_tables_and_code_of_the_guide_fit_a_screen() -> None:
    page = """| option | default | |
| --- | --- | --- |
| `--to` | none | where images go: `containerd` or an engine, one of the two and no other |
| `a.name.that.is.longer.than.its.column` | | why |

```
sensei bundle use FILE --registry registry.internal.example.com     makes it the site's own
short  stays
```
"""
    assert ["".join(part for part, _ in row).rstrip() for row in render(page)] == [
        " --to                     default: none. where images go: containerd or an",
        "                          engine, one of the two and no other",
        " a.name.that.is.longer.than.its.column",
        "                          why",
        "",
        "    sensei bundle use FILE --registry registry.internal.example.com",
        "        makes it the site's own",
        "    short  stays",
    ]


def test_no_key_of_a_screen_is_taken_by_the_rows_that_have_the_cursor() -> None:
    """A key in the footer does what it says; Enter is handed on by the rows, and Esc where nothing is filtered."""
    for module in pkgutil.iter_modules(screens.__path__):
        importlib.import_module(f"{screens.__name__}.{module.name}")
    taken = {key for item in Rows.BINDINGS if isinstance(item, Binding) for key in item.key.split(",")} - {
        "enter",
        "escape",
    }
    found = _below(SenseiScreen)
    assert len(found) > 6
    for screen in found:
        own = {key for item in screen.BINDINGS if isinstance(item, Binding) for key in item.key.split(",")}
        assert not own & taken, screen.__name__


def _below(kind: type[SenseiScreen]) -> set[type[SenseiScreen]]:
    found: set[type[SenseiScreen]] = set(kind.__subclasses__())
    return found.union(*map(_below, found))
