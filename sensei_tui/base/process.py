"""Child processes that outlive us, and telling whether one of them still lives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from sensei_tui.base.paths import private_dir


class ProcessRef(msgspec.Struct, frozen=True):
    """A process by number and start time, so that a reused number is not mistaken for it.

    `started` is field 22 of /proc/PID/stat (clock ticks since boot); `boot` is the kernel's boot id.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessRef:
        """The reference for a running process. Raises ProcessLookupError if there is none."""
        started = _start_ticks(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return cls(pid, started, _boot_id())

    @property
    def alive(self) -> bool:
        """Whether this very process runs (a zombie does not)."""
        return self.boot == _boot_id() and _start_ticks(self.pid) == self.started


def _start_ticks(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line that runs one of our modules with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def spawn_detached(
    command: Sequence[str], *, log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> ProcessRef:  # fmt: skip
    """Start `command` in a session of its own: no terminal, no hang-up, output appended to `log` (0600).

    `pass_fds` stay open in it. Raises OSError, and ProcessLookupError when it ends at once.
    """
    private_dir(log.parent)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=handle, stderr=handle,
            cwd=cwd, env=dict(env) if env is not None else None, start_new_session=True, pass_fds=pass_fds,
        )  # fmt: skip
    finally:
        os.close(handle)
    # Not waited for on purpose: the child outlives us, init reaps it. Silences Popen's ResourceWarning.
    child.returncode = 0
    return ProcessRef.of(child.pid)
