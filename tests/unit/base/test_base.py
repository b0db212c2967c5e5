"""Errors, quantities, text, redaction, paths, processes."""

from __future__ import annotations

import os
import stat
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from sensei_tui.base import clock, quantity
from sensei_tui.base.errors import ExitCode, SenseiError, UsageError
from sensei_tui.base.paths import private_dir, write_atomic
from sensei_tui.base.process import ProcessRef, spawn_detached
from sensei_tui.base.redaction import MASK, Redactor, Secret
from sensei_tui.base.text import bytes_iec, bytes_si, clip, one_line, plain


def test_error_says_what_where_why_and_what_to_do() -> None:
    error = UsageError("The file is not YAML.", where="values.yaml:3", why="a tab", remedy="Use spaces.")
    assert str(error).splitlines() == [
        "The file is not YAML.",
        "  where  values.yaml:3",
        "  why    a tab",
        "  do     Use spaces.",
    ]
    assert error.as_dict()["code"] == "usage"
    assert error.exit_code is ExitCode.USAGE
    assert "where" not in SenseiError("x").as_dict()


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", "0.5"), ("2", "2"), ("2Gi", str(2 << 30)), ("1e3", "1000"), ("1.5G", "1500000000"), (".5", "0.5")],
)
def test_quantity(text: str, value: str) -> None:
    assert quantity.parse(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1KiB", "--1", "1e"])
def test_quantity_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        quantity.parse(text)


def test_quantities_round_up_as_the_scheduler_does() -> None:
    assert quantity.millicores("100u") == 1
    assert quantity.whole("1.5") == 2


def test_plain_drops_what_could_drive_a_terminal() -> None:
    hostile = "a\x1b[31mred\x1b[0m\x1b]0;title\x07 b\x07\x9b2J\u202ec\r\n\td"
    assert plain(hostile) == "ared b2Jc\n    d"
    assert one_line(hostile) == "ared b2Jc d"
    assert plain("\x1bcx") == "x"


@pytest.mark.parametrize(
    ("count", "si", "iec"), [(0, "0 B", "0 B"), (1500, "1.5 kB", "1.5 Ki"), (640e9, "640 GB", "596 Gi")]
)
def test_units(count: float, si: str, iec: str) -> None:
    assert bytes_si(count) == si
    assert bytes_iec(count) == iec


def test_clip_shows_the_cut() -> None:
    assert clip("abcdef", 4) == "ab.."
    assert clip("abcd", 4) == "abcd"


def test_redactor_hides_the_longest_first() -> None:
    redact = Redactor([Secret("hunter2hunter2"), "hunter2", "ab"])
    assert redact("x hunter2hunter2 hunter2 ab") == f"x {MASK} {MASK} ab"


def test_secret_never_shows_itself() -> None:
    secret = Secret("s3cr3t-value")
    assert "s3cr3t" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "s3cr3t-value"


def test_times() -> None:
    assert [clock.age(value) for value in (5, 61, 7300, 90000)] == ["5s", "1m", "2h", "1d"]
    assert [clock.duration(value) for value in (4, 62, 7500)] == ["4s", "1m02s", "2h05m"]
    assert clock.parse(clock.stamp()).tzinfo is not None


def test_write_atomic_keeps_the_old_file_on_failure(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    write_atomic(target, "old")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(TypeError):
        write_atomic(target, 5)  # type: ignore[arg-type]
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_write_atomic_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_private_dir_takes_away_what_others_could_read(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    assert stat.S_IMODE(private_dir(tmp_path / "state").stat().st_mode) == 0o700


def test_a_process_is_known_by_its_start_time(tmp_path: Path) -> None:
    mine = ProcessRef.of(os.getpid())
    assert mine.alive
    assert not ProcessRef(mine.pid, mine.started - 1, mine.boot).alive
    assert not ProcessRef(mine.pid, mine.started, "another boot").alive


def test_detached_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    script = "import os,sys; print(os.getsid(0) == os.getpid()); sys.stdout.flush(); sys.stdin.read()"
    child = spawn_detached([sys.executable, "-c", script], log=tmp_path / "state" / "log")
    os.waitpid(child.pid, 0)
    assert (tmp_path / "state" / "log").read_text() == "True\n"
    assert not child.alive
