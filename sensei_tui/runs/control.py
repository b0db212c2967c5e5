"""Telling a running runner what to do: one JSON line each way over a Unix socket in the run's directory (0600).

The socket is reached through `/proc/self/fd`, because a socket's path may be no longer than 107 bytes (unix(7)).
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import SenseiError

SOCKET = "control.sock"
COMMANDS = ("cancel", "pause", "resume", "retry", "status")
TIMEOUT = 5.0
"""Seconds. A runner answers from a thread of its own, at once."""
_LONGEST = 4096
"""Bytes of a request or a reply."""


class ControlError(SenseiError):
    """The runner was not reached, or refused."""

    code = "control"


class Peer(msgspec.Struct, frozen=True):
    """Who is on the other end of the socket, from the kernel."""

    pid: int
    uid: int

    def as_actor(self) -> dict[str, Any]:
        """The form journals use."""
        return {"uid": self.uid, "user": user_name(self.uid), "pid": self.pid}


def user_name(uid: int) -> str:
    """The login name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def send(run_dir: Path, command: str, **args: Any) -> dict[str, Any]:
    """Ask the runner of this run. Returns its answer. Raises ControlError if it is not there or refuses."""
    try:
        with _address(run_dir) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(address)
            connection.sendall(msgspec.json.encode({"command": command, **args}) + b"\n")
            answer: dict[str, Any] = msgspec.json.decode(_line(connection))
    except (OSError, msgspec.DecodeError) as error:
        run, gone = run_dir.name, isinstance(error, FileNotFoundError | ConnectionRefusedError)
        raise ControlError(
            f"The runner of run {run} does not answer.", where=str(run_dir / SOCKET),
            why="it has ended" if gone else str(error),
            remedy=f"See whether it still runs: sensei runs show {run.partition('-')[0]}",
        ) from error  # fmt: skip
    if not answer.get("ok"):
        raise ControlError(f"The runner refused {command}.", why=str(answer.get("why", "")))
    return answer


class ControlServer:
    """The runner's end. `handle(command, args, peer)` answers; it raises ValueError to refuse."""

    def __init__(self, run_dir: Path, handle: Callable[[str, dict[str, Any], Peer], dict[str, Any]]) -> None:
        self._run_dir = run_dir
        self._handle = handle
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)

    def __enter__(self) -> ControlServer:
        """Listen. Raises OSError."""
        (self._run_dir / SOCKET).unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with _address(self._run_dir) as address:
                self._socket.bind(address)
        finally:
            os.umask(before)
        self._socket.listen(8)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and take the socket away."""
        (self._run_dir / SOCKET).unlink(missing_ok=True)
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # `stop` shut the socket down
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT)
        try:
            request: dict[str, Any] = msgspec.json.decode(_line(connection), type=dict[str, Any])
            reply = {"ok": True, **self._accept(request, _peer(connection))}
        except (ValueError, PermissionError) as error:
            reply = {"ok": False, "why": str(error)}
        except OSError:
            return  # the console went away: nothing to answer, nothing was asked
        try:
            connection.sendall(msgspec.json.encode(reply) + b"\n")
        except OSError:
            return

    def _accept(self, request: dict[str, Any], peer: Peer) -> dict[str, Any]:
        if peer.uid not in (0, os.geteuid()):
            raise PermissionError(f"user {peer.uid} did not start this run")
        command = str(request.pop("command", ""))
        if command not in COMMANDS:
            raise ValueError(f"unknown command {command!r}; known are {', '.join(COMMANDS)}")
        return self._handle(command, request, peer)


def _peer(connection: socket.socket) -> Peer:
    form = "3i"
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(form))
    pid, uid, _ = struct.unpack(form, data)
    return Peer(pid, uid)


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < _LONGEST:
        piece = connection.recv(_LONGEST)
        if not piece:
            break
        data += piece
    return data


@contextmanager
def _address(run_dir: Path) -> Iterator[str]:
    handle = os.open(run_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)
