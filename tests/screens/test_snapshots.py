"""What every screen looks like: three sizes and looks, three states. `make snapshots` after a wanted change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensei_tui.base import clock
from sensei_tui.terminal.profile import RICH, SERIAL, Profile
from tests.screens.pictures import STATES, picture_app

LOOKS: dict[str, tuple[Profile, tuple[int, int]]] = {
    "serial": (SERIAL, (80, 24)),
    "colour": (RICH, (80, 24)),
    "wide": (RICH, (132, 43)),
}
SCREENS = {
    "home": (),
    "configure": ("1",),
    "preflight": ("2",),
    "deploy": ("3",),
    "health": ("4",),
    "history": ("5",),
    "bundle": ("6",),
    "help": ("?",),
}


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages are told from here."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 23, 23, 56, tzinfo=UTC))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("screen", SCREENS)
def test_picture(
    screen: str,
    look: str,
    state: str,
    tmp_path: Path,
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile, size = LOOKS[look]
    # Colours are left out by the driver, of which a picture knows nothing: that nothing but ASCII and no colour reaches
    # a terminal of the serial profile is tested on a pty.
    monkeypatch.delenv("NO_COLOR", raising=False)
    app = picture_app(tmp_path, state, profile)
    assert snap_compare(app, press=SCREENS[screen], terminal_size=size)
