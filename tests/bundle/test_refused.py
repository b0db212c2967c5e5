"""What is refused at once: files that are no bundle, and orders that can't be done."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from sensei_tui.bundle.archive import File, open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.create import SHAPES, add_files, write_bundle
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.inventory import known_by
from sensei_tui.bundle.signed import append
from sensei_tui.bundle.signers import fingerprint
from sensei_tui.registry.reference import BadReference
from tests.bundle.samples import built, bundle
from tests.bundle.test_command import run_in
from tests.bundle.test_signed import key as make_key


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("command", [["verify"], ["inspect"], ["load", "--registry", "127.0.0.1:1"]])
def test_a_pipe_is_not_waited_for(tmp_path: Path, command: list[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    words = [sys.executable, "-m", "sensei_tui", "bundle", *command, "pipe"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2, done
    assert "where  pipe" in done.stderr
    assert "copy it to a disk" in done.stderr


def test_standard_input_is_a_file_or_refused(plain: Path) -> None:
    words = [sys.executable, "-m", "sensei_tui", "bundle", "inspect", "/dev/stdin"]
    piped = subprocess.run(words, input=plain.read_bytes(), capture_output=True)
    assert (piped.returncode, b"/dev/stdin" in piped.stderr, b"copy it to a disk" in piped.stderr) == (2, True, True)
    with plain.open("rb") as file:
        assert subprocess.run(words, stdin=file, capture_output=True).returncode == 0


def test_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    error = json.loads(run_in(tmp_path, "bundle", "verify", "none", "-o", "json").errors)["error"]
    assert (error["where"], error["why"]) == ("none", "No such file or directory")
    assert "Name the bundle's file" in error["remedy"]


def damaged(path: Path) -> None:
    """A byte of a blob, in the middle of the file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def test_damage_is_told_of_an_unsigned_bundle_too(plain: Path, tmp_path: Path) -> None:
    shutil.copy(plain, tmp_path / "b.tar.gz")
    done = run_in(tmp_path, "bundle", "verify", "b.tar.gz", "-o", "json")
    assert (done.code, done.answer["problems"], done.answer["untrusted"]) == (1, [], "")
    damaged(tmp_path / "b.tar.gz")
    done = run_in(tmp_path, "bundle", "verify", "b.tar.gz")
    assert done.code == 1
    assert "b.tar.gz is damaged:" in done.out
    assert "NOT SIGNED" in done.out
    assert "The bundle is not signed." in done.errors


def test_whose_key_it_is_that_is_not_trusted(plain: Path, tmp_path: Path) -> None:
    shutil.copy(plain, tmp_path / "b.tar.gz")
    vendor = make_key(tmp_path / "key")
    run_in(tmp_path, "bundle", "sign", "b.tar.gz", "--key", "key")
    done = run_in(tmp_path, "bundle", "verify", "b.tar.gz", "--allow-unsigned")
    assert done.code == 0
    assert f"signed by {fingerprint(vendor.key)}, which this site does not trust" in done.out
    done = run_in(tmp_path, "bundle", "verify", "b.tar.gz", "-o", "json")
    assert (done.code, done.answer["signed"], done.answer["untrusted"]) == (1, None, fingerprint(vendor.key))
    assert json.loads(done.errors)["error"]["code"] == "not-trusted"
    assert (
        run_in(tmp_path, "bundle", "verify", "b.tar.gz", "--trust", "allowed", "-o", "json").answer["untrusted"] == ""
    )


def test_a_signature_that_does_not_fit_is_never_accepted(plain: Path, tmp_path: Path) -> None:
    shutil.copy(plain, tmp_path / "b.tar.gz")
    append(File(tmp_path / "b.tar.gz"), {"SIGNED": b"x", "SIGNED.sig": b"x"}, 0)
    done = run_in(tmp_path, "bundle", "verify", "b.tar.gz", "--allow-unsigned")
    assert done.code == 1
    assert "every byte as it should be\nTHE SIGNATURE IS NOT GOOD" in done.out
    assert "where  b.tar.gz: SIGNED.sig" in done.errors


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_a_passphrase_without_a_terminal(plain: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", tmp_path / "key"], check=True)
    shutil.copy(plain, tmp_path / "b.tar.gz")
    words = [sys.executable, "-m", "sensei_tui", "bundle", "sign", "b.tar.gz", "--key", "key"]
    for given, code, text in (
        ("", 2, "no terminal to ask on"),
        ("other\n", 2, "the passphrase is wrong"),
        ("open sesame\n", 0, ""),
    ):
        done = subprocess.run(words, cwd=tmp_path, input=given, capture_output=True, text=True, start_new_session=True)
        assert done.returncode == code, done
        assert text in done.stderr
        assert "Warning" not in done.stderr


@pytest.mark.parametrize(("words", "what"), [
    (["bundle", "verify"], "Missing argument 'FILE...'."),
    (["bundle", "verify", "b", "--nothing"], "No such option"),
])  # fmt: skip
def test_a_wrong_command_line_is_told_as_json(tmp_path: Path, words: list[str], what: str) -> None:
    done = run_in(tmp_path, *words, "-o", "json")
    error = json.loads(done.errors)["error"]
    assert (done.code, error["code"], error["where"]) == (2, "usage", "sensei bundle verify")
    assert error["what"].startswith(what)
    assert error["remedy"] == "See sensei bundle verify --help"
    assert run_in(tmp_path, *words).errors.startswith("Usage: ")


def test_an_inventory_as_json(plain: Path) -> None:
    told = run_in(plain.parent, "bundle", "inventory", plain, "-o", "json").answer
    known = known_by(plain)
    assert told == {"version": "1.0.0", "sizes": dict(known.sizes), "names": dict(known.names)}
    (plain.parent / "inventory.json").write_text(json.dumps(told))
    assert known_by(plain.parent / "inventory.json") == known


@pytest.mark.parametrize("text", [
    "{", '{"version": "1.0.0", "sizes": {"sha256:0": 1}}', '{"version": "1.0.0", "sizes": {"a": "b"}}', '{"version": ""}',
    json.dumps({"version": "1.0.0", "sizes": {f"sha256:{'0' * 64}": 1}, "names": {f"sha256:{'0' * 64}": "a b"}}),
])  # fmt: skip
def test_json_that_is_no_inventory(tmp_path: Path, text: str) -> None:
    (tmp_path / "told").write_text(text)
    with pytest.raises(BadBundle, match="can't be read") as caught:
        known_by(tmp_path / "told")
    assert caught.value.where.startswith(str(tmp_path / "told"))


def test_what_is_served_is_told_as_json(plain: Path) -> None:
    words = ["bundle", "serve", plain, "--listen", "127.0.0.1:0", "--allow-unsigned", "-o", "json"]
    command = [sys.executable, "-m", "sensei_tui", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "}\n")
        told = json.loads("".join(lines) + "}")
        process.terminate()
    assert process.returncode == 0
    assert told["address"].startswith("http://127.0.0.1:")
    assert "sensei/api" in told["repositories"]
    assert told["address"] in told["containerd"]["/etc/containerd/certs.d/docker.io/hosts.toml"]


def told_otherwise(root: Path, **changes: object) -> Path:
    """A bundle whose checksums fit, and whose bundle.json says something else."""
    made = built(root)
    made.contents = replace(made.contents, **changes)
    add_files(made, {name[7:]: content for name, content in made.files.items() if name.startswith("charts/")})
    write_bundle(made, root / "b.tar", SHAPES["tar"])
    return root / "b.tar"


def test_a_bundle_of_another_product(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="another product") as caught:
        read_contents(open_archive(told_otherwise(tmp_path, product="other")))
    assert caught.value.why == "it is for other"
    assert caught.value.where.endswith("b.tar: bundle.json")


@pytest.mark.parametrize("name", ["../../etc/x:1", "example.com/A:1", "a b", "example.com/x:1@sha256:0", ""])
def test_names_that_no_registry_could_have(tmp_path: Path, name: str) -> None:
    items = built(tmp_path / "first").contents.items
    path = told_otherwise(tmp_path, items=(replace(items[0], name=name), *items[1:]))
    with pytest.raises(BadBundle, match="no registry could have") as caught:
        read_contents(open_archive(path))
    assert name in caught.value.why


def test_no_bundle_is_made_with_such_a_name(tmp_path: Path) -> None:
    with pytest.raises(BadReference):
        built(tmp_path, names=("../../etc/x:1",))


def test_what_is_no_bundle_says_what_to_name(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("words " * 200)
    (tmp_path / "volumes").mkdir()
    shutil.copy(plain, tmp_path / "index")
    with (tmp_path / "index").open("r+b") as file:
        file.seek(plain.read_bytes().index(b" bundle.json"))
        file.write(b"x")
    for name in ("text", "volumes", "index"):
        error = json.loads(run_in(tmp_path, "bundle", "verify", name, "-o", "json").errors)["error"]
        assert error["where"].startswith(name)
        assert error["remedy"]
