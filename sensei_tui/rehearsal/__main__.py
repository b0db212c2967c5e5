"""The server process: `python -m sensei_tui.rehearsal DIRECTORY [--scenario FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import signal
import sys
from pathlib import Path

import msgspec

from sensei_tui.base.errors import SenseiError
from sensei_tui.base.paths import private_dir, write_atomic
from sensei_tui.base.process import ProcessRef
from sensei_tui.rehearsal import scenario as scenarios
from sensei_tui.rehearsal.host import Host
from sensei_tui.rehearsal.launch import RehearsalError, process_file


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sensei_tui.rehearsal", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--scenario", type=Path)
    parser.add_argument("--ready-fd", type=int, default=-1, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        serve(options.directory, options.scenario, options.ready_fd)
    except SenseiError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


def serve(directory: Path, scenario: Path | None = None, ready_fd: int = -1) -> None:
    """Run the server of `directory` in this process. Raises RehearsalError when another one does already."""
    with os.fdopen(os.open(private_dir(directory) / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RehearsalError("A server of this rehearsal runs already.", where=str(directory)) from error
        asyncio.run(_serve(Host(directory, _scenario(directory, scenario)), ready_fd))


def _scenario(directory: Path, given: Path | None) -> scenarios.Scenario:
    """The given scenario, which the directory remembers; else the remembered one; else the default."""
    kept = directory / "scenario.yaml"
    if given is not None:
        scenario = scenarios.load(given)
        if given.resolve() != kept.resolve():
            write_atomic(kept, given.read_bytes())
        return scenario
    return scenarios.load(kept) if kept.exists() else scenarios.default()


async def _serve(host: Host, ready_fd: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await host.start()
    process = process_file(host.directory)
    write_atomic(process, msgspec.json.encode(ProcessRef.of(os.getpid())))
    if ready_fd >= 0:
        os.write(ready_fd, b"ready")
        os.close(ready_fd)
    try:
        await host.run(stop)
    finally:
        await host.stop()
        process.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
