"""Keys on tokens: ssh-keygen and we say the same, but for a signature that nobody touched the token for."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensei_tui.bundle.archive import File, open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.signed import NotTrusted, attach, seal_of, text_of
from sensei_tui.bundle.signers import NAMESPACE, BadKey, BadSignature, allowed_signers
from sensei_tui.bundle.sshsig import check, is_locked, sign
from tests.bundle.samples import API, bundle
from tests.bundle.test_command import run_in
from tests.bundle.test_sshsig import TEXT, accepts, keygen
from tests.bundle.tokens import TOUCHED, VERIFIED, Token, armored

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KINDS = pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])


def raw(signature: str) -> bytes:
    return base64.b64decode("".join(signature.splitlines()[1:-1]))


def ours(signature: str, text: bytes = TEXT) -> bool:
    try:
        check(text, signature)
    except BadSignature:
        return False
    return True


def both(root: Path, token: Token, signature: str, text: bytes = TEXT) -> bool:
    """What ssh-keygen and we say."""
    theirs = accepts(root, f"vendor {token.public}", signature, "vendor", text)
    assert theirs is ours(signature, text), signature
    return theirs


@KINDS
def test_good_ones(tmp_path: Path, kind: str) -> None:
    for number, application in enumerate((b"ssh:", b"ssh:vendor", b"") * 3):
        token = Token(kind, application)
        signature = token.sign(TEXT, NAMESPACE, counter=number << 28)
        assert both(tmp_path, token, signature)
        assert not both(tmp_path, token, signature, TEXT + b"x")
        told = keygen("-lf", "-", text=token.public.encode()).stdout.decode()
        assert check(TEXT, signature).fingerprint == told.split()[1]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "flags": lambda data: data[:-5] + b"\x05" + data[-4:],
    "counter": lambda data: data[:-1] + b"\x08",
    "application": lambda data: data.replace(b"\0\0\0\4ssh:", b"\0\0\0\4ssx:"),
    "hash": lambda data: data.replace(b"sha512", b"sha256"),
    "namespace": lambda data: data.replace(b"sensei-bundle", b"sensei-bundls"),
    "version": lambda data: data.replace(b"SSHSIG\0\0\0\1", b"SSHSIG\0\0\0\2"),
    "cut": lambda data: data[:-1],
    "more": lambda data: data + b"\0",
    "kind": lambda data: data.replace(b"@openssh.com", b"@openssh.cam"),
}


@KINDS
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_changed_ones(tmp_path: Path, kind: str, change: Callable[[bytes], bytes]) -> None:
    token = Token(kind)
    good = raw(token.sign(TEXT, NAMESPACE))
    assert change(good) != good
    assert not both(tmp_path, token, armored(change(good)))


@KINDS
def test_a_flipped_bit_anywhere(tmp_path: Path, kind: str) -> None:
    token = Token(kind)
    good = raw(token.sign(TEXT, NAMESPACE))
    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1 << at % 8
        assert not both(tmp_path, token, armored(bytes(changed)))


def test_answers_of_another_form(tmp_path: Path) -> None:
    """A token's kind with the answer of an ordinary key, of the other kind, and with more behind the flags."""
    token, other = Token("ed25519"), Token("ecdsa")
    good, strange = raw(token.sign(TEXT, NAMESPACE)), raw(other.sign(TEXT, NAMESPACE))
    head, place = good[: good.rindex(token.name) - 8], strange.rindex(other.name) - 8
    answer = good[len(head) + 4 :]
    for changed in (head + strange[place:], head + len(answer[:-5]).to_bytes(4, "big") + answer[:-5],
                    head + (len(answer) + 1).to_bytes(4, "big") + answer + b"\0"):  # fmt: skip
        assert not both(tmp_path, token, armored(changed))


LINES = {
    "plain": ("", [TOUCHED, TOUCHED | VERIFIED]),
    "no touch": ("no-touch-required", [0, TOUCHED, VERIFIED, TOUCHED | VERIFIED]),
    "verified": ("verify-required", [TOUCHED | VERIFIED]),
    "both": ('No-Touch-Required,verify-required,namespaces="sensei-bundle"', [VERIFIED, TOUCHED | VERIFIED]),
}


@pytest.mark.parametrize(("options", "good"), LINES.values(), ids=LINES.keys())
def test_touch_and_pin(tmp_path: Path, options: str, good: list[int]) -> None:
    """ssh-keygen looks at neither, and takes no line that says so: here is the one difference."""
    token = Token("ed25519")
    (tmp_path / "ours").write_text(f"vendor {options} {token.public}\n")
    (signer,) = allowed_signers(tmp_path / "ours")
    for flags in (0, TOUCHED, VERIFIED, TOUCHED | VERIFIED):
        signature = token.sign(TEXT, NAMESPACE, flags)
        assert accepts(tmp_path, f"vendor {token.public}", signature, "vendor")
        assert (signer.takes(check(TEXT, signature).flags) == "") is (flags in good)
        assert accepts(tmp_path, f"vendor {options} {token.public}", signature, "vendor") is (options == "")


def test_a_key_that_is_on_no_token_is_asked_for_neither(tmp_path: Path) -> None:
    keygen("-t", "ed25519", "-N", "", "-f", str(tmp_path / "key"))
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    (tmp_path / "allowed").write_text(f"vendor verify-required {public}\n")
    (signer,) = allowed_signers(tmp_path / "allowed")
    assert signer.takes(check(TEXT, sign(TEXT, tmp_path / "key")).flags) == ""


@KINDS
def test_signing_with_it_is_left_to_ssh_keygen(tmp_path: Path, kind: str) -> None:
    token = Token(kind)
    token.write(tmp_path / "key")
    assert keygen("-y", "-f", str(tmp_path / "key")).stdout.decode().split()[:2] == token.public.split()
    shutil.copy(tmp_path / "key", tmp_path / "locked")
    assert keygen("-p", "-N", "open sesame", "-f", str(tmp_path / "locked")).returncode == 0
    for name in ("key", "locked", "key.pub"):
        assert not is_locked(tmp_path / name), "no passphrase is asked for"
        with pytest.raises(BadKey, match="ssh-keygen signs with it") as caught:
            sign(TEXT, tmp_path / name)
        assert f"ssh-keygen -Y sign -f {tmp_path / name}" in caught.value.remedy


def test_a_comment_makes_no_token(tmp_path: Path) -> None:
    keygen("-t", "ed25519", "-N", "", "-C", f"not {Token('ed25519').name.decode()}", "-f", str(tmp_path / "key"))
    assert ours(sign(TEXT, tmp_path / "key"))


def test_a_bundle_signed_elsewhere(tmp_path: Path) -> None:
    path, token = bundle(tmp_path), Token("ed25519")
    archive = File(path)
    text = text_of(archive, read_contents(archive), NOW)
    attach(archive, read_contents(archive), text, token.sign(text, NAMESPACE))
    (tmp_path / "allowed").write_text(f"vendor {token.public}\n")
    trusted, found = allowed_signers(tmp_path / "allowed"), open_archive(path)
    seal = seal_of(found, read_contents(found), trusted, NOW)
    assert (seal.signer, seal.when) == ("vendor", NOW)
    attach(File(path), read_contents(found), text, token.sign(text, NAMESPACE, flags=0))
    found = open_archive(path)
    with pytest.raises(NotTrusted) as caught:
        seal_of(found, read_contents(found), trusted, NOW)
    assert "nobody touched the token of vendor" in caught.value.why


def test_what_is_not_of_the_bundle_is_not_put_into_it(tmp_path: Path) -> None:
    path, token = bundle(tmp_path, "tar"), Token("ed25519")
    (tmp_path / "other").mkdir()
    other = File(bundle(tmp_path / "other", "tar", names=(API,)))
    foreign = text_of(other, read_contents(other), NOW)
    archive, before = File(path), path.read_bytes()
    text = text_of(archive, read_contents(archive), NOW)
    for wrong, signed, kind in ((foreign, foreign, BadBundle), (text + b"\n", text + b"\n", BadBundle),
                                (text, foreign, BadSignature), (b"", b"", BadBundle)):  # fmt: skip
        with pytest.raises(kind):
            attach(archive, read_contents(archive), wrong, token.sign(signed, NAMESPACE))
    assert path.read_bytes() == before


def test_the_three_steps_as_they_are_typed(tmp_path: Path) -> None:
    """With an ordinary key, which ssh-keygen can sign with here."""
    path = bundle(tmp_path)
    (tmp_path / "second").mkdir()
    shutil.copy(path, tmp_path / "second")
    files = [path, tmp_path / "second" / path.name]
    keygen("-t", "ed25519", "-N", "", "-f", str(tmp_path / "key"))
    (tmp_path / "SIGNED").write_text(run_in(tmp_path, "bundle", "sign", *files, "--text").out)
    command: list[str | Path] = [
        "ssh-keygen",
        "-q",
        "-Y",
        "sign",
        "-f",
        tmp_path / "key",
        "-n",
        NAMESPACE,
        tmp_path / "SIGNED",
    ]
    subprocess.run(command, check=True, capture_output=True)
    done = run_in(tmp_path, "bundle", "sign", *files, "--signature", "SIGNED.sig")
    assert (done.code, done.out.count("is signed by SHA256:")) == (0, 2)
    (tmp_path / "allowed").write_text("vendor " + (tmp_path / "key.pub").read_text())
    for file in files:
        assert "by vendor" in run_in(tmp_path, "bundle", "verify", file, "--trust", "allowed").out


def test_steps_that_are_none(tmp_path: Path) -> None:
    path = bundle(tmp_path)
    token = Token("ed25519")
    token.write(tmp_path / "key")
    (tmp_path / "SIGNED").write_text(run_in(tmp_path, "bundle", "sign", path, "--text").out)
    (tmp_path / "SIGNED.sig").write_text(token.sign((tmp_path / "SIGNED").read_bytes(), NAMESPACE, flags=0))
    told = run_in(tmp_path, "bundle", "sign", path, "--signature", "SIGNED.sig")
    assert (told.code, "Sites will refuse it: nobody touched" in told.errors) == (0, True)
    for options, code, text in (([], 2, "--signature"), (["--text", "--key", "key"], 2, "one of"), (["--key", "key"], 2, "on a token"),
                                (["--signature", "SIGNED"], 2, "NAME.sig"), (["--signature", "none.sig"], 2, "with the text as NAME")):  # fmt: skip
        done = run_in(tmp_path, "bundle", "sign", path, *options)
        assert (done.code, text in done.errors) == (code, True), done
