"""Signatures both ways between us and ssh-keygen; and who may sign, as ssh-keygen(1) says of allowed_signers."""

from __future__ import annotations

import base64
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensei_tui.bundle.signers import NAMESPACE, BadKey, BadSignature, allowed_signers, fingerprint
from sensei_tui.bundle.sshsig import check, is_locked, sign

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
TEXT = b"Sensei bundle\nversion: 1.0.0\n"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KINDS = {"ed25519": ["-t", "ed25519"], "rsa": ["-t", "rsa", "-b", "2048"], "ecdsa256": ["-t", "ecdsa", "-b", "256"],
         "ecdsa384": ["-t", "ecdsa", "-b", "384"], "ecdsa521": ["-t", "ecdsa", "-b", "521"]}  # fmt: skip
KEYS = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("keys")
    for name, options in KINDS.items():
        keygen(*options, "-N", "", "-C", name, "-f", str(root / name))
    keygen("-t", "ed25519", "-N", "open sesame", "-f", str(root / "locked"))
    return root


def keygen(*arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=text, capture_output=True)


def public(keys: Path, kind: str) -> str:
    """`ssh-ed25519 AAAA...`."""
    return " ".join((keys / f"{kind}.pub").read_text().split()[:2])


def theirs(root: Path, keys: Path, kind: str, namespace: str = NAMESPACE, text: bytes = TEXT) -> str:
    """What ssh-keygen signs."""
    file = root / "text"
    file.write_bytes(text)
    (root / "text.sig").unlink(missing_ok=True)
    assert keygen("-Y", "sign", "-f", str(keys / kind), "-n", namespace, str(file)).returncode == 0
    return (root / "text.sig").read_text()


def accepts(root: Path, line: str, signature: str, principal: str, text: bytes = TEXT) -> bool:
    """Whether ssh-keygen does."""
    (root / "allowed").write_text(line + "\n")
    (root / "sig").write_text(signature)
    done = keygen(
        "-Y",
        "verify",
        "-f",
        str(root / "allowed"),
        "-I",
        principal,
        "-n",
        NAMESPACE,
        "-s",
        str(root / "sig"),
        text=text,
    )
    return done.returncode == 0


@KEYS
def test_ssh_keygen_takes_ours(tmp_path: Path, keys: Path, kind: str) -> None:
    for _ in range(8):  # numbers of an ECDSA signature that begin with a high bit or with zeros
        signature = sign(TEXT, keys / kind)
        assert accepts(tmp_path, f"vendor {public(keys, kind)}", signature, "vendor")
        assert not accepts(tmp_path, f"vendor {public(keys, kind)}", signature, "vendor", TEXT + b"x")


@KEYS
def test_we_take_what_ssh_keygen_signs(tmp_path: Path, keys: Path, kind: str) -> None:
    found = check(TEXT, theirs(tmp_path, keys, kind))
    told = keygen("-lf", str(keys / f"{kind}.pub")).stdout.decode()
    assert found.fingerprint == told.split()[1]
    with pytest.raises(BadSignature, match="not the one that was signed"):
        check(TEXT + b" ", theirs(tmp_path, keys, kind))


@KEYS
def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path, keys: Path, kind: str) -> None:
    lines = theirs(tmp_path, keys, kind).splitlines()
    raw = base64.b64decode("".join(lines[1:-1]))
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << at % 8
        armored = "\n".join([lines[0], base64.b64encode(changed).decode(), lines[-1]])
        with pytest.raises(BadSignature):
            check(TEXT, armored)


def test_for_another_use_it_is_refused(tmp_path: Path, keys: Path) -> None:
    with pytest.raises(BadSignature, match="another use") as caught:
        check(TEXT, theirs(tmp_path, keys, "ed25519", "git"), where="a: SIGNED.sig")
    assert "'git'" in caught.value.why
    assert caught.value.where == "a: SIGNED.sig"
    assert "-n sensei-bundle" in caught.value.remedy


def test_what_is_no_signature(tmp_path: Path, keys: Path) -> None:
    good = theirs(tmp_path, keys, "ed25519")
    begin, *body, end = good.splitlines()
    for bad in ("", "x", begin, f"{begin}\n{end}", "\n".join([begin, *body]), "\n".join([begin, "é" * 8, end]),
                "\n".join([begin, *body[:-1], end]), "\n".join([begin, "AAAA", end]), good.replace("U1NI", "U1NJ"),
                f"{begin}\n\ufffd{end}"):  # fmt: skip
        with pytest.raises(BadSignature):
            check(TEXT, bad)


def test_a_key_with_a_passphrase(tmp_path: Path, keys: Path) -> None:
    signature = sign(TEXT, keys / "locked", b"open sesame")
    assert accepts(tmp_path, f"vendor {public(keys, 'locked')}", signature, "vendor")
    for wrong in (None, b"other"):
        with pytest.raises(BadKey) as caught:
            sign(TEXT, keys / "locked", wrong)
        assert str(keys / "locked") in caught.value.where
        assert "open sesame" not in str(caught.value)
    assert caught.value.why == "the passphrase is wrong"


def test_whether_a_key_is_locked(tmp_path: Path, keys: Path) -> None:
    assert is_locked(keys / "locked")
    assert not any(is_locked(path) for path in (*(keys / kind for kind in KINDS), keys / "rsa.pub", tmp_path / "none"))


@pytest.mark.parametrize("cipher", ["aes256-gcm@openssh.com", "aes256-cbc"])
def test_a_wrong_passphrase_whatever_the_cipher(tmp_path: Path, cipher: str) -> None:
    keygen("-t", "ed25519", "-N", "open sesame", "-Z", cipher, "-f", str(tmp_path / "key"))
    assert is_locked(tmp_path / "key")
    with pytest.raises(BadKey) as caught:
        sign(TEXT, tmp_path / "key", b"other")
    assert caught.value.why == "the passphrase is wrong"
    assert sign(TEXT, tmp_path / "key", b"open sesame")


def test_a_key_that_is_cut_short_is_no_wrong_passphrase(tmp_path: Path, keys: Path) -> None:
    lines = (keys / "locked").read_text().splitlines()
    (tmp_path / "cut").write_text("\n".join([*lines[:2], lines[-1], ""]))
    with pytest.raises(BadKey) as caught:
        sign(TEXT, tmp_path / "cut", b"open sesame")
    assert "passphrase" not in caught.value.why
    assert "ssh-keygen" in caught.value.remedy


def test_a_file_of_trusted_keys_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadKey) as caught:
        allowed_signers(tmp_path / "none")
    assert "--trust" in caught.value.remedy


def test_keys_that_can_not_be_used(tmp_path: Path, keys: Path) -> None:
    for path in (tmp_path / "none", keys / "ed25519.pub"):
        with pytest.raises(BadKey) as caught:
            sign(TEXT, path)
        assert str(path) in caught.value.where


# Who may sign: the same line is given to both.

LINES = {
    "plain": ("vendor {key}", True),
    "comment": ("vendor {key} the vendor's key", True),
    "several": ("a@example.com,vendor,b {key}", True),
    "namespace": ('vendor namespaces="sensei-bundle" {key}', True),
    "namespaces": ('vendor namespaces="git,sensei-*" {key}', True),
    "other namespace": ('vendor namespaces="git,file" {key}', False),
    "not this one": ('vendor namespaces="!sensei-bundle,*" {key}', False),
    "not another": ('vendor namespaces="*,!git" {key}', True),
    "brackets": ('vendor namespaces="sensei-[b]undle" {key}', False),
    "expired": ('vendor valid-before="20200101" {key}', False),
    "not expired": ('vendor valid-before="20991231" {key}', True),
    "not yet": ('vendor valid-after="20990101Z" {key}', False),
    "already": ('vendor valid-after="20200101000000Z" {key}', True),
    "all": ('vendor namespaces="sensei-bundle",valid-after="202001010000",valid-before="20991231Z" {key}', True),
    "capitals": ('vendor Namespaces="sensei-bundle" {key}', True),
}


@pytest.mark.parametrize(("line", "good"), LINES.values(), ids=LINES.keys())
def test_a_line_means_what_ssh_keygen_takes_it_for(tmp_path: Path, keys: Path, line: str, good: bool) -> None:
    line = line.format(key=public(keys, "ed25519"))
    signature = sign(TEXT, keys / "ed25519")
    assert accepts(tmp_path, line, signature, "vendor") is good
    (signer,) = allowed_signers(tmp_path / "allowed")
    assert signer.key == check(TEXT, signature).key
    assert (signer.may_sign(NAMESPACE, datetime.now(UTC)) == "") is good


def test_why_a_key_may_not_sign(tmp_path: Path, keys: Path) -> None:
    key = public(keys, "ed25519")
    (tmp_path / "a").write_text(
        f'v valid-before="20200102" {key}\nv valid-after="20990101" {key}\nv namespaces="git" {key}\n'
    )
    told = [signer.may_sign(NAMESPACE, NOW) for signer in allowed_signers(tmp_path / "a")]
    assert told == [
        "the key of v was valid until 2020-01-02",
        "the key of v is valid from 2099-01-01 on",
        "the key of v is for git only",
    ]


BAD_LINES = ["vendor", "ssh-ed25519 AAAA", "vendor ssh-ed25519 !!!!", "vendor ssh-ed25519 é", "vendor wizard=1 ssh-ed25519 AAAA",
             "vendor cert-authority ssh-ed25519 AAAA", 'vendor valid-before="soon" ssh-ed25519 AAAA', "vendor namespaces=sensei-bundle ssh-ed25519 AAAA", "\x00 \x01"]  # fmt: skip


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_not_understood_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "a").write_text(f"# trusted\n\n{line}\n")
    with pytest.raises(BadKey) as caught:
        allowed_signers(tmp_path / "a")
    assert caught.value.where == f"{tmp_path / 'a'}:3"
    assert "Mend the line" in caught.value.remedy


def test_a_file_of_keys_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none", tmp_path, tmp_path / "binary"):
        with pytest.raises(BadKey, match="can't be read") as caught:
            allowed_signers(path)
        assert caught.value.where == str(path)


def test_fingerprints(keys: Path) -> None:
    told = keygen("-lf", str(keys / "rsa.pub")).stdout.decode().split()[1]
    assert fingerprint(base64.b64decode(public(keys, "rsa").split()[1])) == told


def test_a_short_rsa_key_neither_signs_nor_is_believed(tmp_path: Path) -> None:
    keygen("-t", "rsa", "-b", "1024", "-N", "", "-f", str(tmp_path / "short"))
    with pytest.raises(BadKey, match="can't be used") as refused:
        sign(TEXT, tmp_path / "short")
    assert "RSA of 1024 bits" in refused.value.why
    with pytest.raises(BadSignature, match="not understood") as caught:
        check(TEXT, theirs(tmp_path, tmp_path, "short"))
    assert "RSA of 1024 bits" in caught.value.why
