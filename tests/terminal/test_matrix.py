"""Every kind of terminal and locale, through tmux, screen and OpenSSH on loopback: opened, read, left as it was."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensei_tui.terminal.terminfo import load
from tests.terminal.line import Line
from tests.terminal.play import ROOT, Play

pytestmark = pytest.mark.e2e
HOME = "What to do next"
TERMS = ("vt100", "vt220", "linux", "xterm-256color", "screen", "tmux", "xterm", "screen-256color")
STAGE = (sys.executable, "-m", "tests.terminal.stage")
SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("term", TERMS)
def test_each_terminal(term: str, locale: str, tmp_path: Path) -> None:
    assert load(term) is not None
    with Play("ours", term=term, env={**env(tmp_path), "LANG": locale}) as found:
        found.line.until(HOME)
        found.line.settle()
        assert found.line.rows[0].startswith("Sensei | site berlin-1")
        assert found.line.rows[23].lstrip().startswith("Enter open")
        sent = found.line.raw.decode()
        found.line.press("q")
        assert found.line.wait_end() == 0
        assert found.line.modes == found.line.modes_before
    # A terminal whose locale says nothing and whose cursor shows that it reads UTF-8 gets what it can show.
    probed = b"\xc3\xa9" in found.line.raw
    assert sent.isascii() or locale == "C.UTF-8" or probed
    assert bool(re.search(r"\x1b\[[0-9;]*[34]8;", sent)) == (term.endswith("256color"))


def env(tmp_path: Path) -> dict[str, str]:
    return {"SENSEI_STAGE_SCREEN": "home", "XDG_STATE_HOME": str(tmp_path)}


def test_a_dumb_terminal_gets_the_plain_console(tmp_path: Path) -> None:
    with Play("ours", term="dumb", env=env(tmp_path)) as found:
        found.line.until("Home>|home>")
        assert b"\x1b" not in found.line.raw
        assert found.line.raw.isascii()


def wanted(program: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Skip where there is no such program."""
    return pytest.mark.skipif(not shutil.which(program) and not Path(program).exists(), reason=f"no {program} here")


@contextmanager
def inside(tmp_path: Path, *command: str, term: str = "xterm-256color", speed: int = 0) -> Iterator[Line]:
    """The console in another program's terminal."""
    dropped = ("COLORTERM", "LC_ALL", "LC_CTYPE", "NO_COLOR", "SENSEI_PROFILE", "TMUX", "STY")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    environ = {**kept, **env(tmp_path), "TERM": term, "LANG": "C.UTF-8"}
    with Line(command, env=environ, cwd=ROOT, speed=speed) as line:
        yield line


def walk(line: Line, escapes: int = 1) -> None:
    """To another screen and back, and out."""
    line.until(HOME, 30)
    line.press("4")
    line.until("DEGRADED: KORA 1/2", 30)
    line.press("down", "down")
    line.settle(0.5)
    assert sum(row.startswith(">") for row in line.rows) == 1
    for _ in range(escapes):
        line.press("escape")
        line.settle(0.5)
    line.until(HOME, 30)
    line.press("q")


@wanted("tmux")
def test_in_tmux(tmp_path: Path) -> None:
    shell = f"{sys.executable} -m tests.terminal.stage; echo left with $?; sleep 60"
    with inside(tmp_path, "tmux", "-L", f"sensei-{os.getpid()}", "-f", "/dev/null", "new", shell) as line:
        try:
            walk(line)
            line.until("left with 0")
        finally:
            subprocess.run(["tmux", "-L", f"sensei-{os.getpid()}", "kill-server"], check=False)


@wanted("screen")
def test_in_screen(tmp_path: Path) -> None:
    name = f"sensei-{os.getpid()}"
    shell = f"{sys.executable} -m tests.terminal.stage; echo left with $?; sleep 60"
    with inside(tmp_path, "screen", "-c", "/dev/null", "-U", "-S", name, "sh", "-c", shell) as line:
        try:
            # After an arrow key, screen itself may keep an Esc until the next key comes.
            walk(line, escapes=2)
            line.until("left with 0")
        finally:
            subprocess.run(["screen", "-S", name, "-X", "quit"], check=False, stdout=subprocess.DEVNULL)


@contextmanager
def sshd(directory: Path) -> Iterator[list[str]]:
    """An SSH server of our own on loopback; the command that logs into it."""
    directory.chmod(0o700)
    for key in ("host", "mine"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / key], check=True)
    shutil.copy(directory / "mine.pub", directory / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (directory / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/authorized\n"
        f"PidFile {directory}/pid\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([SSHD, "-D", "-e", "-f", directory / "config"], stderr=subprocess.PIPE) as server:
        try:
            assert server.stderr is not None
            for said in server.stderr:
                if b"listening on" in said:
                    break
            options = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={directory}/known", "LogLevel=ERROR")
            chosen = [part for option in options for part in ("-o", option)]
            place = [f"{getpass.getuser()}@127.0.0.1", "-p", str(port), "-i", str(directory / "mine")]
            yield ["ssh", "-tt", *chosen, *place]
        finally:
            server.terminate()


@wanted(SSHD)
@pytest.mark.skipif(os.getuid() != 0, reason="an SSH server of one's own needs root")
@pytest.mark.parametrize(("term", "speed", "said"), [("vt100", 9600, "9600 bits/s"), ("xterm-256color", 0, HOME)])
def test_over_ssh(tmp_path: Path, term: str, speed: int, said: str) -> None:
    """OpenSSH hands the speed of the client's line on: the console far away paces itself."""
    with sshd(tmp_path) as command:
        settings = " ".join(
            f"{key}={value}" for key, value in {**env(tmp_path), "PYTHONPATH": ROOT, "LANG": "C.UTF-8"}.items()
        )
        with inside(tmp_path, *command, f"cd {ROOT} && {settings} {' '.join(STAGE)}", term=term, speed=speed) as line:
            line.until(said, 30)
            walk(line)
            assert line.wait_end() == 0
            deadline = time.monotonic() + 5
            while line.modes != line.modes_before and time.monotonic() < deadline:
                time.sleep(0.05)
            assert line.modes == line.modes_before
