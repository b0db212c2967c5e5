"""Start, find and stop the server process of a rehearsal directory."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.paths import private_dir
from sensei_tui.base.process import ProcessRef, python_module, spawn_detached
from sensei_tui.base.text import plain
from sensei_tui.rehearsal import identity

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0


class RehearsalError(SenseiError):
    """The simulated cluster did not start or did not stop."""

    code = "rehearsal"


class Running(msgspec.Struct, frozen=True):
    """A simulated cluster that answers."""

    kubeconfig: Path
    url: str
    process: ProcessRef


def start(directory: Path, *, scenario: Path | None = None, timeout: float = START_TIMEOUT) -> Running:
    """Start the server of `directory` in a process of its own and wait until it answers.

    Raises RehearsalError when it runs already or does not come up within `timeout` seconds.
    """
    private_dir(directory)
    ready, told = os.pipe()
    log = directory / "server.log"
    options = ["--ready-fd", str(told), *(["--scenario", str(scenario.resolve())] if scenario else [])]
    command = python_module("sensei_tui.rehearsal", str(directory.resolve()), *options)
    try:
        spawn_detached(command, log=log, pass_fds=(told,))
    finally:
        os.close(told)
    try:
        answer = _await_ready(ready, timeout)
    finally:
        os.close(ready)
    found = running(directory) if answer == b"ready" else None
    if found is None:
        why = _last_lines(log) if answer != b"" or log.exists() else ""
        remedy = f"read {log}; if a server of this directory runs already, stop it first"
        raise RehearsalError("The simulated cluster did not start.", where=str(directory), why=why, remedy=remedy)
    return found


def _await_ready(ready: int, timeout: float) -> bytes:
    """What the child wrote before it closed the pipe: b"ready", or nothing when it died."""
    deadline, answer = clock.monotonic() + timeout, b""
    while (left := deadline - clock.monotonic()) > 0:
        if not select.select([ready], [], [], left)[0]:
            break
        part = os.read(ready, 64)
        if not part:
            break
        answer += part
    return answer


def _last_lines(log: Path, count: int = 5) -> str:
    lines = plain(log.read_text(errors="replace")).splitlines() if log.exists() else []
    return " / ".join(line.strip() for line in lines[-count:])


def running(directory: Path) -> Running | None:
    """The server of `directory`, if its process lives."""
    file = process_file(directory)
    try:
        process = msgspec.json.decode(file.read_bytes(), type=ProcessRef)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    if not process.alive:
        return None
    return Running(identity.kubeconfig_path(directory), identity.load(directory).url, process)


def process_file(directory: Path) -> Path:
    """Where the server writes its ProcessRef once it answers."""
    return directory / "process.json"


def ensure(directory: Path, *, scenario: Path | None = None) -> Running:
    """The running server of `directory`, started if there is none. Raises RehearsalError."""
    return running(directory) or start(directory, scenario=scenario)


def stop(directory: Path, *, timeout: float = STOP_TIMEOUT) -> bool:
    """End the server; its state is saved. False when none ran. Raises RehearsalError when it does not end."""
    found = running(directory)
    if found is None:
        return False
    try:
        handle = os.pidfd_open(found.process.pid)
    except ProcessLookupError:
        return False
    try:
        if found.process.alive:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            ended = bool(select.select([handle], [], [], timeout)[0])
            if not ended:
                remedy = f"kill {found.process.pid}"
                raise RehearsalError("The simulated cluster does not stop.", where=str(directory), remedy=remedy)
    finally:
        os.close(handle)
    return True
