"""Bundles into real Docker engines: what they take, what they can't, and what is said about it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.bundle import runtimes
from sensei_tui.bundle.inventory import known_by
from sensei_tui.cli.bundle import bundle as command
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, NAMES, WEB, bundle, layout, pinned, spoiled
from tests.bundle.test_engine import engine, kind, pytestmark  # noqa: F401


def test_an_engine_has_every_image_and_the_warning_is_said(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", engine)
    made = LayoutMaker(tmp_path / "layout", 9)
    shared = made.layer(50_000)
    for name in NAMES:
        made.name(made.manifest([shared, made.layer(20_000)]), name)
    path = bundle(tmp_path, source=made.done())
    arguments = ["load", str(path), "--to", "docker", "--allow-unsigned", "--as", "docker.io/site"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert "gives images other digests" in done.output
    assert "3 images proven to be in the Docker engine" in done.output
    again = CliRunner().invoke(command, [*arguments, "-o", "json"])
    assert json.loads(again.stdout)["sentBytes"] == 0
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    none = CliRunner().invoke(command, arguments).exception
    assert isinstance(none, SenseiError)
    assert (none.what, none.why) == ("No Docker engine answers.", "No such file or directory")


def tags(address: str) -> set[str]:
    done = subprocess.run(["docker", "--host", address, "images", "--format", "{{.Repository}}:{{.Tag}}"], check=True,
                          capture_output=True, text=True)  # fmt: skip
    return set(done.stdout.split())


def test_what_has_no_name_in_an_engine_is_told_and_the_others_are_there(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", engine)
    path, digest, _ = pinned(tmp_path)
    arguments = ["load", str(path), "--to", "docker", "--allow-unsigned", "--as", "docker.io/named"]
    for _ in range(2):
        error = CliRunner().invoke(command, arguments).exception
        assert isinstance(error, SenseiError), error
        assert error.exit_code == ExitCode.FINDING
        assert "named by their digest alone" in error.what
        assert error.why == f"example.com/pinned@{digest}"
        assert {"named/sensei/api:1.0.0", "named/both:1.0"} <= tags(engine)
        assert not any("pinned" in name for name in tags(engine))


def test_an_engine_has_nothing_of_a_damaged_bundle(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", engine)
    path, good = spoiled(bundle(tmp_path, source=layout(tmp_path / "layout", seed=11)))
    arguments = ["load", str(path), "--to", "docker", "--allow-unsigned", "--as", "docker.io/spoiled"]
    error = CliRunner().invoke(command, arguments).exception
    assert isinstance(error, SenseiError), error
    assert error.exit_code == ExitCode.FINDING
    assert not any("spoiled" in name for name in tags(engine))
    path.write_bytes(good)
    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert {"spoiled/sensei/api:1.0.0", "spoiled/sensei/web:1.0.0", "spoiled/library/tool:2"} <= tags(engine)


def test_an_engine_takes_no_difference_and_needs_room(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", engine)
    source = layout(tmp_path / "layout", seed=12)
    (tmp_path / "old").mkdir()
    old = bundle(tmp_path / "old", source=source, names=(API,))
    new = bundle(tmp_path, source=source, names=(WEB,), since=known_by(old))
    arguments = ["--to", "docker", "--allow-unsigned", "--as", "docker.io/difference"]
    error = CliRunner().invoke(command, ["load", str(new), *arguments]).exception
    assert isinstance(error, SenseiError), error
    assert (error.exit_code, error.where) == (ExitCode.FINDING, WEB)
    assert "A whole bundle is needed" in error.remedy
    monkeypatch.setattr(runtimes, "free_at", lambda _: 1_000)
    full = CliRunner().invoke(command, ["load", str(old), *arguments]).exception
    assert isinstance(full, SenseiError), full
    assert full.exit_code == ExitCode.REMOTE
    assert full.where == engine.removeprefix("unix://").replace("/sock", "/data")
    assert "1,000 are free" in full.why
    assert not any("difference" in name for name in tags(engine))


def test_killed_at_any_moment_the_same_command_goes_on(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", engine)
    made = LayoutMaker(tmp_path / "layout", 13)
    for name in NAMES:
        made.name(made.manifest([made.layer(3_000_000)]), name)
    arguments = [
        "load",
        str(bundle(tmp_path, source=made.done())),
        "--to",
        "docker",
        "--allow-unsigned",
        "--as",
        "docker.io/killed",
    ]
    for number in range(4):
        process = subprocess.Popen([sys.executable, "-m", "sensei_tui", "bundle", *arguments], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(random.Random(number).uniform(0.3, 0.8))
        process.kill()
        process.wait()
    assert CliRunner().invoke(command, arguments).exit_code == 0
    assert {"killed/sensei/api:1.0.0", "killed/sensei/web:1.0.0", "killed/library/tool:2"} <= tags(engine)
    assert json.loads(CliRunner().invoke(command, [*arguments, "-o", "json"]).stdout)["imagesThere"] == len(NAMES)
