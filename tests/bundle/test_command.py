"""`sensei bundle` from the charts to the registry: what an operator types, with the images that the charts need."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sensei_tui.bundle.archive import open_archive
from sensei_tui.bundle.contents import read_contents
from tests.bundle.images import LayoutMaker
from tests.registry.kinds import both
from tests.registry.real import Real, started

VERSION = "1.0.0"


class Done(NamedTuple):
    code: int
    out: str
    errors: str

    @property
    def answer(self) -> Any:
        return json.loads(self.out)


def run_in(root: Path, *arguments: object) -> Done:
    """`sensei` as a process of its own, in a directory."""
    command = [sys.executable, "-m", "sensei_tui", *map(str, arguments)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


class Desk:
    """A directory to work in, with a layout of small images and a key."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names = [item["name"] for item in self.run("images", "-o", "json").answer if item["kind"] == "image"]
        made = LayoutMaker(root / "layout")
        shared = made.layer(200_000)
        for name in self.names:
            made.name(made.manifest([shared, made.layer(20_000)]), name)
        made.name(made.manifest([shared, made.layer(30_000)]), "registry.sensei.ai/sensei/extra:1")
        made.done()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / "key"], check=True)
        (root / "allowed").write_text("vendor " + (root / "key.pub").read_text())
        (root / "patterns").mkdir()
        (root / "patterns/a.json").write_text("{}")

    def run(self, *arguments: object) -> Done:
        return run_in(self.root, *arguments)

    def bundle(self, *arguments: object, code: int = 0) -> Done:
        done = self.run("bundle", *arguments)
        assert done.code == code, done
        return done

    def unpacked(self, path: Path) -> Path:
        to = self.root / "unpacked"
        to.mkdir()
        subprocess.run(["tar", "-xf", path, "-C", to], check=True)
        return to

    def create(self, *arguments: object, code: int = 0) -> Done:
        return self.bundle("create", "--images-from", "oci:layout", "-o", "json", *arguments, code=code)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def signed(desk: Desk) -> Path:
    desk.create("--output", "signed.tar.gz", "--sign", "key")
    return desk.root / "signed.tar.gz"


def test_created_it_has_what_the_charts_need(desk: Desk, signed: Path) -> None:
    contents = read_contents(open_archive(signed))
    assert [item.name for item in contents.items if item.kind == "image"] == desk.names
    assert all(item.used_by for item in contents.items if item.kind == "image")
    assert contents.version == VERSION
    assert {chart.name for chart in contents.charts} >= {"sensei-full"}
    told = desk.bundle("inspect", signed, "-o", "json").answer
    assert told["contents"]["version"] == VERSION
    assert told["signed"].startswith("SHA256:")
    assert told["missing"] == []


def test_verified(desk: Desk, signed: Path) -> None:
    found = desk.bundle("verify", signed, "--trust", "allowed", "-o", "json").answer
    assert found["problems"] == []
    assert found["signed"]["signer"] == "vendor"
    assert "not trust" in desk.bundle("verify", signed, code=1).errors
    assert desk.bundle("verify", signed, "--allow-unsigned", code=0).out
    assert desk.bundle("verify", "none", code=2).errors
    (desk.root / "cut").write_bytes(signed.read_bytes()[:-100])
    error = json.loads(desk.bundle("verify", "cut", "-o", "json", code=1).errors)["error"]
    assert (error["code"], error["where"]) == ("bad-bundle", "cut")


def test_what_is_wrong_with_an_order(desk: Desk) -> None:
    for arguments, code, text in (
        (["--version", "9.9"], 2, "not 9.9"), (["--image", "example.com/none:1"], 1, "no image example.com/none:1"),
        (["--platform", "linux/s390x"], 1, "linux/s390x"), (["--volume-size", "large"], 2, "no size of a volume"),
        (["--volume-size", "100kB"], 2, "too small"), (["--sign", "none"], 2, "key"), (["--since", "none"], 2, "none"),
        (["--images-from", "oci:none"], 2, "none"), (["--output", "none/a.tar.gz"], 2, "none"),
        (["--model", "patterns"], 2, "sensei-llm"), (["--model", "none"], 2, "model's directory is not there"),
        (["--model", "key"], 2, "it is a file"), (["--patterns", "none"], 2, "snapshot is not there"),
        (["--platform", "linux"], 2, "linux is no platform"), (["--plain-http"], 2, "--plain-http does not go with"),
        (["--platform", "linux/amd64,linux/arm64"], 2, "is no platform"), (["--ca", "key"], 2, "--ca does not go with"),
        (["--since", "key", "--since", "key"], 2, "name one"),
    ):  # fmt: skip
        done = desk.create("--output", "wrong.tar.gz", *arguments, code=code)
        assert text in done.errors, (arguments, done.errors)
        assert not (desk.root / "wrong.tar.gz").exists()


def test_what_is_no_bundle_is_not_replaced(desk: Desk, signed: Path) -> None:
    (desk.root / "names").write_text("one\ntwo\n")
    (desk.root / "full").mkdir()
    for output, where in (("names", "names"), ("full", "full"), ("/proc/b.tar.gz", "/proc"), ("none/b.tar", "none")):
        done = desk.bundle("create", "--images-from", "oci:none", "--output", output, code=2)
        assert f"where  {where}\n" in done.errors, "before the source is looked at"
        assert "--output" in done.errors or "Name a file in it" in done.errors
    assert (desk.root / "names").read_text() == "one\ntwo\n"
    shutil.copy(signed, desk.root / "old.tar.gz")
    desk.create("--output", "old.tar.gz")
    assert (desk.root / "old.tar.gz").stat().st_size < signed.stat().st_size, "a bundle is: this one is not signed"
    (desk.root / "empty").touch()
    desk.create("--output", "empty", "--format", "tar")
    desk.create("--output", "empty", "--format", "tar")


def test_a_source_date_that_is_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "abc")
    done = desk.bundle("create", "--images-from", "oci:none", code=2)
    assert "SOURCE_DATE_EPOCH" in done.errors
    assert "seconds since 1970" in done.errors


def test_a_passphrase_is_asked_for_and_tried_before(desk: Desk) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", desk.root / "locked"], check=True)
    command = [
        sys.executable,
        "-m",
        "sensei_tui",
        "bundle",
        "create",
        "--images-from",
        "oci:layout",
        "--sign",
        "locked",
    ]
    for word, code in (("not this", 2), ("open sesame", 0)):
        done = subprocess.run(
            [*command, "--output", "locked.tar"],
            cwd=desk.root,
            input=f"{word}\n",
            capture_output=True,
            text=True,
            start_new_session=True,
        )
        assert done.returncode == code, done.stderr
        assert (desk.root / "locked.tar").exists() is (code == 0)
        assert word not in done.stdout + done.stderr


def test_differences(desk: Desk, signed: Path) -> None:
    desk.create("--output", "more.tar.gz", "--image", "registry.sensei.ai/sensei/extra:1", "--patterns", "patterns")
    told = desk.bundle("diff", signed, "more.tar.gz", "-o", "json").answer
    assert "registry.sensei.ai/sensei/extra:1" in told["added"]
    assert len(told["added"]) == 2, "the snapshot of the patterns too"
    assert told["removed"] == told["changed"] == []
    delta = desk.create(
        "--output", "delta.tar.gz", "--image", "registry.sensei.ai/sensei/extra:1", "--since", signed
    ).answer
    assert delta["bytes"] < (desk.root / "more.tar.gz").stat().st_size / 2
    assert delta["contents"]["since"] == VERSION
    (desk.root / "inventory").write_text(desk.bundle("inventory", signed).out)
    extra = ["--image", "registry.sensei.ai/sensei/extra:1"]
    desk.create("--output", "other.tar.gz", *extra, "--since", "inventory")
    assert (desk.root / "other.tar.gz").read_bytes() == (desk.root / "delta.tar.gz").read_bytes()
    desk.create("--output", "third.tar.gz", *extra, "--since", "delta.tar.gz")
    third = read_contents(open_archive(desk.root / "third.tar.gz"))
    assert third.blobs == len(third.items) + len(third.referrers), (
        "manifests alone: the difference and its base are known"
    )


@pytest.mark.parametrize("text", ["sensei inventory 2 1.0.0\n", "sensei inventory 1 1.0.0", "sensei inventory 1 1.0.0\nsha256:0 1\n",
                                  f"sensei inventory 1 1.0.0\nsha256:{'0' * 64} x\n", "sensei inventory 1 1.0.0\n\n",
                                  "sensei inventory 1 1.0.0\n" + f"sha256:{'0' * 64} 1\n" * 2])  # fmt: skip
def test_an_inventory_that_is_none(desk: Desk, text: str) -> None:
    (desk.root / "bad").write_text(text)
    error = json.loads(desk.create("--output", "wrong.tar.gz", "--since", "bad", code=1).errors.splitlines()[-1])[
        "error"
    ]
    assert error["what"] == "The inventory can't be read."
    assert error["where"].startswith("bad")


def test_in_volumes(desk: Desk, signed: Path) -> None:
    """By the command segments have 64 MiB; here whole blobs are dealt out."""
    made = LayoutMaker(desk.root / "large", 9)
    for number, name in enumerate([*desk.names, "example.com/large:1"]):
        made.name(made.manifest([made.layer(40_000_000 if number < 4 else 10_000)]), name)
    made.done()
    done = desk.bundle(
        "create", "--images-from", "oci:large", "--volume-size", "90MB", "--output", "v/b.tar.gz", code=2
    )
    assert "v" in done.errors
    (desk.root / "v").mkdir()
    done = desk.bundle(
        "create", "--images-from", "oci:large", "--volume-size", "90MB", "--output", "v/b.tar.gz", "--sign", "key"
    )
    assert sorted(path.name for path in (desk.root / "v").iterdir()) == ["b.vol01of02.tar.gz", "b.vol02of02.tar.gz"]
    assert all(path.stat().st_size <= 90_000_000 for path in (desk.root / "v").iterdir())
    assert desk.bundle("verify", "v", "--trust", "allowed").out.startswith("v/b.vol01of02.tar.gz: version 1.0.0")
    assert "missing   volume 2 of 2 with blobs/" in desk.bundle("inspect", "v/b.vol01of02.tar.gz").out
    assert "Only volumes" in desk.bundle("verify", "v", signed, "--trust", "allowed", code=2).errors
    for path in (desk.root / "v").iterdir():
        path.unlink()
    (desk.root / "v/b.vol03of03.tar.gz").touch()
    done = desk.bundle("create", "--images-from", "oci:large", "--volume-size", "90MB", "--output", "v/b.tar.gz")
    assert "not of this bundle: remove b.vol03of03.tar.gz" in done.errors
    (desk.root / "v/b.vol03of03.tar.gz").unlink()
    desk.bundle("sign", "v/b.vol01of02.tar.gz", "--key", "key")
    done = desk.bundle("verify", "v", "--trust", "allowed", "-o", "json")
    assert done.answer["alone"] == {"v/b.vol02of02.tar.gz": "The bundle is not signed."}
    assert "v/b.vol02of02.tar.gz would be refused without the other volumes" in done.errors
    desk.bundle("sign", "v", "--key", "key")
    assert desk.bundle("verify", "v", "--trust", "allowed", "-o", "json").answer["alone"] == {}
    assert "it is a directory" in desk.bundle("sign", desk.unpacked(signed), "--key", "key", code=2).errors


def test_the_bundle_before_is_not_written_over(desk: Desk, signed: Path) -> None:
    content = signed.read_bytes()
    (desk.root / "same").mkdir()
    for name in (f"sensei-bundle-{VERSION}.tar.gz", "same/b.vol01of02.tar.gz"):
        (desk.root / name).write_bytes(content)
    (desk.root / "link.tar.gz").symlink_to(signed)
    for since, output in (
        (signed, ["--output", signed]), (f"sensei-bundle-{VERSION}.tar.gz", []), (signed, ["--output", "link.tar.gz"]),
        ("same/b.vol01of02.tar.gz", ["--output", "same/b.tar.gz"]), ("same", ["--output", "same/b.tar.gz"]),
    ):  # fmt: skip
        done = desk.create("--since", since, *output, code=2)
        assert "would take the place of the one before it" in done.errors, (since, output)
    assert signed.read_bytes() == content


def test_a_name_that_ends_as_a_tar_does_is_one(desk: Desk) -> None:
    for name, more, packed in (
        ("plain.tar", [], False),
        ("plain", [], True),
        ("odd.tar", ["--format", "tar.gz"], True),
    ):
        desk.create("--output", name, *more)
        assert (desk.root / name).read_bytes().startswith(b"\x1f\x8b") is packed


def test_an_image_that_is_named_twice_is_there_once(desk: Desk) -> None:
    extra = "registry.sensei.ai/sensei/extra:1"
    names = ["--image", extra, "--image", extra, "--image", desk.names[0]]
    made = desk.create("--output", "twice.tar.gz", *names).answer
    found = [item["name"] for item in made["contents"]["items"] if item["kind"] == "image"]
    assert found == [*desk.names, extra]


def test_a_site_that_is_named_and_not_there(desk: Desk, signed: Path) -> None:
    for command in ("verify", "serve", "load"):
        more = {"serve": ["--listen", "127.0.0.1:0"], "load": ["--registry", "127.0.0.1:1"]}.get(command, [])
        assert "none" in desk.bundle(command, signed, "--site", "none", *more, code=2).errors


@both
def test_loaded(desk: Desk, signed: Path, tmp_path: Path) -> None:
    with started(Real(tmp_path)) as real:
        options = ["--registry", f"127.0.0.1:{real.port}/site", "--plain-http", "--trust", "allowed", "-o", "json"]
        first = desk.bundle("load", signed, *options, "--reread").answer
        assert first["images"] == len(desk.names) + len(read_contents(open_archive(signed)).charts)
        assert first["sentBytes"] > 200_000
        second = desk.bundle("load", signed, *options).answer
        assert (second["sentBytes"], second["imagesThere"]) == (0, second["images"])
        real.kill()
        error = json.loads(desk.bundle("load", signed, *options, code=3).errors.splitlines()[-1])["error"]
        assert error["where"].startswith(f"127.0.0.1:{real.port}")
