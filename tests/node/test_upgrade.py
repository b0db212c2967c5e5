"""To another version and back, out and in again: what stays is the data, the Secret and the stores' pods."""

from __future__ import annotations

import json
import shutil
import urllib.request
from typing import Any

import pytest

from tests.node.images import ROOT
from tests.node.place import Place
from tests.node.stores import Found

pytestmark = pytest.mark.timeout(900)
STORES = ("postgresql", "redis", "object-storage", "vector-db")
NEW = "1.1.0"


@pytest.fixture(scope="module")
def data(installed: Place) -> Found:
    stores = installed.stores()
    stores.write()
    return stores.read()


def _starts(place: Place) -> dict[str, Any]:
    """Which container of each store runs since when."""
    pods = [pod for name in STORES for pod in place.pods(name)]
    return {
        pod["metadata"]["name"]: (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["containerID"])
        for pod in pods
    }


def _version(place: Place) -> str:
    """What the API says that it is."""
    address = place.get("service", "sensei-api")["spec"]["clusterIP"]
    with urllib.request.urlopen(f"http://{address}:8080/api/v1/status", timeout=10) as answer:
        return str(json.load(answer)["version"])


def _new_charts(place: Place) -> None:
    """The charts as a vendor's next version, in the site's own directory."""
    charts = place.directory / "charts"
    shutil.copytree(ROOT / "charts", charts)
    for path in charts.glob("*/Chart.yaml"):
        path.write_text(path.read_text().replace("version: 1.0.0", f"version: {NEW}").replace('"1.0.0"', f'"{NEW}"'))


def test_upgrade(installed: Place, data: Found) -> None:
    before = _starts(installed)
    _new_charts(installed)
    installed.sensei("site", "set", "--version", NEW)
    installed.sensei("upgrade", "--yes", "--plain", "--timeout", "300")
    assert _version(installed) == NEW
    assert _starts(installed) == before
    assert "pre-upgrade" in installed.sensei("backup", "list")
    assert installed.stores().read() == data
    with installed.stores().database() as session:
        assert session.query("SELECT version FROM sensei_migrations ORDER BY 1") == [["1.0.0"], [NEW]]


def test_rollback(installed: Place, data: Found) -> None:
    before = _starts(installed)
    installed.sensei("rollback", "1", "--yes", "--plain", "--timeout", "300")
    assert _version(installed) == "1.0.0"
    assert _starts(installed) == before
    assert installed.stores().read() == data


def test_out_and_in_again(installed: Place, data: Found) -> None:
    secret = installed.secret("sensei-credentials")
    with installed.stores().redis() as redis:
        redis.ask("SET", "tests", "here")
    installed.sensei("uninstall", "--yes", "--plain")
    assert (
        installed.get("statefulset,deployment,job,cronjob,service,configmap", "-l", "app.kubernetes.io/name=sensei")[
            "items"
        ]
        == []
    )
    assert len(installed.get("pvc")["items"]) == len(STORES)
    installed.install()
    assert installed.secret("sensei-credentials") == secret
    assert installed.stores().read() == data
    with installed.stores().redis() as redis:
        assert redis.ask("GET", "tests") == "here"
    installed.sensei("test")
