"""The runner killed in the middle of Helm's work: the next one clears what Helm left behind, and finishes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.deploy.overview import overview
from sensei_tui.rehearsal import launch
from sensei_tui.runs.journal import read_events, verify
from sensei_tui.runs.model import RunState, StepState
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import SiteUnderTest, ended, kill

pytestmark = pytest.mark.e2e
HANG = """
api:
  faults:
    - {{kind: hang, methods: [PATCH, POST, DELETE], path: "/{path}", times: 1}}
"""


def scenario(path: str) -> str:
    """The first apply of this object never gets an answer."""
    return HANG.format(path=path)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[SiteUnderTest]:
    """An installation that hangs in the middle of release sensei-deps."""
    with rehearsed(tmp_path / "site", scenario("statefulsets/sensei-redis")) as found:
        found.sensei("install", "--yes", "--detach")
        await_hang(found)
        await_status(found, "sensei-deps", "pending-install", 1)
        yield found


def await_hang(found: SiteUnderTest, seconds: float = 60) -> None:
    """Until the server says that a request hangs."""
    log, deadline = found.site.rehearsal_dir / "server.log", time.monotonic() + seconds
    while "fault hang" not in log.read_text():
        assert time.monotonic() < deadline, found.run().view().error
        time.sleep(0.05)


def await_status(found: SiteUnderTest, release: str, status: str, seconds: float) -> None:
    """Until Helm's newest record of the release has this status."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        mine = [item for item in found.helm_releases() if item["name"] == release]
        if mine and max(mine, key=lambda item: int(item["version"]))["info"]["status"] == status:
            return
        time.sleep(0.1)
    raise AssertionError(f"{release} never became {status}: {found.run().view().error}")


def test_killed_during_install_then_resumed(hanging: SiteUnderTest) -> None:
    directory = hanging.run()
    kill(directory)
    assert directory.view().state is RunState.DEAD
    home = overview(hanging.site)
    assert (home.resumable, home.next_key) == ("0001", "3")
    assert "sensei runs resume 0001" in hanging.sensei("runs", "attach", code=3)
    await_status(hanging, "sensei-deps", "pending-install", 1)
    hanging.sensei("runs", "resume")
    view = hanging.run().view()
    assert view.state is RunState.DONE
    assert view.attempts == 2
    assert any("pending-install" in line.text for line in view.log)
    states = {step.id: step.state for step in view.steps}
    assert states["preflight"] is StepState.SKIPPED
    started = [event.data["resumed"] for event in read_events(directory.journal) if event.type == "run.started"]
    assert started == [False, True]
    verify(directory.journal)
    assert {item["info"]["status"] for item in hanging.helm_releases()} == {"deployed"}
    assert json.loads(hanging.sensei("status", "-o", "json"))["health"]["word"] == "ok"


def test_cancelled_during_install_then_resumed(hanging: SiteUnderTest) -> None:
    hanging.sensei("runs", "cancel")
    assert hanging.until(ended).state is RunState.CANCELLED
    assert hanging.kubectl("get", "leases")["items"] == []
    hanging.sensei("runs", "resume")
    assert hanging.run().view().state is RunState.DONE


def test_killed_during_upgrade_then_resumed(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        # The first job that is made is then Helm's, and not a backup's.
        found.sensei("config", "set", "backup.preUpgrade", "false")
        found.sensei("install", "--yes")
        launch.stop(found.site.rehearsal_dir)
        faults = found.site.root / "hang.yaml"
        # The look for drift applies every object too (dry run), but no hooks: the request that hangs is Helm's own.
        faults.write_text(scenario("jobs"))
        launch.start(found.site.rehearsal_dir, scenario=faults)
        values = found.site.root / "values.yaml"
        values.write_text(values.read_text().replace("kora:\n    replicas: 2", "kora:\n    replicas: 3"))
        found.sensei("upgrade", "--yes", "--detach")
        await_hang(found)
        await_status(found, "sensei", "pending-upgrade", 1)
        kill(found.run())
        found.sensei("runs", "resume")
        assert found.run().view().state is RunState.DONE
        assert found.kubectl("get", "deployment", "sensei-kora")["status"]["readyReplicas"] == 3


def test_uninstalled_after_a_kill(hanging: SiteUnderTest) -> None:
    """A release that is pending for ever is removed, not repaired first."""
    kill(hanging.run())
    hanging.sensei("uninstall", "--yes")
    assert hanging.helm_releases() == []
    assert hanging.kubectl("get", "statefulsets,pods,leases")["items"] == []
