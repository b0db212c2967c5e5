"""`sensei license`: the key is read from standard input or a file, and never shown whole."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from sensei_tui.site.new import create_site
from tests.unit.cli.helpers import sensei
from tests.unit.site.helpers import KEY


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return create_site(tmp_path / "site").root


def test_key_from_standard_input(site: Path) -> None:
    done = sensei(site, "license", "set", "--organization", "Our Company", stdin=f"{KEY}\n".encode())
    assert (done.code, done.out) == (0, "Our Company: key PLAN********\n")
    assert KEY not in done.said
    assert KEY in (site / "license.yaml").read_text()
    assert (site / "license.yaml").stat().st_mode & 0o777 == 0o600


def test_key_from_a_file(site: Path) -> None:
    (site.parent / "key.txt").write_text(KEY)
    done = sensei(site, "license", "set", "--file", "../key.txt", "-o", "json")
    assert done.data == {"organization": "Your Company", "key": "PLAN********", "state": "set"}
    assert sensei(site, "license", "show").code == 0


def test_key_typed_at_the_prompt_is_not_echoed(site: Path) -> None:
    screen, keyboard = pty.openpty()
    command = [sys.executable, "-m", "sensei_tui", "--site", str(site), "license", "set"]
    with subprocess.Popen(command, stdin=keyboard, stdout=keyboard, stderr=keyboard, start_new_session=True) as child:
        os.close(keyboard)
        seen = read_until(screen, b"Licence key: ")
        os.write(screen, f"{KEY}\n".encode())
        seen += read_until(screen, b"PLAN********")
        assert child.wait(timeout=30) == 0
    os.close(screen)
    assert KEY.encode() not in seen
    assert KEY in (site / "license.yaml").read_text()


def read_until(screen: int, wanted: bytes) -> bytes:
    """What a terminal shows up to this text."""
    seen = b""
    while wanted not in seen:
        assert select.select([screen], [], [], 30)[0], seen
        seen += os.read(screen, 1024)
    return seen


def test_key_on_the_command_line_is_refused(site: Path) -> None:
    before = (site / "license.yaml").read_text()
    assert sensei(site, "license", "set", KEY).code == 2
    done = sensei(site, "config", "set", "license.key", KEY)
    assert done.code == 2
    assert KEY not in done.said
    assert "sensei license set" in done.err
    assert (site / "license.yaml").read_text() == before


def test_show_says_what_is_missing(site: Path) -> None:
    placeholder = sensei(site, "license", "show")
    assert placeholder.code == 1
    assert "the key is a placeholder" in placeholder.out
    (site / "license.yaml").write_text("license: {}\n")
    missing = sensei(site, "license", "show", "-o", "json")
    assert (missing.code, missing.data["state"]) == (1, "missing")
    (site / "license.yaml").write_text("license:\n  existingSecret: ours\n")
    assert sensei(site, "license", "show", "-o", "yaml").out == "organization: ''\nkey: ''\nstate: secret\n"


@pytest.mark.parametrize("stdin", [b"", b"two words", b"\xff\xfe\x00"])
def test_input_that_is_no_key_is_refused(site: Path, stdin: bytes) -> None:
    done = sensei(site, "license", "set", "-o", "json", stdin=stdin)
    assert done.code == 2
    assert done.error["what"] == "This is not a licence key."


def test_file_that_is_no_text(site: Path) -> None:
    (site / "key.bin").write_bytes(b"\xff\xfe")
    done = sensei(site, "license", "set", "--file", "key.bin")
    assert done.code == 2
    assert "key.bin:1" in done.err
