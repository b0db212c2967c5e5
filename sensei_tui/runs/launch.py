"""Starting a runner so that nothing of the console's end reaches it.

A session of its own survives the hang-up of the terminal. Where logind kills every process of a user who logs out
(`KillUserProcesses=yes`), only a unit of systemd's own survives; so one is asked for where systemd and the
permission are there.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.paths import write_atomic
from sensei_tui.base.process import ProcessRef, spawn_detached
from sensei_tui.runs.control import user_name
from sensei_tui.runs.registry import START, RunDirectory

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Environment handed to a systemd unit. It appears in the unit's properties, so nothing that may be secret."""
_SYSTEMD = Path("/run/systemd/system")
_LINGER = Path("/var/lib/systemd/linger")


class RunnerNotStarted(SenseiError):
    """The runner process did not come up."""

    code = "runner-not-started"


def actor(environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Who asks: uid, user, the user behind sudo, and where the SSH connection comes from."""
    found = {"sudo_user": environ.get("SUDO_USER", ""), "ssh": environ.get("SSH_CONNECTION", "").partition(" ")[0]}
    return {"uid": os.getuid(), "user": user_name(os.getuid()), **{key: text for key, text in found.items() if text}}


def read_actor(run_dir: Path) -> dict[str, Any]:
    """Who started (or resumed) the run of this directory."""
    try:
        found: dict[str, Any] = msgspec.json.decode((run_dir / "actor.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return actor()
    return found


def launch(directory: RunDirectory, command: Sequence[str]) -> ProcessRef:
    """Start this runner, apart from us, and wait until it runs. Raises RunnerNotStarted."""
    write_atomic(directory.path / "actor.json", msgspec.json.encode(actor()))
    before = directory.runner
    if not _launch_unit(directory, command):
        process = spawn_detached(command, log=directory.log, cwd=directory.path)
        directory.record_runner(process)
        return process
    return _await_runner(directory, before)


def _launch_unit(directory: RunDirectory, command: Sequence[str]) -> bool:
    scope = systemd_scope()
    if scope is None:
        return False
    ask = systemd_command(directory, command, scope, os.environ)
    return (
        subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, timeout=START, check=False).returncode == 0
    )


def systemd_scope(system: Path = _SYSTEMD, linger: Path = _LINGER) -> str | None:
    """`system` or `user` where a unit can be started that outlives the session, else None."""
    if not system.is_dir() or shutil.which("systemd-run") is None:
        return None
    if os.geteuid() == 0:
        return "system"
    return "user" if (linger / getpass.getuser()).exists() else None


def systemd_command(
    directory: RunDirectory, command: Sequence[str], scope: str, environ: Mapping[str, str]
) -> list[str]:
    """The `systemd-run` call: a service that systemd, not the session, owns. No secret is in it."""
    place = hashlib.sha256(str(directory.path).encode()).hexdigest()[:8]
    unit = f"sensei-run-{directory.id}-{place}-{os.getpid()}"
    properties = [
        "KillMode=mixed", "TimeoutStopSec=120", f"WorkingDirectory={directory.path}",
        f"StandardOutput=append:{directory.log}", f"StandardError=append:{directory.log}", "UMask=0077",
    ]  # fmt: skip
    kept = [f"--setenv={name}={environ[name]}" for name in KEPT if name in environ]
    options = [f"--{scope}", "--quiet", "--collect", "--no-ask-password", f"--unit={unit}"]
    return ["systemd-run", *options, *(f"--property={item}" for item in properties), *kept, "--", *command]


def _await_runner(directory: RunDirectory, before: ProcessRef | None) -> ProcessRef:
    """systemd started it: its number comes from itself."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        found = directory.runner
        if found and found != before:
            return found
        time.sleep(0.05)
    raise RunnerNotStarted(
        "The runner did not start.", where=str(directory.log), remedy="Read that file for the cause."
    )
