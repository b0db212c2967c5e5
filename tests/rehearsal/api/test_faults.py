"""Faults between client and server, as a client meets them."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.rehearsal import faults_http
from tests.fixtures_cluster import RunningCluster, running_cluster

SCENARIO = """
api:
  clockSkew: 7200
  faults:
    - {kind: error, code: 500, path: /api/v1/nodes, times: 2}
    - {kind: drop, path: /apis/apps/v1/deployments}
    - {kind: latency, seconds: 0.3, path: /api/v1/secrets, methods: [GET]}
    - {kind: hang, path: /api/v1/pods}
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("faulty"), SCENARIO) as running:
        yield running


def test_errors_end_after_their_number(faulty: RunningCluster) -> None:
    replies = [faulty.request("GET", "/api/v1/nodes") for _ in range(3)]
    assert [reply.status for reply in replies] == [500, 500, 200]
    assert replies[0].body["message"] == "etcdserver: request timed out"


def test_a_dropped_connection_has_no_answer(faulty: RunningCluster) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        faulty.request("GET", "/apis/apps/v1/deployments")


def test_a_delay_strikes_its_methods_only(faulty: RunningCluster) -> None:
    start = time.monotonic()
    faulty.request("GET", "/api/v1/secrets")
    slow = time.monotonic()
    faulty.request("POST", "/api/v1/secrets", {})
    assert slow - start >= 0.3 > time.monotonic() - slow


def test_a_hanging_request_is_let_go_when_the_client_leaves(faulty: RunningCluster) -> None:
    connection = faulty._connect()
    connection.timeout = 0.3
    connection.connect()
    connection.request("GET", "/api/v1/pods", headers={"Authorization": f"Bearer {faulty.token}"})
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert faulty.request("GET", "/readyz").body == "ok"


def test_the_clock_is_skewed_where_clients_see_it(faulty: RunningCluster) -> None:
    told = parsedate_to_datetime(faulty.request("GET", "/version").headers["Date"])
    assert timedelta(minutes=119) < told - datetime.now(UTC) < timedelta(minutes=121)


async def test_the_same_seed_gives_the_same_faults() -> None:
    async def run(seed: int) -> list[bool]:
        faults = faults_http.read({"seed": seed, "faults": [{"kind": "drop", "rate": 0.5}]})
        struck = []
        for _ in range(40):
            try:
                await faults.suffer("GET", "/api/v1/pods", 0.0)
                struck.append(False)
            except faults_http.DroppedError:
                struck.append(True)
        return struck

    first = await run(3)
    assert first == await run(3) != await run(4)
    assert 8 < sum(first) < 32


async def test_a_rule_has_its_time() -> None:
    faults = faults_http.read({"faults": [{"kind": "drop", "after": 10, "until": 20}]})
    await faults.suffer("GET", "/api/v1/pods", 9.9)
    with pytest.raises(faults_http.DroppedError):
        await faults.suffer("GET", "/api/v1/pods", 10.0)
    await faults.suffer("GET", "/api/v1/pods", 20.0)


@pytest.mark.parametrize(
    "section",
    [
        {"faults": [{"kind": "explode"}]},
        {"faults": [{"kind": "drop", "often": 1}]},
        {"faults": [{"kind": "drop", "path": "("}]},
        {"clockSkew": "soon"},
    ],
)
def test_a_wrong_section_is_a_usage_error(section: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        faults_http.read(section)
    assert "kind" in caught.value.remedy


def test_state_and_identity_survive_a_restart(tmp_path: Path) -> None:
    directory = tmp_path / "kept"
    with running_cluster(directory) as first:
        first.kubectl("create", "namespace", "kept")
        url, token, config = first.url, first.token, first.kubeconfig.read_text()
    with running_cluster(directory) as second:
        assert (second.url, second.token, second.kubeconfig.read_text()) == (url, token, config)
        assert "kept" in second.kubectl("get", "namespace", "kept", "-o", "name")
