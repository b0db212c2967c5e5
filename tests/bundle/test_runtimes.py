"""Bundles into a real containerd: every image by its digest, and nothing twice."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sensei_tui.base.errors import ExitCode, SenseiError, UsageError
from sensei_tui.bundle import runtimes
from sensei_tui.bundle.contents import blob_name
from sensei_tui.bundle.disk import free_at
from sensei_tui.bundle.into_containerd import Containerd
from sensei_tui.bundle.inventory import known_by
from sensei_tui.bundle.opened import Bundle
from sensei_tui.bundle.runtimes import NoRuntime
from sensei_tui.bundle.signed import NotTrusted
from sensei_tui.cli.bundle import bundle as command
from sensei_tui.cli.bundle_load import FOR
from sensei_tui.cli.bundle_load import load as load_command
from sensei_tui.registry.reference import Place, Reference
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, NAMES, TOOL, WEB, bundle, largest, layout, pinned, spoiled
from tests.bundle.test_volumes import written

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="a container runtime needs root")
pytestmark = root_only
ROOM = 24 << 20
"""Bytes of a small disk."""
CONFIG = """version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{0}/sock"
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[str]:
    """The socket of a containerd of its own."""
    if shutil.which("containerd") is None or shutil.which("ctr") is None:
        pytest.skip("containerd is not installed")
    root = tmp_path / "node"
    root.mkdir(exist_ok=True)
    (root / "config.toml").write_text(CONFIG.format(root))
    with (root / "log").open("w") as log:
        process = subprocess.Popen(["containerd", "--config", root / "config.toml"], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 30
        while subprocess.run(["ctr", "-a", root / "sock", "version"], capture_output=True).returncode:
            if process.poll() is not None or time.monotonic() > until:
                pytest.skip("containerd does not start here")
            time.sleep(0.1)
        yield str(root / "sock")
    finally:
        process.terminate()
        process.wait(30)


def load(path: Path | str, node: str, *more: str) -> Result:
    arguments = ["load", str(path), "--to", "containerd", "--address", node, "--allow-unsigned", *more]
    return CliRunner().invoke(command, arguments)


def failed(path: Path, node: str, *more: str) -> tuple[ExitCode, str]:
    """How it ends, and what is told."""
    error = load(path, node, *more).exception
    assert isinstance(error, SenseiError), error
    return error.exit_code, f"{error.what} {error.where} {error.why} {error.remedy}"


def images(node: str, namespace: str = "k8s.io") -> dict[str, str]:
    """Name -> digest, of what containerd calls complete."""
    done = subprocess.run(["ctr", "-a", node, "-n", namespace, "images", "check"], capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    return {row[0]: row[2] for row in rows if row[3] == "complete"}


def wanted(path: Path, place: str = "") -> dict[str, str]:
    items = Bundle.open(path).contents.items
    where = Place.parse(place) if place else None
    return {str(where.move(Reference.parse(item.name))) if where else item.name: item.digest
            for item in items if item.kind == "image"}  # fmt: skip


def test_containerd_has_every_image_by_its_digest_and_the_second_time_nothing_is_sent(
    tmp_path: Path, node: str
) -> None:
    path = bundle(tmp_path)
    done = load(path, node)
    assert done.exit_code == 0, done.output
    assert "3 images proven to be in this node's containerd" in done.output
    assert images(node) == wanted(path)
    again = json.loads(CliRunner().invoke(command, ["load", str(path), "--to", "containerd", "--address", node,
                                                    "--allow-unsigned", "-o", "json"]).stdout)  # fmt: skip
    assert (again["images"], again["imagesThere"], again["sentBytes"]) == (3, 3, 0)


def test_shared_layers_are_sent_once_and_those_of_others_not_at_all(tmp_path: Path, node: str) -> None:
    source = layout(tmp_path / "layout")
    (tmp_path / "first").mkdir()
    assert load(bundle(tmp_path / "first", source=source, names=(API,)), node).exit_code == 0
    path = bundle(tmp_path, source=source)
    sent = json.loads(load(path, node, "-o", "json").stdout)["sentBytes"]
    opened = Bundle.open(path)
    found = {
        image.name: image
        for image in runtimes.images_of(opened.contents, opened.documents, Containerd(node, "k8s.io"), None)
    }
    rest = (found[WEB].blobs | found[TOOL].blobs).items() - found[API].blobs.items()
    assert sent == sum(size for _, size in rest)
    assert images(node) == wanted(path)


def test_under_the_names_that_pods_use(tmp_path: Path, node: str) -> None:
    path = bundle(tmp_path)
    assert load(path, node, "--as", "registry.lan:5000/sensei").exit_code == 0
    assert images(node) == wanted(path, "registry.lan:5000/sensei")


def test_a_name_with_a_digest_is_the_one_that_the_kubelet_looks_for(tmp_path: Path, node: str) -> None:
    path, first, second = pinned(tmp_path)
    assert load(path, node).exit_code == 0
    found = images(node)
    assert found.keys() == {API, f"example.com/pinned@{first}", f"example.com/both@{second}"}
    assert (found[f"example.com/pinned@{first}"], found[f"example.com/both@{second}"]) == (first, second)
    assert json.loads(load(path, node, "-o", "json").stdout)["imagesThere"] == 3


def test_what_could_not_be_unpacked_is_not_called_loaded_the_second_time(tmp_path: Path, node: str) -> None:
    made = LayoutMaker(tmp_path / "layout", 5)
    made.name(made.manifest([made.layer(4_000)]), API)
    made.name(made.manifest([made.put(b"no gzip" * 900, "application/vnd.oci.image.layer.v1.tar+gzip")]), WEB)
    path = bundle(tmp_path, source=made.done(), names=(API, WEB))
    for _ in range(2):
        code, told = failed(path, node)
        assert code == ExitCode.REMOTE
        assert "could not take an image" in told
        assert "failed to extract layer" in told
        assert API in images(node)


def test_a_node_with_another_snapshotter(tmp_path: Path, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path)
    monkeypatch.setenv("CONTAINERD_SNAPSHOTTER", "none-such")
    for _ in range(2):
        code, told = failed(path, node)
        assert code == ExitCode.REMOTE
        assert "snapshotter not loaded: none-such" in told
    monkeypatch.setenv("CONTAINERD_SNAPSHOTTER", "native")
    assert load(path, node).exit_code == 0
    assert images(node) == wanted(path)
    assert json.loads(load(path, node, "-o", "json").stdout)["imagesThere"] == 3


def test_an_index_brings_this_machines_platform_alone(tmp_path: Path, node: str) -> None:
    path = bundle(tmp_path, names=(TOOL,), platforms=("linux/amd64", "linux/arm64"))
    opened = Bundle.open(path)
    own = runtimes.images_of(opened.contents, opened.documents, Containerd(node, "k8s.io"), None)
    sent = {digest for image in own for digest in image.blobs}
    assert load(path, node).exit_code == 0
    held = subprocess.run(["ctr", "-a", node, "-n", "k8s.io", "content", "ls", "-q"], capture_output=True, text=True)
    carried = {digest for digest in opened.archive.entries if digest.startswith("blobs/")}
    assert sent <= set(held.stdout.split())
    assert {blob_name(digest) for digest in sent | opened.documents.keys()} < carried, "the other platform's stayed"
    other = next(child for child in opened.documents[own[0].item.digest].children if "arm" in str(child.platform))
    assert not {item.digest for item in opened.documents[other.digest].children} & set(held.stdout.split())


def test_a_damaged_bundle_is_never_called_loaded(tmp_path: Path, node: str) -> None:
    path, good = spoiled(bundle(tmp_path))
    code, told = failed(path, node)
    assert code == ExitCode.FINDING
    assert largest(path).name in told
    assert images(node).items() < wanted(path).items()
    path.write_bytes(good)
    assert load(path, node).exit_code == 0
    assert images(node) == wanted(path)


def test_what_a_load_that_broke_off_left_is_not_counted_upon(tmp_path: Path, node: str) -> None:
    """containerd removes that when it likes: in every second round, while the next load goes on."""
    for number in range(6):
        (tmp_path / f"{number}").mkdir()
        path, good = spoiled(bundle(tmp_path / f"{number}", source=layout(tmp_path / f"layout-{number}", seed=number)))
        assert failed(path, node)[0] == ExitCode.FINDING
        path.write_bytes(good)
        done = load(path, node)
        assert done.exit_code == 0, done.exception
        subprocess.run(
            ["ctr", "-a", node, "-n", "k8s.io", "images", "rm", *images(node)], check=True, capture_output=True
        )


def test_killed_at_any_moment_it_goes_on(tmp_path: Path, node: str) -> None:
    made = LayoutMaker(tmp_path / "layout", 7)
    for name in NAMES:
        made.name(made.manifest([made.layer(3_000_000), made.layer(2_000_000)]), name)
    path = bundle(tmp_path, source=made.done())
    arguments = ["-m", "sensei_tui", "bundle", "load", str(path), "--to", "containerd", "--address", node]
    for number in range(6):
        process = subprocess.Popen([sys.executable, *arguments, "--allow-unsigned"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(random.Random(number).uniform(0.3, 0.9))
        process.kill()
        process.wait()
        assert images(node).items() <= wanted(path).items(), "nothing half-loaded has a name"
    assert load(path, node).exit_code == 0
    assert images(node) == wanted(path)


def test_a_difference_needs_what_it_leaves_out(tmp_path: Path, node: str) -> None:
    source = layout(tmp_path / "layout")
    (tmp_path / "old").mkdir()
    old = bundle(tmp_path / "old", source=source, names=(API,))
    new = bundle(tmp_path, source=source, names=(WEB,), since=known_by(old))
    code, told = failed(new, node)
    assert code == ExitCode.FINDING
    assert f"Images lack what this bundle leaves out. {WEB}" in told
    assert "Load that bundle first" in told
    assert images(node) == {}
    assert load(old, node).exit_code == 0
    assert load(new, node).exit_code == 0
    assert images(node) == wanted(old) | wanted(new)


def test_of_some_volumes_come_the_images_that_are_whole_in_them(tmp_path: Path, node: str) -> None:
    media = written(tmp_path / "media")
    whole = wanted(bundle(tmp_path, source=tmp_path / "media" / "layout"))

    def names(paths: list[Path]) -> set[str]:
        """Of the images that are whole in these."""
        opened = Bundle.open(*paths)
        found = runtimes.images_of(opened.contents, opened.documents, Containerd(node, "k8s.io"), None)
        return {item.name for item in found if {*map(blob_name, item.blobs)} <= opened.archive.entries.keys()}

    rests = [[path for path in media if path is not gone] for gone in media]
    number, rest = next(item for item in enumerate(rests, 1) if 0 < len(names(item[1])) < 3)
    code, told = failed(rest[0], node, *map(str, rest[1:]))
    assert code == ExitCode.FINDING
    assert images(node).keys() == names(rest)
    assert f"Volumes are missing: {len(names(rest))} of 3 images are loaded." in told
    assert f"volume {number} of {len(media)} with blobs/sha256/" in told
    done = json.loads(load(media[0], node, *map(str, media[1:]), "-o", "json").stdout)
    assert (done["images"], done["imagesThere"]) == (3, len(names(rest)))
    assert images(node) == whole


def test_one_medium_at_a_time(tmp_path: Path, node: str) -> None:
    media = written(tmp_path / "media")
    whole = wanted(bundle(tmp_path, source=tmp_path / "media" / "layout"))
    keep = tmp_path / "keep"
    for path in media[:0:-1]:
        code, told = failed(path, node, "--keep", str(keep))
        assert code == ExitCode.FINDING
        assert f"volume 1 of {len(media)} with" in told
    assert [*keep.glob("*/*")]
    assert load(media[0], node, "--keep", str(keep)).exit_code == 0
    assert images(node) == whole
    assert [*keep.iterdir()] == []


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Path]:
    """A small disk where the containerd will be."""
    place = tmp_path / "node"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_room_is_counted_first(tmp_path: Path, narrow: Path, node: str) -> None:
    source = layout(tmp_path / "layout", ROOM // 3)
    free = free_at(narrow)
    code, told = failed(bundle(tmp_path, source=source), node)
    assert code == ExitCode.REMOTE
    assert str(narrow / "root") in told
    needed, left = (int(text.replace(",", "")) for text in re.findall(r"[\d,]{7,}", told))
    assert needed > ROOM
    assert abs(left - free) < 200_000
    assert images(node) == {}
    (tmp_path / "small").mkdir()
    small = bundle(tmp_path / "small", source=source, names=(TOOL,))
    assert load(small, node).exit_code == 0
    assert images(node) == wanted(small)


def test_where_the_disk_fills_up_all_the_same_the_same_command_goes_on(
    tmp_path: Path, narrow: Path, node: str
) -> None:  # fmt: skip
    made = LayoutMaker(tmp_path / "layout", 5)
    made.name(made.manifest([made.layer(4_000)]), API)
    made.name(made.manifest([made.layer(8_000, empty=2 * ROOM)]), WEB)
    path = bundle(tmp_path, source=made.done(), names=(API, WEB))
    code, told = failed(path, node)
    assert code == ExitCode.REMOTE
    assert "no space left on device" in told
    subprocess.run(["mount", "-o", f"remount,size={4 * ROOM}", narrow], check=True)
    done = json.loads(load(path, node, "-o", "json").stdout)
    assert (done["images"], done["imagesThere"]) == (2, 1)
    assert images(node) == wanted(path)


def test_what_is_there_needs_no_room_under_another_name(tmp_path: Path, narrow: Path, node: str) -> None:
    path = bundle(tmp_path, source=layout(tmp_path / "layout", ROOM // 6))
    assert load(path, node).exit_code == 0
    (narrow / "filler").write_bytes(bytes(free_at(narrow) - 300_000))
    done = json.loads(load(path, node, "--as", "registry.lan:5000/sensei", "-o", "json").stdout)
    assert (done["imagesThere"], done["sentBytes"]) == (0, 0)
    assert images(node) == wanted(path) | wanted(path, "registry.lan:5000/sensei")


def test_what_can_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path)
    code, told = failed(path, str(tmp_path / "none"))
    assert code == ExitCode.REMOTE
    assert "containerd does not answer" in told
    assert f"{tmp_path / 'none'} No such file or directory" in told
    (tmp_path / "left").touch()
    assert "Connection refused" in failed(path, str(tmp_path / "left"))[1]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ctr is not here" in failed(path, "any")[1]


def test_another_user_is_told_so(node: str) -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(NoRuntime, match="does not answer") as caught:
            Containerd(node, "k8s.io")
    finally:
        os.seteuid(0)
    assert caught.value.why == "Permission denied"
    assert "(root)" in caught.value.remedy


def test_namespaces(tmp_path: Path, node: str) -> None:
    path = bundle(tmp_path)
    code, told = failed(path, node, "--namespace", "k8s-io")
    assert code == ExitCode.REMOTE
    assert "has no namespace k8s-io" in told
    assert "it has none" in told
    media = written(path.parent / "media")
    for _ in range(2):
        # Nothing is sent: the namespace is not made, and the warning stays.
        assert "No kubelet has used this containerd yet" in load(media[0], f"unix://{node}").output
    assert "No kubelet has used this containerd yet" in load(path, f"unix://{node}").output
    assert "No kubelet" not in load(path, node).output
    subprocess.run(["ctr", "-a", node, "namespaces", "create", "own"], check=True)
    assert load(path, node, "--namespace", "own").exit_code == 0
    assert images(node, "own") == wanted(path)


@pytest.mark.parametrize("option", ["--reread", "--plain-http", "--allow-unsigned"])
def test_a_run_goes_by_the_site_alone(option: str) -> None:
    error = CliRunner().invoke(command, ["load", option]).exception
    assert isinstance(error, UsageError)
    assert f"{option} does not go with a run" in error.what


def test_of_every_option_it_is_known_what_it_is_for() -> None:
    anywhere = {"files", "to", "site", "output", "plain", "yes"}
    assert {option.name for option in load_command.params} - anywhere == FOR.keys()


@pytest.mark.parametrize(("options", "said"), [
    (["--to", "containerd", "--registry", "r.lan"], "--registry does not go with --to containerd"),
    (["--to", "docker", "--address", "/sock"], "--address does not go with --to docker"),
    (["--registry", "r.lan", "--as", "x.lan"], "--as does not go with a load of FILE"),
    (["--registry", "r.lan", "--plan-only"], "--plan-only does not go with a load of FILE"),
    (["--to", "containerd", "--detach"], "--detach does not go with --to containerd"),
    (["--to", "containerd"], "Name the bundle"), (["--registry", "r.lan", "--yes"], "Name the bundle"),
])  # fmt: skip
def test_options_that_do_not_go_together(options: list[str], said: str, tmp_path: Path) -> None:
    files = [] if said == "Name the bundle" else [str(tmp_path)]
    error = CliRunner().invoke(command, ["load", *files, *options]).exception
    assert isinstance(error, UsageError)
    assert said in error.what


def test_another_processor_is_refused(tmp_path: Path, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle(tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    code, told = failed(path, node)
    assert code == ExitCode.FINDING
    assert "this is linux/arm64, they are for linux/amd64" in told
    assert images(node) == {}


def test_an_unsigned_bundle_is_refused_here_too(tmp_path: Path, node: str) -> None:
    path = bundle(tmp_path)
    error = CliRunner().invoke(command, ["load", str(path), "--to", "containerd", "--address", node]).exception
    assert isinstance(error, NotTrusted)
    assert images(node) == {}
