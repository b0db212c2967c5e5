"""The namespace's Lease against an API that keeps resourceVersions: two holders, a death, a theft."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.base.errors import SenseiError
from sensei_tui.runs.launch import KEPT, systemd_command, systemd_scope
from sensei_tui.runs.lock import LeaseLost, LeaseTaken, NamespaceLease, RunInProgress
from sensei_tui.runs.registry import create_run
from tests.unit.runs.helpers import plan_of


class Api:
    """One Lease with optimistic locking, as the API server keeps it (the real one is used in tests/e2e)."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = None
        self.version = 0
        self.down = False
        self.changed = threading.Event()

    def read(self) -> dict[str, Any] | None:
        return self.body

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.body is not None:
            raise LeaseTaken
        return self._store(body)

    def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.down:
            raise SenseiError("no answer", why="connection refused")
        current = (self.body or {}).get("metadata", {}).get("resourceVersion")
        if current != body["metadata"].get("resourceVersion"):
            raise LeaseTaken
        return self._store(body)

    def delete(self) -> None:
        self.body = None

    def _store(self, body: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self.changed.set()
        return self.body


def lease(api: Api, holder: str, lost: list[LeaseLost] | None = None) -> NamespaceLease:
    return NamespaceLease(api, holder, (lost if lost is not None else []).append, renew=0.02, duration=0.1)


def sleep(seconds: float) -> None:
    threading.Event().wait(seconds)


def take(item: NamespaceLease) -> list[str]:
    said: list[str] = []
    item.acquire(sleep, said.append)
    return said


def test_lease_is_taken_renewed_and_released() -> None:
    api = Api()
    held = lease(api, "host-a/0/site/0001")
    assert take(held) == []
    first = api.version
    api.changed.clear()
    assert api.changed.wait(5)
    assert api.version > first
    held.release()
    assert api.body is None


def test_living_holder_is_respected() -> None:
    api = Api()
    held = lease(api, "host-a/0/site/0001")
    take(held)
    with pytest.raises(RunInProgress, match=r"Another host(.|\n)*host-a"):
        take(lease(api, "host-b/0/site/0001"))
    held.release()


def test_dead_holder_is_taken_over_after_its_lease_ran_out() -> None:
    api = Api()
    dead = lease(api, "host-a/0/site/0001")
    dead._body = api.create(dead._taken(None))  # it took the lease and was killed before the first renewal
    ours = lease(api, "host-b/0/site/0001")
    said = take(ours)
    assert "taken over" in said[-1]
    assert api.body is not None
    assert api.body["spec"]["holderIdentity"] == "host-b/0/site/0001"
    ours.release()


def test_own_dead_runner_is_taken_over_at_once() -> None:
    api = Api()
    dead = lease(api, "host-a/0/site/0001")
    api.create(dead._taken(None))
    ours = lease(api, "host-a/0/site/0002")
    assert take(ours) == []
    ours.release()


def test_theft_and_silence_lose_the_lease() -> None:
    for trouble in ("stolen", "down"):
        api, lost = Api(), list[LeaseLost]()
        told = threading.Event()

        def tell(error: LeaseLost, lost: list[LeaseLost] = lost, told: threading.Event = told) -> None:
            lost.append(error)
            told.set()

        held = NamespaceLease(api, "host-a/0/site/0001", tell, renew=0.02, duration=0.1)
        take(held)
        if trouble == "stolen":
            thief = lease(api, "host-b/0/site/0009")
            api._store({**thief._taken(api.body)})
        api.down = trouble == "down"
        assert told.wait(5)
        assert ("taken over" in lost[0].what) is (trouble == "stolen")
        held.release()


def test_systemd_unit_is_asked_for_only_where_it_can_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert systemd_scope(system=tmp_path / "absent") is None
    program = tmp_path / "systemd-run"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert systemd_scope(system=tmp_path, linger=tmp_path / "none") is None
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert systemd_scope(system=tmp_path) == "system"


def test_systemd_command_carries_no_secret_environment(tmp_path: Path) -> None:
    directory = create_run(tmp_path, plan_of("touch-a"))
    environ = {name: f"value-of-{name}" for name in (*KEPT, "ANTHROPIC_API_KEY", "SSH_CONNECTION")}
    command = systemd_command(directory, ["python", "-m", "x"], "system", environ)
    assert command[:2] == ["systemd-run", "--system"]
    assert command[-4:] == ["--", "python", "-m", "x"]
    assert "--property=KillMode=mixed" in command
    assert not any("API_KEY" in part or "SSH" in part for part in command)
