"""The server as a process of its own: start, find, stop, start again; a start that fails says why."""

from __future__ import annotations

import os
import signal
import ssl
import urllib.request
from pathlib import Path

import pytest
import yaml

from sensei_tui.rehearsal import launch

pytestmark = pytest.mark.e2e


def version(running: launch.Running) -> str:
    directory = running.kubeconfig.parent
    context = ssl.create_default_context(cafile=str(directory / "tls" / "ca.crt"))
    with urllib.request.urlopen(f"{running.url}/version", context=context, timeout=10) as answer:
        return answer.read().decode()  # type: ignore[no-any-return]


def test_a_rehearsal_outlives_its_starter_and_comes_back(tmp_path: Path) -> None:
    directory = tmp_path / "rehearsal"
    assert launch.running(directory) is None
    started = launch.start(directory)
    try:
        assert "sensei.rehearsal" in version(started)
        assert launch.ensure(directory) == started == launch.running(directory)
        assert os.getsid(started.process.pid) == started.process.pid
        with pytest.raises(launch.RehearsalError) as caught:
            launch.start(directory)
        assert "runs already" in caught.value.why
    finally:
        assert launch.stop(directory)
    assert launch.running(directory) is None
    assert not launch.stop(directory)
    config = started.kubeconfig.read_text()
    again = launch.start(directory)
    try:
        assert again.url == started.url
        assert again.kubeconfig.read_text() == config
        assert yaml.safe_load(config)["current-context"] == "rehearsal"
    finally:
        launch.stop(directory)


def test_a_killed_server_is_seen_as_gone_and_replaced(tmp_path: Path) -> None:
    first = launch.start(tmp_path)
    handle = os.pidfd_open(first.process.pid)
    os.kill(first.process.pid, signal.SIGKILL)
    os.waitid(os.P_PIDFD, handle, os.WEXITED)
    os.close(handle)
    assert launch.running(tmp_path) is None
    second = launch.ensure(tmp_path)
    try:
        assert second.url == first.url
    finally:
        launch.stop(tmp_path)


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("api: {faults: [{kind: explode}]}\n")
    with pytest.raises(launch.RehearsalError) as caught:
        launch.start(tmp_path / "rehearsal", scenario=wrong)
    assert "explode" in caught.value.why
    assert "server.log" in caught.value.remedy
