"""Terminal profiles, and what is known of the terminal before Textual is imported.

Textual reads its settings once, at import; `prepare_environment` must run before that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from sensei_tui.terminal.line import Tty, tty_of, utf8_by_probe
from sensei_tui.terminal.memory import recall, remember
from sensei_tui.terminal.terminfo import Terminfo, load

PROFILE_VARIABLE = "SENSEI_PROFILE"
SPEED_VARIABLE = "SENSEI_LINE_SPEED"
SIZE_VARIABLE = "SENSEI_SIZE"
SWITCHED = -1
"""In place of an exit code: another profile was chosen, and the console is to be opened again."""
SLOW_LINE = 115_200
"""Bits per second up to which a line is treated as a serial one."""

_SERIAL_TERMS = ("vt1", "vt2", "vt3", "vt4", "vt5", "ansi", "wy", "tvi", "adm")
_UTF8_TERMS = ("xterm", "tmux", "screen", "rxvt", "alacritty", "foot", "kitty", "konsole", "gnome", "st-", "putty")
RICH_COLOURS = 256
"""The rich theme has shades: fewer colours would make others of them."""
_NEEDED = ("cup", "clear")


@dataclass(frozen=True, slots=True)
class Profile:
    """How to draw: `rich`, `basic`, `serial` or `plain`."""

    name: str
    ascii: bool
    """Nothing outside ASCII may be sent."""
    colours: int
    """The most that are used."""
    theme: str
    fps: int
    """Frames a second at most: what is drawn more often than it can be sent costs time for nothing."""
    mouse: bool = False
    first: int = 96
    """Bytes sent over a line of unknown speed before its terminal has answered."""

    @property
    def lean(self) -> bool:
        """Whether every byte counts."""
        return self.name == "serial"


RICH = Profile("rich", ascii=False, colours=1 << 24, theme="sensei", fps=30, mouse=True, first=4096)
BASIC = Profile("basic", ascii=True, colours=16, theme="ansi-dark", fps=15, first=1024)
SERIAL = Profile("serial", ascii=True, colours=0, theme="ansi-dark", fps=10)
PLAIN = Profile("plain", ascii=True, colours=0, theme="ansi-dark", fps=1)
PROFILES = {profile.name: profile for profile in (RICH, BASIC, SERIAL, PLAIN)}


WORDS = {
    "rich": "colour, all characters, mouse",
    "basic": "16 colours, ASCII",
    "serial": "no colour, ASCII, fewest bytes",
    "plain": "lines and numbered answers, for screen readers and logs",
}
"""What a profile is, for those who choose."""


def usable(terminfo: Terminfo | None) -> bool:
    """Whether a screen can be drawn at all: the cursor can be addressed, the screen cleared."""
    return terminfo is not None and terminfo.has(*_NEEDED)


def detect(environ: Mapping[str, str], *, speed: int | None = None) -> Profile:
    """The profile for this terminal.

    Args:
        environ: TERM, NO_COLOR, LC_ALL, LC_CTYPE, LANG and SENSEI_PROFILE are read.
        speed: bits per second where the line has a speed that is known, else None.
    """
    if (named := environ.get(PROFILE_VARIABLE, "")) in PROFILES:
        return PROFILES[named]
    term = environ.get("TERM", "")
    terminfo = load(term)
    if terminfo is None or not usable(terminfo):
        return PLAIN
    if term.startswith(_SERIAL_TERMS) or (speed is not None and speed <= SLOW_LINE) or environ.get("NO_COLOR"):
        return SERIAL
    return RICH if utf8(environ) and terminfo.numbers.get("colors", 0) >= RICH_COLOURS else BASIC


def utf8(environ: Mapping[str, str]) -> bool:
    """Whether the operator's locale says UTF-8."""
    locale = next((environ[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(key)), "C")
    return "utf-8" in locale.lower() or "utf8" in locale.lower()


def operators_locale(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what Python set: PEP 538 coerces LANG=C to LC_CTYPE=C.UTF-8."""
    seen = dict(environ)
    if seen.get("LC_CTYPE") == "C.UTF-8" and not seen.get("LC_ALL") and "utf" not in seen.get("LANG", "").lower():
        seen.pop("LC_CTYPE")
    return seen


def prepare_environment(environ: MutableMapping[str, str] | None = None) -> Profile:
    """Choose the profile and set what Textual reads at import. Returns the profile."""
    environ = os.environ if environ is None else environ
    profile = choose(environ, _standard_tty())
    environ.update(_textual_settings(profile))
    # Colours are the driver's: without this, Textual would send greys instead.
    environ.pop("NO_COLOR", None)
    return profile


def choose(environ: Mapping[str, str], tty: Tty | None) -> Profile:
    """What was asked for, else what was chosen here before, else what fits."""
    seen = operators_locale(environ)
    kept = recall(tty.key(environ.get("TERM", ""))) if tty and PROFILE_VARIABLE not in environ else ""
    if kept in PROFILES and (kept == "plain" or usable(load(environ.get("TERM", "")))):
        return PROFILES[kept]
    found = detect(seen, speed=said_speed(environ) or (tty.speed if tty else None))
    if tty and found is BASIC and _may_hide_utf8(seen) and utf8_by_probe(tty):
        return detect({**seen, "LC_ALL": "C.UTF-8"})
    return found


def _may_hide_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale says no UTF-8 and the terminal may know better: SSH often carries TERM and not LANG."""
    return not utf8(environ) and environ.get("TERM", "").startswith(_UTF8_TERMS)


def keep(environ: Mapping[str, str], profile: str) -> None:
    """Remember a choice for the terminal on the standard input; an empty name forgets it."""
    if tty := _standard_tty():
        remember(tty.key(environ.get("TERM", "")), profile)


def _standard_tty() -> Tty | None:
    return tty_of(sys.stdin.fileno()) if sys.stdin and sys.stdin.isatty() else None


def said_speed(environ: Mapping[str, str]) -> int | None:
    """Bits per second that the operator named, or None."""
    said = environ.get(SPEED_VARIABLE, "")
    return int(said) if said.isdigit() and int(said) else None


def said_size(environ: Mapping[str, str]) -> tuple[int, int] | None:
    """Columns and rows that the operator named (`132x43`), or None."""
    columns, _, rows = environ.get(SIZE_VARIABLE, "").partition("x")
    return (int(columns), int(rows)) if columns.isdigit() and rows.isdigit() else None


def colours_of(terminfo: Terminfo, profile: Profile, environ: Mapping[str, str]) -> int:
    """How many the terminal has, and the profile uses."""
    has = terminfo.numbers.get("colors", 0)
    if has >= 256 and environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        has = 1 << 24
    known = next((number for number in (1 << 24, 256, 16, 8) if has >= number), 0)
    return min(known, profile.colours)


def _textual_settings(profile: Profile) -> dict[str, str]:
    return {
        PROFILE_VARIABLE: profile.name,
        "TEXTUAL_ANIMATIONS": "none",
        "TEXTUAL_SMOOTH_SCROLL": "0",
        "TEXTUAL_FPS": str(profile.fps),
        "TEXTUAL_THEME": profile.theme if profile is not RICH else "textual-dark",
        # The driver reduces what the terminal can't show, and puts split sequences together itself.
        "TEXTUAL_COLOR_SYSTEM": "truecolor",
        "TEXTUAL_DISABLE_KITTY_KEY": "1",
        "ESCDELAY": "1",
    }
