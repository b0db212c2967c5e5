"""The Bundle screen by keys: a bundle is named, agreed to, and loaded into a real registry by a site without a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sensei_tui.app import SenseiApp
from sensei_tui.bundle.archive import File
from sensei_tui.helm.images import needed
from sensei_tui.runs.model import RunState
from sensei_tui.site.site import Site
from sensei_tui.terminal.profile import RICH
from tests.bundle.images import LayoutMaker
from tests.bundle.test_signed import key as make_key
from tests.e2e.pilot import screen_text, shown, until
from tests.e2e.sites import SiteUnderTest
from tests.e2e.test_bundle_run import bundle_of, layout, site  # noqa: F401
from tests.registry.real import PROGRAM, Real, started

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(PROGRAM is None, reason="docker-registry is not installed")
async def test_from_no_bundle_to_a_loaded_one_without_a_cluster(site: SiteUnderTest, tmp_path: Path) -> None:  # noqa: F811
    with started(Real(tmp_path / "registry")) as real:
        place = f"127.0.0.1:{real.port}/sensei"
        site.sensei("site", "set", "--version", "1.1.0")
        site.sensei("config", "set", "global.imageRegistry", place)
        app = SenseiApp(Site.open(site.site.root), RICH)
        async with app.run_test(size=(80, 24)) as pilot:
            await shown(pilot, "What to do next")
            await pilot.press("6")
            await shown(pilot, "The site names no bundle")
            assert "verify" not in screen_text(app)
            await pilot.press("u")
            await shown(pilot, "Path of the bundle")
            await pilot.press(*str(bundle_of(site)), "enter")
            await shown(pilot, "The bundle is not signed.", "older than 1.1.0", "Use it all the same?")
            await pilot.press("y")
            await shown(pilot, "The site accepts that", "no registry is named: press r")
            await pilot.press("r")
            await shown(pilot, "Registry of the site", "Without TLS write http:// before it")
            await pilot.press(*f"http://{place} /none", "enter")
            await shown(pilot, "No such file or directory")
            await pilot.press(*["backspace"] * len(" /none"), "enter")
            await shown(pilot, f"Into      http://{place}", "all 10 images of the charts", "verify", "load")
            await pilot.press("v")
            await shown(pilot, "every byte")
            await pilot.press("l")
            await shown(pilot, f"The plan: load 1.0.0 on {place}", "Prove the images")
            await pilot.press("s")
            await shown(pilot, f"Start load 1.0.0 on {place}?")
            await pilot.press("y")
            await shown(pilot, "run 0001", "Done in", seconds=60)
        await until(pilot, lambda: site.run().view().state is RunState.DONE)
        said = site.run().journal.read_text()
        assert "to send, for which the registry needs room; 0 B are there" in said


async def test_volumes_that_are_not_there_are_told_and_a_medium_can_be_taken_out(
    site: SiteUnderTest,  # noqa: F811
    tmp_path: Path,
) -> None:
    first, second, *_ = volumes(site, tmp_path)
    second.rename(tmp_path / second.name)
    site.sensei("bundle", "use", str(first.parent), "--allow-unsigned")
    app = SenseiApp(Site.open(site.site.root), RICH)
    async with app.run_test(size=(132, 43)) as pilot:
        await shown(pilot, "What to do next")
        await pilot.press("6")
        await shown(pilot, "verify")
        await pilot.press("v")
        await shown(pilot, "as they should be; missing: volume 2 of")
        assert not held_open(first.parent)
        largest = max(File(first).entries.values(), key=lambda entry: entry.size)
        content = bytearray(first.read_bytes())
        content[largest.offset + largest.size // 2] ^= 1
        first.write_bytes(content)
        other = site.sensei("bundle", "use", str(bundle_of(site)), "--allow-unsigned")
        assert "version" in other
        await pilot.press("escape", "6")
        await shown(pilot, f"File      {bundle_of(site)}")
        assert "missing: volume" not in screen_text(app)
        site.sensei("bundle", "use", str(first.parent), "--allow-unsigned")
        await pilot.press("escape", "6")
        await shown(pilot, f"File      {first.parent}")
        await pilot.press("v")
        await shown(pilot, f"{first.name}:", "its gzip checksum is another")
        assert not held_open(first.parent)


async def test_volumes_that_would_be_refused_alone_are_told(site: SiteUnderTest, tmp_path: Path) -> None:  # noqa: F811
    first, second, *_ = volumes(site, tmp_path)
    make_key(tmp_path / "key")
    site.sensei("bundle", "sign", str(first), "--key", str(tmp_path / "key"))
    site.sensei("bundle", "use", str(first.parent), "--trust", str(tmp_path / "allowed"))
    app = SenseiApp(Site.open(site.site.root), RICH)
    async with app.run_test(size=(132, 43)) as pilot:
        await shown(pilot, "What to do next")
        await pilot.press("6")
        await shown(pilot, "by vendor; refused without", f"volumes: {second.name} and")


def volumes(found: SiteUnderTest, root: Path) -> list[Path]:
    """Of 450 kB, beside nothing else."""
    made = LayoutMaker(root / "layout")
    for item in needed({}):
        made.name(made.manifest([made.layer(70_000)]), item.name)
    media = root / "media"
    media.mkdir()
    found.sensei("bundle", "create", "--images-from", f"oci:{made.done()}", "--output", str(media / "bundle.tar.gz"),
                 "--volume-size", "450kB")  # fmt: skip
    return sorted(media.iterdir())


def held_open(below: Path) -> list[str]:
    """Files there that this process has open."""
    links = [item for item in Path("/proc/self/fd").iterdir() if item.is_symlink()]
    return [target for item in links if (target := os.readlink(item)).startswith(str(below))]
