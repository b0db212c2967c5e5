"""A bundle for another version, another cluster or an upgrade that can't be is found; an older one is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensei_tui.bundle.contents import Contents, Item
from sensei_tui.cluster.snapshot import Node, NodeInfo, NodeStatus, ObjectMeta
from sensei_tui.deploy.fitting import (
    WrongBundle,
    check_version,
    doubts_of_nodes,
    doubts_of_room,
    doubts_of_upgrade,
    doubts_of_use,
)
from sensei_tui.deploy.record import FILE, Deployed
from sensei_tui.site.new import create_site
from sensei_tui.site.site import Site

WHERE = "/media/bundle.tar.gz"
CONTENTS = Contents(version="1.2.0", created="2026-01-01T00:00:00Z", kubernetes="", platforms=("linux/amd64",), charts=(),
                    items=(), blobs=0, size=0)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return create_site(tmp_path / "site", name="test")


def deployed(site: Site, version: str) -> Site:
    record = Deployed(at="", run="0001", version=version, target="", values_digest="", values={})
    site.state.mkdir(parents=True, exist_ok=True)
    (site.state / FILE).write_bytes(msgspec.json.encode(record))
    return site


def test_another_version_than_the_sites_is_refused() -> None:
    check_version(CONTENTS, "1.2.0", WHERE)
    with pytest.raises(WrongBundle, match=r"version 1\.2\.0, the site is for 1\.3\.0") as caught:
        check_version(CONTENTS, "1.3.0", WHERE)
    assert caught.value.where == WHERE


@pytest.mark.parametrize(("version", "told"), [("1.1.0", []), ("1.2.0", []), ("1.2.0-rc.1", []), ("nightly", []),
    ("1.10.0", ["version 1.2.0 is older than 1.10.0, which is deployed"])])  # fmt: skip
def test_a_bundle_older_than_what_is_deployed_is_told(site: Site, version: str, told: list[str]) -> None:
    assert doubts_of_upgrade(deployed(site, version), CONTENTS, WHERE) == told


def test_what_the_site_was_for_counts_where_nothing_is_deployed(site: Site) -> None:
    assert doubts_of_use(site, CONTENTS, WHERE) == []
    site = site.configure(version="2.0.0")
    assert doubts_of_use(site, CONTENTS, WHERE) == ["version 1.2.0 is older than 2.0.0, which the site was for"]


def test_an_upgrade_that_leaves_out_a_version_is_refused(site: Site) -> None:
    contents = msgspec.structs.replace(CONTENTS, upgrade_from=">=1.1.0")
    assert doubts_of_upgrade(site, contents, WHERE) == []
    assert doubts_of_upgrade(deployed(site, "1.1.4"), contents, WHERE) == []
    with pytest.raises(WrongBundle, match=r"1\.0\.9, which is deployed, can't be upgraded to 1\.2\.0") as caught:
        doubts_of_upgrade(deployed(site, "1.0.9"), contents, WHERE)
    assert ">=1.1.0" in caught.value.why
    odd = msgspec.structs.replace(CONTENTS, upgrade_from="~>1.1")
    assert doubts_of_upgrade(site, odd, WHERE) == [], "Helm and the charts have their say"


def nodes(*architectures: str) -> list[Node]:
    return [Node(ObjectMeta(name=f"node-{number}"), status=NodeStatus(node_info=NodeInfo(item)))
            for number, item in enumerate(architectures)]  # fmt: skip


def test_nodes_of_another_processor() -> None:
    for fine in (nodes("amd64", "amd64"), nodes(), nodes("")):
        assert doubts_of_nodes(CONTENTS, fine, WHERE) == []
    told = doubts_of_nodes(CONTENTS, nodes("amd64", "arm64"), WHERE)
    assert told == ["1 node (node-1) of linux/arm64 can't run images for linux/amd64"]
    with pytest.raises(WrongBundle, match="do not run on this cluster") as caught:
        doubts_of_nodes(CONTENTS, nodes("arm64", "arm64"), WHERE)
    assert "--platform linux/arm64" in caught.value.remedy
    both = msgspec.structs.replace(CONTENTS, platforms=("linux/amd64", "linux/arm64/v8"))
    assert doubts_of_nodes(both, nodes("arm64", "amd64"), WHERE) == []


def test_no_node_with_room_for_the_images_is_told() -> None:
    contents = msgspec.structs.replace(CONTENTS, unpacked=30_000_000_000)
    sized = [Node(status=NodeStatus(allocatable={"ephemeral-storage": size})) for size in ("10Gi", "20000000000", "")]
    told = doubts_of_room(contents, sized)
    assert told == ["unpacked, the images have 30 GB; the largest node keeps 20 GB for such"]
    assert doubts_of_room(contents, [*sized, Node(status=NodeStatus(allocatable={"ephemeral-storage": "100Gi"}))]) == []
    assert doubts_of_room(contents, nodes("amd64")) == [], "nobody says"
    model = Item(name="m", kind="artifact", digest="", media_type="", size=0, unpacked=15_000_000_000, weights=1)
    assert doubts_of_room(msgspec.structs.replace(contents, items=(model,)), sized) == [], "a model is on its volume"
