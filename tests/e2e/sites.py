"""A site under test: `sensei` as real processes, kubectl, the runs, Helm's own records."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.runs.model import RunState
from sensei_tui.runs.registry import RunDirectory, Watch, directories, find_run
from sensei_tui.runs.view import RunView
from sensei_tui.site.site import Site
from tests.fixtures_cluster import KUBECTL

API_KEY = "planted-api-key-6f1d7a"
LICENSE = "planted-license-key-9b2c4e"
SENSEI = (sys.executable, "-m", "sensei_tui")


class SiteUnderTest:
    """A site and what a test does with it; secrets that must not be seen anywhere are planted in it."""

    def __init__(self, site: Site, **environ: str) -> None:
        self.site = site
        self.inspector = site.kubeconfig
        """Whose rights the test itself looks with."""
        (site.root / "license.yaml").write_text(f"license:\n  key: '{LICENSE}'\n  organization: 'Example'\n")
        self.environ = {
            **os.environ,
            "ANTHROPIC_API_KEY": API_KEY,
            "SENSEI_SITE": str(site.root),
            "TERM": "dumb",
            **environ,
        }

    def sensei(self, *arguments: str, code: int = 0, timeout: float = 150) -> str:
        """Run a command to its end; AssertionError with all it said if it ends with another code."""
        try:
            done = subprocess.run(
                [*SENSEI, *arguments], env=self.environ, capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{arguments} did not end:\n{_text(error.stdout)}\n{_text(error.stderr)}") from None
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def say(self, *arguments: str, timeout: float = 150) -> str:
        """All that a command says, however it ends."""
        command = [*SENSEI, *arguments]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=timeout)
        return done.stdout + done.stderr

    def console(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command whose lines are read as they come."""
        return subprocess.Popen([*SENSEI, *arguments], env=self.environ, stdout=subprocess.PIPE, text=True)

    def kubectl(self, *arguments: str) -> Any:
        """kubectl's JSON."""
        if not Path(KUBECTL).exists():
            pytest.skip("no kubectl on this machine")
        place = [f"--kubeconfig={self.inspector}", "-n", self.site.config.namespace]
        command = [KUBECTL, *place, *arguments, "-o", "json"]
        environ = {**self.environ, "HOME": str(self.site.root)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    def run(self, number: str = "") -> RunDirectory:
        """A run, by default the newest."""
        return find_run(self.site.runs, number)

    def until(self, wanted: Callable[[RunView], bool], number: str = "", seconds: float = 90) -> RunView:
        """Follow a run until its view is as wanted."""
        directory = self.run(number)
        watch, deadline = Watch(directory), time.monotonic() + seconds
        while time.monotonic() < deadline:
            watch.poll()
            if wanted(watch.view):
                return watch.view
            time.sleep(0.02)
        raise AssertionError(f"never as wanted: {watch.view.state} {watch.view.steps} {watch.view.error}")

    def helm_releases(self) -> list[dict[str, Any]]:
        """Helm's own records: every release Secret, decoded."""
        secrets = self.kubectl("get", "secrets", "-l", "owner=helm")["items"]
        return [json.loads(gzip.decompress(base64.b64decode(_data(item)))) for item in secrets]


def _text(said: bytes | str | None) -> str:
    """What a process said before its time was up: bytes even where text was asked for."""
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def _data(secret: dict[str, Any]) -> bytes:
    return base64.b64decode(secret["data"]["release"])


def in_step(step: str) -> Callable[[RunView], bool]:
    """Wanted by `until`: this step runs."""
    return lambda view: view.step is not None and view.step.id == step


def ended(view: RunView) -> bool:
    """Wanted by `until`."""
    return view.state in (RunState.DONE, RunState.FAILED, RunState.CANCELLED, RunState.DEAD)


def kill(directory: RunDirectory) -> None:
    """SIGKILL a runner and wait until it is gone."""
    runner = directory.runner
    assert runner is not None
    os.kill(runner.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while runner.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runner.alive


def end_runs(site: Site) -> None:
    """SIGKILL every runner that is still there."""
    for directory in directories(site.runs):
        runner = directory.runner
        if runner and runner.alive:
            with suppress(ProcessLookupError):
                os.kill(runner.pid, signal.SIGKILL)
