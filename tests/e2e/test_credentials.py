"""The database's password: another one is refused before anything is written, and the site's own is made again."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.cluster.client import Cluster, connect
from sensei_tui.site.resolve import GENERATED, load_kept
from sensei_tui.site.target import target_of
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import SiteUnderTest

pytestmark = pytest.mark.e2e
OWN = "mycreds"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteUnderTest]:
    with rehearsed(tmp_path / "site") as found:
        yield found


@pytest.fixture
def cluster(site: SiteUnderTest) -> Iterator[Cluster]:
    with connect(target_of(site.site)) as found:
        yield found


def make(cluster: Cluster, name: str, password: str) -> None:
    cluster.apply({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": name, "namespace": "sensei"},
        "stringData": dict.fromkeys(GENERATED, password),
    })  # fmt: skip


def test_another_secret_with_another_password(site: SiteUnderTest, cluster: Cluster) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sensei"}})
    make(cluster, OWN, "the-password-of-the-database")
    site.sensei("config", "set", "credentials.existingSecret", OWN)
    site.sensei("install", "--yes")
    site.sensei("config", "unset", "credentials.existingSecret")
    said = site.sensei("upgrade", "--yes", code=3)
    assert "The database would not be reached any more" in said
    assert f"Name that Secret: credentials.existingSecret: {OWN}" in said
    assert "the-password-of-the-database" not in said
    assert not cluster.exists("Secret", "sensei-credentials")
    make(cluster, "sensei-credentials", "the-password-of-the-database")
    site.sensei("upgrade", "--yes")


def test_a_volume_without_its_secret(site: SiteUnderTest, cluster: Cluster) -> None:
    site.sensei("install", "--yes")
    was = cluster.object("Secret", "sensei-credentials")["data"]["postgres-password"]
    site.sensei("uninstall", "--yes")
    cluster.delete("Secret", "sensei-credentials")
    file = site.site.root / ".sensei" / "secrets.json"
    kept = file.read_bytes()
    file.unlink()
    said = site.sensei("install", "--yes", code=3)
    assert "the volume data-sensei-postgresql-0 has a database, and this site never made its password" in said
    assert not cluster.exists("Secret", "sensei-credentials")
    file.write_bytes(kept)
    site.sensei("install", "--yes")
    now = cluster.object("Secret", "sensei-credentials")["data"]["postgres-password"]
    assert now == was
    assert base64.b64decode(now).decode() == load_kept(site.site).credentials["postgres-password"]
