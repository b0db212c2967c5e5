"""An operator at the plain console: a pty in its ordinary mode, answers picked from what was printed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.e2e.sites import SiteUnderTest

PROMPT = re.compile(r"(?:^|\n)[^\n]*(?:>|:|\)) \Z")
ALLOWED = frozenset(range(0x20, 0x7F)) | {0x0D, 0x0A}
TALL = 1000
"""Lines of a terminal on which nothing is ever paged."""


class Operator:
    """`python -m sensei_tui.plain` on a pty with TERM=dumb. Reads to a prompt, then answers."""

    def __init__(self, root: Path, environ: Mapping[str, str], *, columns: int = 80, lines: int = TALL) -> None:
        self.leader, self._follower = pty.openpty()
        fcntl.ioctl(self._follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.modes_before = termios.tcgetattr(self._follower)
        self.raw = bytearray()
        self._mark = 0
        kept = {key: value for key, value in environ.items() if key not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sensei_tui.plain", str(root)],
            stdin=self._follower, stdout=self._follower, stderr=self._follower,
            env={**kept, "TERM": "dumb", "LANG": "C"}, cwd=root, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip

    def __enter__(self) -> Operator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.leader)
        os.close(self._follower)

    @property
    def modes(self) -> list[object]:
        """The terminal's modes now."""
        return termios.tcgetattr(self._follower)

    @property
    def said(self) -> str:
        """All that was printed, typed answers included."""
        return self.raw.decode("latin-1").replace("\r\n", "\n")

    @property
    def new(self) -> str:
        """What was printed since the last answer."""
        return self.raw[self._mark :].decode("latin-1").replace("\r\n", "\n")

    def read(self, timeout: float) -> bool:
        """Take in what is written; False if nothing came in time, or the console is gone."""
        ready, _, _ = select.select([self.leader], [], [], timeout)
        if not ready:
            return False
        try:
            data = os.read(self.leader, 65536)
        except OSError:
            return False
        self.raw += data
        return bool(data)

    def until(self, *texts: str, timeout: float = 60) -> str:
        """Read until all of this was printed since the last answer, and then a prompt. Returns what is new."""
        deadline = time.monotonic() + timeout
        while not (all(text in self.new for text in texts) and PROMPT.search(self.new)):
            left = deadline - time.monotonic()
            assert left > 0, f"never saw {texts} and a prompt:\n{self.new}"
            self.read(min(left, 1))
        return self.new

    def seen(self, text: str, timeout: float = 60) -> str:
        """Read until this was printed since the last answer, prompt or not."""
        deadline = time.monotonic() + timeout
        while text not in self.new:
            left = deadline - time.monotonic()
            assert left > 0, f"never saw {text!r}:\n{self.new}"
            self.read(min(left, 1))
        return self.new

    def type(self, text: str) -> None:
        """Type a line."""
        self._mark = len(self.raw)
        os.write(self.leader, text.encode() + b"\n")

    def key(self, byte: bytes) -> None:
        """Type a control character."""
        self._mark = len(self.raw)
        os.write(self.leader, byte)

    def answer(self, text: str, *wanted: str, timeout: float = 60) -> str:
        """Type a line, then read to a prompt with all of this before it."""
        self.type(text)
        return self.until(*wanted, timeout=timeout)

    def number(self, text: str) -> str:
        """The number of the printed line that holds this text, the newest of them."""
        found = re.findall(rf"^ *(\d+)  [^\n]*{re.escape(text)}", self.said, re.MULTILINE)
        assert found, f"no numbered line with {text!r}:\n{self.said[-3000:]}"
        return str(found[-1])

    def pick(self, text: str, *wanted: str, timeout: float = 60) -> str:
        """Answer with the number of the line that holds this text."""
        return self.answer(self.number(text), *wanted, timeout=timeout)

    def wait_end(self, timeout: float = 20) -> int:
        """The exit status."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still there:\n{self.new}"
            self.read(0.1)
        while self.read(0):
            continue
        return self.process.returncode

    def check_bytes(self) -> None:
        """Nothing but printable ASCII, carriage returns before newlines, and newlines; no line over the width."""
        strange = sorted({byte for byte in self.raw if byte not in ALLOWED})
        assert not strange, [hex(byte) for byte in strange]
        assert b"\r" not in self.raw.replace(b"\r\n", b"")


def operator(found: SiteUnderTest, **size: int) -> Operator:
    """An operator on a site under test."""
    return Operator(found.site.root, found.environ, **size)
