"""`sensei` as operators start it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Done(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The error that `-o json` prints on standard error."""
        found: dict[str, str] = json.loads(self.err)["error"]
        return found

    @property
    def said(self) -> str:
        """Everything."""
        return self.out + self.err


def sensei(directory: Path, *arguments: str, stdin: bytes = b"", **environ: str) -> Done:
    """Run a command in a directory."""
    command = [sys.executable, "-m", "sensei_tui", *arguments]
    kept = {name: value for name, value in os.environ.items() if name not in ("SENSEI_SITE", "ANTHROPIC_API_KEY")}
    source = str(Path(__file__).parents[3])
    environment = {**kept, "PYTHONPATH": source, "TERM": "dumb", **environ}
    done = subprocess.run(command, cwd=directory, input=stdin, capture_output=True, timeout=60, env=environment)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
