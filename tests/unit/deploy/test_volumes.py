"""What deployed stores can't become is refused when the plan is made: the file, the setting, what is there, what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.deploy.plans import plan_install, plan_upgrade
from sensei_tui.deploy.prepare import prepare
from sensei_tui.deploy.record import Deployed, DeployedRelease, save_deployed
from sensei_tui.deploy.volumes import StoreCannotChange
from sensei_tui.helm.engine import render_offline
from sensei_tui.site.charts import charts_dir
from sensei_tui.site.site import Site
from tests.unit.site.helpers import LICENSED, site_with

LOCAL = "llm: {provider: local, model: m, persistence: {size: 100Gi}}\n"
HA = (charts_dir() / "scenarios" / "ha.yaml").read_text()
SINGLE = (charts_dir() / "scenarios" / "single-node.yaml").read_text()


def deployed(root: Path, values: str) -> Site:
    """A site with these values in line 1 and after, and the record that a run of them leaves."""
    site = site_with(root, values=values, license=LICENSED)
    prepared = prepare(site)
    manifests = render_offline(
        {item.name: item.chart for item in prepared.releases}, prepared.resolved.helm_values, "n"
    )
    releases = tuple(DeployedRelease(name=name, revision=1, chart="1.0.0", digest="", manifest=text)
                     for name, text in manifests.items())  # fmt: skip
    save_deployed(site, Deployed(at="2026-01-01", run="0001", version="1.0.0", target="", values_digest="",
                                 values=prepared.resolved.helm_values, releases=releases))  # fmt: skip
    return site


def change(site: Site, values: str) -> None:
    (site.root / "values.yaml").write_text(values)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "storage: {minio: {replicas: 4}}\n", "storage.minio.replicas: 3 is deployed, 4 is asked"),
        ("", "storage: {minio: {replicas: 1}}\n", "storage.minio.replicas: 3 is deployed, 1 is asked"),
        ("", "storage: {minio: {drivesPerReplica: 4}}\n", "storage.minio.drivesPerReplica: 2 is deployed, 4 is asked"),
        ("vectorDb: {replicas: 5}\n", "vectorDb: {replicas: 3}\n", "vectorDb.replicas: 5 is deployed, 3 is asked"),
        ("", "redis: {persistence: {size: 5Gi}}\n", "redis.persistence.size: 10Gi is deployed, 5Gi is asked"),
        ("", "postgresql: {persistence: {size: 90G}}\n", "postgresql.persistence.size: 100Gi is deployed, 90G is asked"),
        ("", "global: {storageClass: fast}\n", "global.storageClass: the default is deployed, fast is asked"),
        (LOCAL, LOCAL.replace("100Gi", "50Gi"), "llm.persistence.size: 100Gi is deployed, 50Gi is asked"),
        ("", "postgresql: {major: 18, image: {tag: '18.1'}}\n", "postgresql.major: 17 is deployed, 18 is asked"),
        ("", "postgresql: {major: 18, image: {tag: '18.1'}, replacesMajor: 16}\n", "postgresql.major: 17 is deployed"),
        (SINGLE, HA, "storage.minio.replicas: 1 is deployed, 4 is asked"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, before: str, after: str, told: str) -> None:
    site = deployed(tmp_path, before)
    change(site, after)
    for plan in (plan_install, plan_upgrade):
        with pytest.raises(StoreCannotChange) as caught:
            plan(site)
        assert told in caught.value.why
        assert f"{tmp_path}/values.yaml:" in caught.value.where
        assert "guide, Data stores" in caught.value.remedy


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "vectorDb: {replicas: 5}\n"),
        ("redis: {persistence: {size: 1Gi}}\n", "redis: {persistence: {size: 1024Mi}}\n"),
        (LOCAL, LOCAL.replace("100Gi", "150Gi")),
        ("", "storage: {external: {enabled: true, endpoint: 'https://s3.lan', existingSecret: ours}}\n"),
        ("", "postgresql: {major: 18, image: {tag: '18.1'}, replacesMajor: 17}\n"),
        ("storage: {minio: {replicas: 4}}\n", "storage: {minio: {replicas: 4, resources: {memory: 3Gi}}}\n"),
    ],
)
def test_not_refused(tmp_path: Path, before: str, after: str) -> None:
    site = deployed(tmp_path, before)
    change(site, after)
    assert not [line for line in plan_upgrade(site).changes if "grow the volumes" in line]


ELSEWHERE = """\
postgresql: {external: {enabled: true, host: db.lan, existingSecret: a}}
redis: {external: {enabled: true, host: redis.lan}}
storage: {external: {enabled: true, endpoint: "https://s3.lan", existingSecret: a}}
vectorDb: {external: {enabled: true, url: "https://vectors.lan"}}
backup: {to: volume}
"""


def test_a_kept_volume_stays_in_its_class_and_the_plan_does_not_say_otherwise(tmp_path: Path) -> None:
    site = deployed(tmp_path, ELSEWHERE + "global: {storageClass: old}\n")
    change(site, ELSEWHERE + "global: {storageClass: new}\n")
    changes = plan_upgrade(site).changes
    assert any("global.storageClass" in line for line in changes)
    assert not [line for line in changes if "PersistentVolumeClaim" in line and "storageClassName" in line]


def test_what_must_be_grown_first_is_said(tmp_path: Path) -> None:
    site = deployed(tmp_path, "")
    change(site, "storage: {minio: {persistence: {size: 40Gi}}}\n")
    line = "storage.minio.persistence.size: 30Gi -> 40Gi: grow the volumes first (guide, Data stores)"
    assert plan_upgrade(site).changes[0] == line
