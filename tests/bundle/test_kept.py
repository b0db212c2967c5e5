"""One medium at a time: what a volume has of a blob that lies on several waits on a disk for the others."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.bundle.archive import open_archive
from sensei_tui.bundle.contents import SUMS
from sensei_tui.bundle.joined import Joined, open_bundle
from sensei_tui.bundle.load import Incomplete
from sensei_tui.bundle.oci import digest_of
from sensei_tui.cli.bundle import bundle as command
from tests.bundle.counting import Counting, counting
from tests.bundle.samples import bundle
from tests.bundle.test_load import complete, through
from tests.bundle.test_volumes import written
from tests.registry.kinds import both
from tests.registry.real import Real, started

NARROW = 64 << 10


class Site:
    """A registry, and where parts wait."""

    def __init__(self, port: int, keep: Path) -> None:
        self.port, self.keep = port, keep

    def load(self, path: Path) -> SenseiError | None:
        """None: all is loaded."""
        done = self.call(path)
        assert done.exception is None or isinstance(done.exception, SenseiError), done.exception
        return done.exception

    def call(self, *words: Path | str) -> Result:
        place = ["--registry", f"127.0.0.1:{self.port}", "--plain-http", "--keep", str(self.keep), "--allow-unsigned"]
        return CliRunner().invoke(command, ["load", *map(str, words), *place])

    @property
    def kept(self) -> list[Path]:
        """Parts that wait."""
        return sorted(item for item in self.keep.rglob("*") if item.is_file())


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return written(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="module")
def holding(media: list[Path]) -> list[Path]:
    """Those with a segment of the one blob that is larger than a medium."""
    joined = open_bundle(media)
    assert isinstance(joined, Joined)
    ((_, parts),) = joined.segments.items()
    return [path for path in media if {part.name for part in parts} & open_archive(path).entries.keys()]


@pytest.fixture
def narrow(tmp_path: Path, registry_kind: str) -> Iterator[Counting]:
    with started(Real(tmp_path / "registry")) as real, counting(real.port) as found:
        yield found


@pytest.fixture
def site(narrow: Counting, tmp_path: Path) -> Site:
    return Site(narrow.port, tmp_path / "keep")


@both
@pytest.mark.parametrize("turn", [1, -1])
def test_every_medium_once_in_any_order(media: list[Path], site: Site, narrow: Counting, turn: int) -> None:
    *first, last = media[::turn]
    for number, path in enumerate(first, 1):
        told = site.load(path)
        assert told is not None
        assert told.exit_code == ExitCode.FINDING
        assert f"volume {media.index(path) + 1} of" not in told.why
        assert f"volume {media.index(last) + 1} of {len(media)} with" in told.why
        assert "one at a time" in told.remedy
        assert (str(site.keep) in told.remedy) is bool(site.kept), number
    assert site.load(last) is None
    assert site.kept == []
    assert [*site.keep.iterdir()] == []
    assert len(narrow.sent) == len(set(narrow.sent)), "nothing twice"
    with through(narrow.port) as registry:
        assert complete(bundle(site.keep, source=media[0].parent / "layout"), registry)


@both
def test_only_what_other_volumes_complete_waits_and_only_until_the_registry_has_it(
    media: list[Path], holding: list[Path], site: Site
) -> None:  # fmt: skip
    site.load(holding[0])
    (waits,) = site.kept
    assert waits.name.endswith(".seg0001")
    assert waits.parent.name == digest_of(open_archive(media[0]).text(SUMS))[7:23]
    stamp = waits.stat().st_mtime_ns
    site.load(holding[0])
    assert waits.stat().st_mtime_ns == stamp, "it is not copied again"
    for path in holding[1:]:
        site.load(path)
    assert site.kept == []
    site.load(holding[0])
    assert site.kept == [], "the registry has the blob"


@both
def test_a_part_that_was_damaged_while_it_waited_is_named_and_brought_again(holding: list[Path], site: Site) -> None:
    for path in holding[:-1]:
        site.load(path)
    waits = site.kept[0]
    content = bytearray(waits.read_bytes())
    content[1000] ^= 1
    waits.write_bytes(content)
    told = site.load(holding[-1])
    assert told is not None
    assert told.exit_code == ExitCode.FINDING
    assert str(waits) in told.where
    assert "It is removed; the same command then tells which volume has it" in told.remedy
    assert not waits.exists()
    told = site.load(holding[-1])
    assert told is not None
    assert "Volumes are missing" in told.what
    again = site.load(holding[0])
    assert again is None or "Volumes are missing" in again.what
    assert not any("seg" in item.name for item in site.kept)


@both
def test_what_broke_off_while_it_was_copied_counts_for_nothing(holding: list[Path], site: Site) -> None:
    site.load(holding[0])
    (waits,) = site.kept
    cut = waits.with_name(f"{waits.name}.part")
    waits.rename(cut)
    cut.write_bytes(cut.read_bytes()[:1000])
    site.load(holding[0])
    assert site.kept == [waits]
    waits.write_bytes(b"short")
    told = site.load(holding[-1])
    assert told is not None
    assert f"{waits.name}" in told.why, "one of another size is not there"


@both
def test_room_is_counted_before_anything_is_sent(holding: list[Path], site: Site, narrow: Counting) -> None:
    site.keep.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={NARROW}", "none", site.keep]).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        told = site.load(holding[0])
    finally:
        subprocess.run(["umount", "--lazy", site.keep], check=True)
    assert told is not None
    assert told.exit_code == ExitCode.REMOTE
    assert str(site.keep) in told.where
    assert "bytes are needed" in told.why
    assert "--keep DIR" in told.remedy
    assert narrow.sent == []


@both
def test_what_can_not_be_removed_fails_no_load(media: list[Path], holding: list[Path], site: Site) -> None:
    site.keep.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", site.keep]).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        site.load(holding[0])
        assert site.kept
        subprocess.run(["mount", "-o", "remount,ro", site.keep], check=True)
        done = site.call(*media)
        assert done.exit_code == 0, done.exception
        assert f"could not be removed: {site.kept[0].parent}: Read-only file system" in done.output
    finally:
        subprocess.run(["umount", "--lazy", site.keep], check=True)


@both
def test_two_registries_in_turn_each_get_every_medium_once(
    media: list[Path], site: Site, tmp_path: Path, registry_kind: str
) -> None:  # fmt: skip
    with started(Real(tmp_path / "other")) as real:
        other = Site(real.port, site.keep)
        for path in media:
            ends = site.load(path), other.load(path)
        assert ends == (None, None)
        assert [*site.keep.iterdir()] == []


@both
def test_programs_are_told_which_volumes_are_missing(media: list[Path], site: Site) -> None:
    done = site.call(media[0], "-o", "json")
    assert isinstance(done.exception, Incomplete)
    told = json.loads(done.stdout)
    assert told["images"] == 5
    assert {item["number"] for item in told["missing"]} == {*range(2, len(media) + 1)}
    assert all(part["name"].startswith("blobs/sha256/") for item in told["missing"] for part in item["parts"])
    assert json.loads(site.call(*media, "-o", "json").stdout)["missing"] == []


@both
def test_where_nothing_can_be_written_it_is_told(holding: list[Path], site: Site) -> None:
    site.keep.write_text("a file")
    told = site.load(holding[0])
    assert told is not None
    assert told.exit_code == ExitCode.REMOTE
    assert str(site.keep) in told.where
    assert "directory" in told.why.lower()


@both
def test_parts_of_another_bundle_are_not_taken(holding: list[Path], site: Site, tmp_path: Path) -> None:
    other = written(tmp_path / "other", limit=800_000)
    for path in other:
        if site.load(path) is None:
            break
        if site.kept:
            break
    (waits,) = site.kept
    site.load(holding[0])
    assert waits in site.kept
    assert len({item.parent for item in site.kept}) == 2


def test_the_default_is_in_the_state_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sensei_tui.cli.bundle_load import kept_at

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert kept_at() == tmp_path / "sensei" / "volumes"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_at() == tmp_path / ".local" / "state" / "sensei" / "volumes"
