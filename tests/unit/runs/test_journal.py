from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sensei_tui.base.redaction import Redactor, Secret
from sensei_tui.runs.journal import DAMAGED, Follower, JournalError, JournalWriter, finished_inputs, read_events, verify


def write_three(path: Path) -> None:
    journal = JournalWriter(path, Redactor())
    for number in range(3):
        journal.write("log", "step", source="helm", text=f"line {number}")
    journal.close()


def test_journal_is_private_and_chained(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "journal.jsonl"
    write_three(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    events = read_events(path)
    assert [event.seq for event in events] == [1, 2, 3]
    assert events[0].prev == ""
    assert len({event.prev for event in events}) == 3
    found = verify(path)
    assert (found.events, found.torn, len(found.head)) == (3, 0, 64)


@pytest.mark.parametrize("change", ["altered", "removed", "inserted", "swapped"])
def test_verify_names_the_line_that_was_changed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "journal.jsonl"
    write_three(path)
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "altered": [lines[0], lines[1].replace(b"line 1", b"line 9"), lines[2]],
        "removed": [lines[0], lines[2]],
        "inserted": [lines[0], lines[0], *lines[1:]],
        "swapped": [lines[0], lines[2], lines[1]],
    }[change]
    path.write_bytes(b"".join(changed))
    with pytest.raises(JournalError) as caught:
        verify(path)
    expected = 3 if change == "altered" else 2
    assert caught.value.where == f"{path}:{expected}"


def test_torn_last_line_is_tolerated_then_repaired(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_three(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seq":4,"at":"2026')
    assert len(read_events(path)) == 3
    assert verify(path).torn == 19
    journal = JournalWriter(path, Redactor())
    assert journal.repaired == 19
    journal.write("log", text="after")
    journal.close()
    assert verify(path).events == 4
    assert path.read_bytes().startswith(whole)


def test_follower_gives_each_event_once_and_waits_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    follower = Follower(path)
    assert follower.read() == []
    write_three(path)
    assert len(follower.read()) == 3
    assert follower.read() == []
    journal = JournalWriter(path, Redactor())
    journal.write("log", text="four")
    with path.open("ab") as out:
        out.write(b'{"half')
    assert [event.data["text"] for event in follower.read()] == ["four"]
    journal.close()


def test_unreadable_line_is_shown_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_three(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\xff garbage\n" + lines[2])
    assert [event.type for event in read_events(path)] == ["log", DAMAGED, "log"]


def test_secrets_are_masked_in_every_form_and_depth(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    secret = 'k"ey\\with-quotes'
    journal = JournalWriter(path, Redactor([Secret(secret)]))
    journal.write("log", text=f"plain {secret}", nested={"list": [secret, {"deep": f"x{secret}x"}]})
    journal.write("log", text='base64 ayJleVx3aXRoLXF1b3Rlcw== and json k\\"ey\\\\with-quotes')
    journal.close()
    text = path.read_text()
    assert "with-quotes" not in text
    assert "ayJleVx3aXRoLXF1b3Rlcw" not in text
    assert text.count("********") == 5


def test_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    journal = JournalWriter(path, Redactor())
    journal.write("log", text="one")
    real = os.write

    def short_then_full(handle: int, data: bytes) -> int:
        if len(data) > 20:
            return real(handle, data[:20])
        raise OSError(28, "No space left on device")

    # A full disk cannot be had without a file system of our own; os.write is where it shows.
    monkeypatch.setattr(os, "write", lambda handle, data: short_then_full(handle, data[:41]))
    with pytest.raises(OSError, match="No space"):
        journal.write("log", text="two")
    monkeypatch.setattr(os, "write", real)
    journal.write("log", text="three")
    journal.close()
    assert [event.data["text"] for event in read_events(path)] == ["one", "three"]
    assert verify(path).events == 2


def test_finished_inputs_forget_a_step_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = JournalWriter(path, Redactor())
    for step in ("a", "b"):
        journal.write("step.started", step, inputs="1")
        journal.write("step.finished", step, state="ok", inputs="1")
    journal.write("step.started", "b", inputs="1")
    journal.close()
    assert finished_inputs(read_events(path), {}) == {"a": "1"}
