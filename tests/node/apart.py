"""A machine within the machine: namespaces of their own for mounts, network and processes.

What a node does to a machine (mounts, bridges, firewall rules, containers) is gone when its first process ends, however that ends.
Two things outlive it, and are removed by whoever started it: its directory, and its empty cgroups.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HOME = "SENSEI_NODE_HOME"
"""The variable that says within: the node's directory."""
_CGROUPS = Path("/sys/fs/cgroup")
_UNSHARE = (
    "unshare",
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
)
_PRIVATE = ("/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni", "/var/log/pods", "/var/log/containers")
"""Directories that programs of a node insist on."""
_SETTINGS = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0, "kernel/panic": 10, "kernel/panic_on_oops": 1,
             "kernel/keys/root_maxkeys": 1000000, "kernel/keys/root_maxbytes": 25000000}  # fmt: skip
"""What a kubelet sets for the whole machine: it finds it set, in files that stand before those settings."""
_PR_SET_PDEATHSIG = 1


def home() -> Path | None:
    """The directory of the node whose namespaces this process is in."""
    found = os.environ.get(HOME)
    return Path(found) if found else None


def cgroup(directory: Path) -> str:
    """The name of a node's cgroup, in every hierarchy."""
    return f"/{directory.name}"


def enter(command: list[str], *, keep: tuple[int, ...] = ()) -> int:
    """Run a command in namespaces of its own, its directory in SENSEI_NODE_HOME; the exit code. `keep`: files it inherits."""
    with tempfile.TemporaryDirectory(prefix="sensei-node-", ignore_cleanup_errors=True) as name:
        environ = {**os.environ, HOME: name}
        inside = [*_UNSHARE, sys.executable, "-m", "tests.node.apart", *command]
        _passing_on = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to those within as well
        process = subprocess.Popen(inside, env=environ, preexec_fn=_end_with_parent, pass_fds=keep)
        signal.signal(signal.SIGTERM, lambda *_: process.kill())
        try:
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, _passing_on)
            _remove_cgroups(cgroup(Path(name)))


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def make_cgroups(directory: Path) -> None:
    """The group of a node, in every hierarchy that a kubelet wants to find it in."""
    for hierarchy in _CGROUPS.iterdir():
        (hierarchy / cgroup(directory).lstrip("/")).mkdir(exist_ok=True)


def _remove_cgroups(name: str) -> None:
    for hierarchy in _CGROUPS.iterdir():
        for directory, _, _ in os.walk(hierarchy / name.lstrip("/"), topdown=False):
            _remove_cgroup(Path(directory))


def _remove_cgroup(directory: Path) -> None:
    """The kernel may take a moment over the last processes."""
    for _ in range(50):
        if not directory.exists():
            break
        with suppress(OSError):
            directory.rmdir()
            break
        time.sleep(0.1)


# what follows runs within


def _furnish(directory: Path) -> None:
    """The file systems and the loopback device, as a node's programs want them."""
    _do("mount", "--make-rshared", "/")  # volumes that a kubelet mounts are seen by its containers
    _do("mount", "-t", "tmpfs", "tmpfs", "/run")
    for name in _PRIVATE:
        own = directory / name.lstrip("/").replace("/", "-")
        for path in (own, Path(name)):
            path.mkdir(parents=True, exist_ok=True)
        _do("mount", "--bind", str(own), name)
    for name, value in _SETTINGS.items():
        shown = Path("/run") / name.replace("/", "-")
        shown.write_text(f"{value}\n")
        _do("mount", "--bind", str(shown), f"/proc/sys/{name}")
    _do("ip", "link", "set", "lo", "up")


def _do(*command: str) -> None:
    subprocess.run(command, check=True)


def _first(command: Iterable[str]) -> int:
    """Be the first process: start the command, take in everybody's orphans, end with the command."""
    child = subprocess.Popen(list(command), close_fds=False)
    signal.signal(signal.SIGINT, lambda *_: None)  # the command gets it too, and decides
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    _furnish(Path(os.environ[HOME]))
    code = _first(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
