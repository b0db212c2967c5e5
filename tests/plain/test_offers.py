"""What the screens can do, the plain console can do: the keys of every screen beside the pages' actions."""

from __future__ import annotations

import importlib
import re

import pytest
from textual.binding import Binding

from sensei_tui.app import SenseiApp
from sensei_tui.plain.console import PAGES
from sensei_tui.plain.page import Page
from sensei_tui.screens.base import SenseiScreen, keys_of

COMMON = {"app.help", "app.home", "app.redraw"}
"""`?`, 0 and Enter: on every page."""


def screen_of(mode: str) -> type[SenseiScreen]:
    found: type[SenseiScreen] = getattr(
        importlib.import_module(f"sensei_tui.screens.{mode}"), f"{mode.capitalize()}Screen"
    )
    return found


def pages_of(mode: str) -> list[type[Page]]:
    """Every page that stands for the mode's screen."""
    module = importlib.import_module(f"sensei_tui.plain.{mode}")
    found = [item for item in vars(module).values() if isinstance(item, type) and issubclass(item, Page)]
    return [page for page in found if getattr(page, "SCREEN", None) is screen_of(mode)]


def offered(page: type[Page]) -> set[str]:
    """Actions with something behind them: a method, a row, another page."""
    names = {key.action for key in keys_of(page.SCREEN)} if page.OFFERS is None else set(page.OFFERS)
    done = {name for name in names if hasattr(page, f"do_{re.split(r'[(]', name)[0]}")}
    goes = {f"app.go('{mode}')" for mode in PAGES}
    extra = {f"app.{key.action}" for key in page.EXTRA if hasattr(page, f"do_{key.action}")}
    return done | extra | page.BY_ROW | goes | COMMON


def lacking(mode: str) -> set[str]:
    have = set().union(*(offered(page) for page in pages_of(mode)))
    return {key.action for key in keys_of(screen_of(mode))} - have


def test_every_mode_has_a_page() -> None:
    assert set(PAGES) == set(SenseiApp.MODES)


@pytest.mark.parametrize("mode", PAGES)
def test_no_key_of_a_screen_is_lacking(mode: str) -> None:
    assert pages_of(mode)
    assert lacking(mode) == set()


@pytest.mark.parametrize("mode", PAGES)
def test_a_new_key_would_be_missed(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = screen_of(mode)
    monkeypatch.setattr(screen, "BINDINGS", [*screen.BINDINGS, Binding("z", "brand_new", "new")])
    assert lacking(mode) == {"brand_new"}


@pytest.mark.parametrize("mode", PAGES)
def test_actions_have_methods_and_letters_of_their_own(mode: str) -> None:
    for page in pages_of(mode):
        extra = {key.action for key in page.EXTRA}
        assert all(hasattr(page, f"do_{name}") for name in extra | page.ON_ROW)
        own = page.__new__(page).keys()
        letters = [key.key for key in own]
        assert len(letters) == len(set(letters)), letters
        assert all(len(letter) == 1 and not letter.isdecimal() for letter in letters), letters
