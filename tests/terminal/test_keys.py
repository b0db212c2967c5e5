"""Bytes from terminals and lines: whole keys come out, answers are ours, noise is nobody's."""

from __future__ import annotations

import random

import pytest

from sensei_tui.terminal.keys import LATE, NEAR, PASTE, QUIET, SPLIT, Keys

WHOLE = ["a", "é", "\x1b[A", "\x1bOA", "\x1b[[A", "\x1b[15~", "\x1b[1;5C", "\x1bOP", "\x1b[Z", "\r", "\x7f", "\x01",
         "\x1b[200~text\x1b[201~", "\x1b[<0;10;12M", "漢"]  # fmt: skip


def typed(keys: Keys, data: bytes, now: float = 0.0) -> str:
    return "".join(keys.feed(data, now).keys)


@pytest.mark.parametrize("key", WHOLE)
def test_keys_pass_as_they_are(key: str) -> None:
    assert typed(Keys(), key.encode()) == key


@pytest.mark.parametrize("key", [key for key in WHOLE if len(key.encode()) > 1])
def test_keys_that_the_line_cuts_in_two_are_whole_again(key: str) -> None:
    for cut in range(1, len(key.encode())):
        keys = Keys(patience=SPLIT)
        out = typed(keys, key.encode()[:cut])
        out += "".join(keys.tick(0.25).keys)
        out += typed(keys, key.encode()[cut:], 0.25)
        assert out == key
        assert "\x1b" not in out.replace(key, "")


def test_a_lone_esc_is_the_key_after_a_while() -> None:
    keys = Keys(patience=NEAR)
    assert typed(keys, b"\x1b", 1.0) == ""
    assert keys.waits
    assert keys.tick(1.05).keys == ()
    assert keys.tick(1.0 + NEAR).keys == ("\x1b",)
    assert not keys.waits


def test_what_comes_after_an_esc_that_waited_too_long_is_no_text() -> None:
    keys = Keys(patience=NEAR)
    typed(keys, b"\x1b", 0.0)
    assert keys.tick(1.0).keys == ("\x1b",)
    assert typed(keys, b"[B", 1.1) == ""
    assert typed(keys, b"[B", 1.2) == "[B"
    typed(keys, b"\x1b", 2.0)
    assert keys.tick(3.0).keys == ("\x1b",)
    assert typed(keys, b"OK", 3.1 + LATE) == "OK"


def test_an_esc_and_a_key_typed_in_haste_are_both() -> None:
    assert Keys(patience=SPLIT).feed(b"\x1b1", 0).keys == ("\x1b", "1")


def test_two_escs_are_two_keys() -> None:
    keys = Keys()
    assert typed(keys, b"\x1b\x1b") == "\x1b"
    assert keys.tick(1).keys == ("\x1b",)


@pytest.mark.parametrize(
    "reply",
    [
        "\x1b[?6c",
        "\x1b[?62;1;4c",
        "\x1b[>0;276;0c",
        "\x1b]11;rgb:00/00/00\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\x1b[?2026;2$y",
        "\x1b[I",
    ],
)
def test_replies_that_nobody_asked_for_are_no_keys(reply: str) -> None:
    keys = Keys()
    assert typed(keys, reply.encode() + b"x") == "x"
    keys = Keys(patience=SPLIT)
    assert typed(keys, reply[:3].encode()) + typed(keys, reply[3:].encode(), 0.1) == ""


def test_answers_are_counted_and_are_no_keys() -> None:
    found = Keys().feed(b"a\x1b[0nb\x1b[0n", 0)
    assert (found.keys, found.answers) == (("a", "b"), 2)


def test_a_cursor_report_is_one_only_where_it_was_asked_for() -> None:
    assert Keys().feed(b"\x1b[1;2R", 0) == (("\x1b[1;2R",), 0, None)
    assert Keys(expects_cursor=True).feed(b"\x1b[43;132R", 0) == ((), 0, (43, 132))


def test_one_foreign_byte_is_dropped_and_the_next_key_counts() -> None:
    keys = Keys()
    assert typed(keys, b"\xe9") == ""
    assert typed(keys, b"\xffa", 1) in ("a", "")
    assert typed(keys, b"b", 2) == "b"


def test_noise_presses_no_key() -> None:
    keys, chance, now, out = Keys(), random.Random(4), 0.0, ""
    for _ in range(300):
        now += 0.01
        out += typed(keys, chance.randbytes(chance.randrange(20, 4096)), now)
    assert out == ""
    assert typed(keys, b"q", now + QUIET / 2) == ""
    assert typed(keys, b"q", now + 3 * QUIET) == "q"


def test_a_paste_is_one_thing_whatever_is_in_it() -> None:
    keys = Keys()
    text = "\x1b[200~" + "line\n" * 2000 + "\ufffd\ufffd" + "\x1b[201~"
    data, out = text.encode(), list[str]()
    for at in range(0, len(data), 4096):
        out += keys.feed(data[at : at + 4096], at / 1e6).keys
    assert out == [text]
    assert keys.feed(b"q", 9).keys == ("q",)


def test_a_paste_whose_end_never_comes_ends() -> None:
    keys = Keys()
    assert keys.feed(b"\x1b[200~some \xff\xfe text", 0).keys == ()
    assert keys.tick(1).keys == ()
    assert keys.tick(PASTE).keys == ("\x1b[200~some  text\x1b[201~",)
    assert keys.feed(b"q", 9).keys == ("q",)


def test_many_characters_at_once_are_a_paste_and_the_enter_behind_it_a_key() -> None:
    keys = Keys()
    licence = "abcd-efgh-ijkl-mnop-qrst"
    assert keys.feed(f"{licence}\r".encode(), 0).keys == (f"\x1b[200~{licence}\x1b[201~", "\r")
    assert keys.feed(b"uv", 0.05).keys == ("\x1b[200~uv\x1b[201~",)
    assert keys.feed(b"uv", 5).keys == ("u", "v")
    assert keys.feed(b"/uninst", 6).keys == tuple("/uninst")


def test_whole_text_in_any_pieces() -> None:
    chance = random.Random(5)
    text = "".join(chance.choice(WHOLE) for _ in range(500))
    data, keys, out, at = text.encode(), Keys(patience=SPLIT), "", 0
    while at < len(data):
        size = chance.randrange(1, 9)
        out += typed(keys, data[at : at + size])
        at += size
    assert out == text
