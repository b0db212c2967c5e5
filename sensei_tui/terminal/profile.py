"""Terminal profiles: chosen from TERM, locale, line speed and NO_COLOR before Textual is imported.

Textual reads its settings once, at import; `prepare_environment` must run before that.
"""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

PROFILE_VARIABLE = "SENSEI_PROFILE"
SLOW_LINE = 115_200
"""Bits per second up to which a tty is treated as a serial line; a pty reports 38400 and is not one."""

_POOR_TERMS = ("dumb", "vt52", "vt100", "vt102", "vt220", "vt320", "ansi", "unknown", "")
_SIXTEEN_COLOURS = ("linux", "screen", "cons25", "xterm-color")
_BAUD = {
    getattr(termios, f"B{rate}"): rate
    for rate in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
    if hasattr(termios, f"B{rate}")
}


@dataclass(frozen=True, slots=True)
class Profile:
    """How to draw: `rich`, `basic` or `serial`."""

    name: str
    ascii: bool
    """Nothing outside ASCII may be sent."""
    colour: bool
    theme: str
    fps: int
    """Frames a second at most; low rates coalesce changes on a slow line."""

    @property
    def lean(self) -> bool:
        """Whether every byte counts."""
        return self.name == "serial"


RICH = Profile("rich", ascii=False, colour=True, theme="sensei", fps=30)
BASIC = Profile("basic", ascii=True, colour=True, theme="ansi-dark", fps=15)
SERIAL = Profile("serial", ascii=True, colour=False, theme="ansi-dark", fps=5)
PROFILES = {profile.name: profile for profile in (RICH, BASIC, SERIAL)}


def detect(environ: Mapping[str, str], *, speed: int | None = None) -> Profile:
    """The profile for this terminal.

    Args:
        environ: TERM, COLORTERM, NO_COLOR, LC_ALL, LC_CTYPE, LANG and SENSEI_PROFILE are read.
        speed: bits per second where the line is a real serial port, else None.
    """
    if (named := environ.get(PROFILE_VARIABLE, "")) in PROFILES:
        return PROFILES[named]
    term = environ.get("TERM", "")
    if term in _POOR_TERMS or (speed is not None and speed <= SLOW_LINE):
        return SERIAL
    if environ.get("NO_COLOR"):
        return SERIAL
    if term.startswith(_SIXTEEN_COLOURS) and "256color" not in term:
        return BASIC
    return RICH if utf8(environ) else BASIC


def utf8(environ: Mapping[str, str]) -> bool:
    """Whether the operator's locale says UTF-8. Python's own coercion of LANG=C is ignored on purpose."""
    locale = next((environ[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(key)), "C")
    return "utf-8" in locale.lower() or "utf8" in locale.lower()


def line_speed(fd: int) -> int | None:
    """Bits per second of a serial line, or None: a pty and a virtual console have no speed that means anything."""
    try:
        name, rate = os.ttyname(fd), termios.tcgetattr(fd)[5]
    except (OSError, termios.error):
        return None
    port = name.startswith(("/dev/ttyS", "/dev/ttyUSB", "/dev/ttyACM", "/dev/ttyAMA", "/dev/hvc"))
    return _BAUD.get(rate) if port else None


def prepare_environment(environ: MutableMapping[str, str] | None = None) -> Profile:
    """Choose the profile and set what Textual reads at import. Returns the profile."""
    environ = os.environ if environ is None else environ
    fd = sys.stdin.fileno() if sys.stdin and sys.stdin.isatty() else -1
    # The coerced locale of PEP 538 hides what the operator has: LC_CTYPE=C.UTF-8 alone was set by Python.
    seen = dict(environ)
    if seen.get("LC_CTYPE") == "C.UTF-8" and not seen.get("LC_ALL") and "utf" not in seen.get("LANG", "").lower():
        seen.pop("LC_CTYPE")
    profile = detect(seen, speed=line_speed(fd) if fd >= 0 else None)
    environ.update(_textual_settings(profile))
    environ.setdefault("ESCDELAY", "250" if profile.lean else "100")
    return profile


def _textual_settings(profile: Profile) -> dict[str, str]:
    settings = {
        PROFILE_VARIABLE: profile.name,
        "TEXTUAL_ANIMATIONS": "none",
        "TEXTUAL_SMOOTH_SCROLL": "0",
        "TEXTUAL_FPS": str(profile.fps),
        "TEXTUAL_THEME": profile.theme if profile is not RICH else "textual-dark",
    }
    if profile is not RICH:
        settings |= {"TEXTUAL_DISABLE_KITTY_KEY": "1", "TEXTUAL_COLOR_SYSTEM": "standard"}
    if not profile.colour:
        settings["NO_COLOR"] = "1"
    return settings
