"""PostgreSQL killed, and PostgreSQL of another major version on its data."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.node import engine
from tests.node.place import Place
from tests.node.stores import ROWS, Found

pytestmark = pytest.mark.timeout(900)
WORDS = "the volume holds data of PostgreSQL 17 in /var/lib/postgresql/17/data, and none of PostgreSQL 18"
_OTHER = ("postgresql.major=18", "postgresql.image.tag=18.0")
_OWN = ("postgresql.major=17", "postgresql.image.tag=17.6-bookworm")


@pytest.fixture(scope="module")
def data(installed: Place) -> Found:
    stores = installed.stores()
    stores.write()
    return stores.read()


def _state(place: Place) -> Any:
    (pod,) = place.pods("postgresql")
    return next(iter(pod["status"].get("containerStatuses", [])), {})


def _pid(container: str) -> int:
    """The container's first process, as this process sees it."""
    identity = container.removeprefix("containerd://")
    lines = engine.ctr("task", "ls").stdout.splitlines()
    return next(int(words[1]) for words in map(str.split, lines) if words[0] == identity)


def _set(place: Place, settings: tuple[str, ...]) -> None:
    for setting in settings:
        place.sensei("config", "set", *setting.split("=", 1), check=False)  # the two are only right together


def test_killed_in_the_middle_of_its_work(installed: Place, data: Found) -> None:
    state = _state(installed)
    with installed.stores().database() as session:
        session.query("BEGIN; DELETE FROM jobs; CREATE TABLE never (id int)")
        os.kill(_pid(state["containerID"]), signal.SIGKILL)
    installed.until(lambda: _state(installed).get("restartCount") == 1 and _state(installed)["ready"])
    assert _state(installed)["lastState"]["terminated"]["exitCode"] == 137
    found = installed.stores()
    assert found.read() == data
    assert "never" not in found.tables()
    installed.sensei("test")


def test_another_major_is_refused_before_anything_changes(installed: Place, data: Found) -> None:
    before = _state(installed)["containerID"]
    _set(installed, _OTHER)
    said = installed.sensei("upgrade", "--yes", "--plain", check=False)
    assert "postgresql.major: 17 is deployed, 18 is asked" in said
    assert _state(installed)["containerID"] == before
    assert len(installed.stores().read().rows) == ROWS


def test_another_major_on_kept_data_is_refused_by_the_pod(installed: Place, data: Found) -> None:
    _set(installed, _OWN)
    installed.sensei("uninstall", "--yes", "--plain")
    _set(installed, _OTHER)
    said = installed.sensei("install", "--yes", "--plain", "--timeout", "40", check=False)
    assert "FAILED" in said
    assert WORDS in installed.admin.kubectl(
        "logs", "sensei-postgresql-0", "--previous", check=False
    ) + installed.admin.kubectl("logs", "sensei-postgresql-0", check=False)
    installed.until(lambda: WORDS in installed.sensei("status", check=False))  # for a moment each time it only starts


def test_the_way_back_is_open(installed: Place, data: Found) -> None:
    """Setting the values right again is enough."""
    _set(installed, _OWN)
    installed.install()
    assert installed.stores().read() == data
