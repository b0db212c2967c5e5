"""A bundle in a site: rehearsed, and into a real registry, as a run and as the beginning of an installation."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from sensei_tui.helm.images import needed
from sensei_tui.runs.model import RunState
from tests.bundle.images import LayoutMaker
from tests.bundle.test_load import stored
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import SiteUnderTest
from tests.registry.real import PROGRAM, Real, started


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All images of the charts' defaults, small ones."""
    made = LayoutMaker(tmp_path_factory.mktemp("images") / "layout")
    base = made.layer(100_000)
    for item in needed({}):
        made.name(made.manifest([base, made.layer(10_000)]), item.name)
    return made.done()


@pytest.fixture
def site(tmp_path: Path, layout: Path) -> SiteUnderTest:
    """A site without a cluster, and beside it a bundle of its images."""
    from sensei_tui.site.new import create_site

    found = SiteUnderTest(create_site(tmp_path / "site", name="test"))
    found.sensei("bundle", "create", "--images-from", f"oci:{layout}", "--output", str(bundle_of(found)))
    return found


def bundle_of(found: SiteUnderTest) -> Path:
    return found.site.root.parent / "bundle.tar.gz"


def use(found: SiteUnderTest, *more: str) -> str:
    place = ("--registry", "registry.lan/sensei")
    return found.sensei("bundle", "use", str(bundle_of(found)), *place, "--allow-unsigned", *more)


def test_a_rehearsal_proves_the_bundle_and_sends_nothing(tmp_path: Path, layout: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("bundle", "create", "--images-from", f"oci:{layout}", "--output", str(bundle_of(found)))
        use(found)
        found.sensei("config", "set", "global.imageRegistry", "registry.lan/sensei")
        steps = [item["id"] for item in json.loads(found.sensei("install", "--plan-only", "-o", "json"))["steps"]]
        assert steps[:5] == ["site", "preflight", "bundle", "load", "images"]
        said = found.sensei("install", "--yes")
        assert "a rehearsal sends nothing" in said
        assert "images of the charts, each by its digest" in said
        assert found.run().view().state is RunState.DONE


def test_a_rehearsal_reads_every_byte(tmp_path: Path, layout: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("bundle", "create", "--images-from", f"oci:{layout}", "--output", str(bundle_of(found)))
        assert "next      sensei config set global.imageRegistry registry.lan/sensei" in use(found)
        found.sensei("config", "set", "global.imageRegistry", "registry.lan/sensei")
        assert "next" not in use(found)
        content = bytearray(bundle_of(found).read_bytes())
        content[-100_000] ^= 1
        bundle_of(found).write_bytes(content)
        said = found.sensei("bundle", "load", "--yes", code=3)
        assert "The bundle is damaged." in said
        assert found.run().view().error["step"] == "Load the bundle"


def test_values_that_take_their_images_elsewhere_are_found_before_anything_is_sent(site: SiteUnderTest) -> None:
    use(site)
    said = site.sensei("bundle", "load", "--yes", code=3)
    assert "The values take no image from registry.lan/sensei." in said
    assert "sensei config set global.imageRegistry registry.lan/sensei" in said
    assert next(step.id for step in site.run().view().steps if step.state == "FAIL") == "bundle"


def test_an_image_that_the_bundle_lacks_is_named(site: SiteUnderTest, tmp_path: Path, layout: Path) -> None:
    with rehearsed(tmp_path / "rehearsed") as found:
        bundle_of(site).rename(bundle_of(found))
        use(found)
        found.sensei("config", "set", "global.imageRegistry", "registry.lan/sensei")
        found.sensei("config", "set", "redis.image.tag", "9.9.9")
        said = found.sensei("bundle", "load", "--yes", code=3)
        assert "registry.lan/sensei/valkey/valkey:9.9.9 is not there" in said
        assert found.run().view().error["code"] == "images-missing"


def test_a_bundle_of_nobody_is_not_taken(site: SiteUnderTest) -> None:
    said = site.sensei("bundle", "use", str(bundle_of(site)), code=1)
    assert "The bundle is not signed." in said
    assert not (site.site.root / "charts").exists()
    assert "The site names no bundle." in site.sensei("bundle", "load", "--yes", code=2)


def test_its_charts_and_its_version_become_the_sites(site: SiteUnderTest) -> None:
    use(site)
    shown = json.loads(site.sensei("site", "show", "-o", "json"))
    assert (shown["version"], shown["registry"], shown["bundle_unsigned"]) == ("1.0.0", "registry.lan/sensei", True)
    assert (site.site.root / "charts" / "sensei-full" / "Chart.yaml").is_file()
    site.sensei("site", "set", "--version", "2.0.0")
    site.sensei("config", "set", "global.imageRegistry", "registry.lan/sensei")
    assert "The bundle is of version 1.0.0, the site is for 2.0.0." in site.sensei("bundle", "load", "--yes", code=3)


@pytest.mark.skipif(PROGRAM is None, reason="docker-registry is not installed")
def test_volumes_that_were_loaded_one_at_a_time_are_all_a_run_needs(
    site: SiteUnderTest, layout: Path, tmp_path: Path
) -> None:  # fmt: skip
    """Into a real registry; where that lacks what only other volumes have, nothing is sent."""
    size = ("--volume-size", "420KB", "--output", str(tmp_path / "media.tar.gz"))
    site.sensei("bundle", "create", "--images-from", f"oci:{layout}", *size)
    first, *others = map(str, sorted(tmp_path.glob("media.vol*")))
    assert others
    with started(Real(tmp_path / "registry")) as real:
        place = ("--registry", f"127.0.0.1:{real.port}/sensei", "--allow-unsigned")
        assert "The charts are in another volume." in site.sensei("bundle", "use", others[-1], *place, code=1)
        numbers = ", ".join(str(number) for number in range(2, len(others) + 2))
        said = site.sensei("bundle", "use", first, *place)
        assert f"warn: of its {len(others) + 1} volumes these are not there: {numbers}; " in said
        site.sensei("site", "set", "--registry-plain-http")
        site.sensei("config", "set", "global.imageRegistry", f"127.0.0.1:{real.port}/sensei")
        said = site.sensei("bundle", "load", "--yes", code=3)
        assert "Volumes of the bundle are missing." in said
        assert f"volume 2 of {len(others) + 1} with blobs/sha256/" in said
        assert "one at a time: sensei bundle load VOLUME" in said
        assert stored(real) == set()
        for volume in (first, *others):
            site.sensei("bundle", "load", volume, *place, "--plain-http", code=0 if volume == others[-1] else 1)
        site.sensei("bundle", "load", "--yes")
        details = {step.id: step.detail for step in site.run().view().steps}
        assert details["load"].endswith("12 were there; 0 B sent")
        assert "10 images of the charts, each by its digest" in details["images"]


@pytest.mark.skipif(PROGRAM is None, reason="docker-registry is not installed")
def test_what_a_run_says_that_helps_does_help(site: SiteUnderTest, tmp_path: Path) -> None:
    """A run takes no options of a load: the site has them."""
    with started(Real(tmp_path / "registry").with_tls()) as real:
        place = str(real.place)
        site.sensei("bundle", "use", str(bundle_of(site)), "--registry", place, "--allow-unsigned")
        site.sensei("config", "set", "global.imageRegistry", place)
        said = site.sensei("bundle", "load", "--yes", code=3)
        assert "(sensei site set --registry-ca FILE)" in said
        site.sensei("site", "set", "--registry-plain-http")
        assert "Say that it has TLS (sensei site set --registry-tls)" in site.sensei("bundle", "load", "--yes", code=3)
        site.sensei("site", "set", "--registry-tls")
        assert "authority cannot be read" in site.sensei("site", "set", "--registry-ca", "none", code=2)
        site.sensei("site", "set", "--registry-ca", str(real.ca))
        said = site.sensei("site", "set", "--registry", "registry.lan")
        assert f"registry_ca stays {real.ca}" in said
        site.sensei("site", "set", "--registry", place)
        site.sensei("bundle", "load", "--yes")
        assert json.loads(site.sensei("site", "set", "--registry-ca", "", "-o", "json"))["registry_ca"] == ""
    with started(Real(tmp_path / "plain")) as real:
        site.sensei("site", "set", "--registry", str(real.place))
        site.sensei("config", "set", "global.imageRegistry", str(real.place))
        said = site.sensei("bundle", "load", "--yes", code=3)
        assert "(sensei site set --registry-plain-http)" in said
        site.sensei("site", "set", "--registry-plain-http")
        site.sensei("bundle", "load", "--yes")


def test_keys_are_added_to_those_that_a_site_trusts(site: SiteUnderTest, tmp_path: Path) -> None:
    for name in ("vendor", "partner"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
        (tmp_path / f"{name}s").write_text(f"# ours\n{name} " + (tmp_path / f"{name}.pub").read_text())
    for name in ("vendor", "partner", "partner"):
        site.sensei("bundle", "sign", str(bundle_of(site)), "--key", str(tmp_path / name))
        said = site.sensei("bundle", "use", str(bundle_of(site)), "--trust", str(tmp_path / f"{name}s"))
    assert "trusted" not in said
    lines = (site.site.root / "trusted-keys").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["#", "vendor", "partner"]
    site.sensei("bundle", "verify", str(bundle_of(site)))
    site.sensei("site", "set", "--registry", "registry.lan")
    site.sensei("config", "set", "global.imageRegistry", "registry.lan")
    (site.site.root / "trusted-keys").unlink()
    assert "sensei bundle use FILE --trust ALLOWED_SIGNERS" in site.sensei("bundle", "load", "--yes", code=3)


def test_what_a_bundle_leaves_out_is_told_where_it_is_used_and_served(
    site: SiteUnderTest, layout: Path, tmp_path: Path
) -> None:  # fmt: skip
    delta = str(tmp_path / "delta.tar.gz")
    site.sensei(
        "bundle", "create", "--images-from", f"oci:{layout}", "--since", str(bundle_of(site)), "--output", delta
    )
    said = site.sensei("bundle", "use", delta, "--allow-unsigned", "-o", "json")
    (warning,) = json.JSONDecoder().raw_decode(said)[0]["warnings"]
    assert re.fullmatch(
        r"it leaves out .* kB that the bundle of 1.0.0 has, which must be in the registry first", warning
    )
    assert f"warn: {warning}" in said
    server = site.console("bundle", "serve", delta, "--listen", "127.0.0.1:0", "--allow-unsigned", "-o", "json")
    try:
        assert server.stdout
        assert '"leftOut": "' in "".join(iter(server.stdout.readline, "}\n"))
    finally:
        server.terminate()
        server.communicate()
