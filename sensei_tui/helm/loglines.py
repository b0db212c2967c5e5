"""The engine's debug log as lines an operator can read: repeats dropped, key=value folded into a sentence."""

from __future__ import annotations

import re

import msgspec

from sensei_tui.base.text import one_line

_PAIR = re.compile(r'\s(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
_NOISE = ("preparing upgrade", "performing update", "getting history", "checking resources", "patching resource",
          "resource in file", "using default", "Starting", "statusreader", "creating upgraded release",
          "getting deployed release", "operation completed", "unmarshalled JSON schema",
          "ignoring delete failure")  # fmt: skip


class LogLine(msgspec.Struct, frozen=True):
    """One thing the engine said."""

    level: str
    text: str
    object: str = ""
    """`Deployment/sensei-kora` where it speaks of one."""


class Condenser:
    """Turns raw log text into lines; None for what would only repeat or distract."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, level: str, text: str) -> LogLine | None:
        message, pairs = split(text)
        if level == "debug" and message.startswith(_NOISE):
            return None
        name, kind = pairs.pop("name", ""), pairs.pop("kind", "") or pairs.pop("gvk", "").partition("Kind=")[2]
        pairs.pop("namespace", "")
        line = LogLine(level, _sentence(message, kind, name, pairs), f"{kind}/{name}" if kind and name else "")
        if line.text in self._said:
            return None
        self._said.add(line.text)
        return line


def split(text: str) -> tuple[str, dict[str, str]]:
    """Message and pairs of a record such as `creating resource kind=Service name=x`."""
    pairs = {key: value.strip('"') for key, value in _PAIR.findall(" " + text)}
    return one_line(_PAIR.sub("", " " + text)), pairs


def _sentence(message: str, kind: str, name: str, pairs: dict[str, str]) -> str:
    subject = f" {kind}/{name}" if kind and name else f" {name}" if name else ""
    rest = " ".join(f"{key}={value}" for key, value in pairs.items() if key not in ("apiVersion", "version"))
    return one_line(f"{message}{subject} {rest}")
