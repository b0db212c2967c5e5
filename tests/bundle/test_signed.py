"""Sealed bundles: signed, signed again, by somebody unknown, of another bundle."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sensei_tui.bundle import sshsig
from sensei_tui.bundle.archive import Archive, File, open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.signed import NotTrusted, Seal, append, seal_of, sign
from sensei_tui.bundle.signers import BadSignature, Signer, allowed_signers
from sensei_tui.bundle.verify import check_files, sums
from tests.bundle.samples import API, bundle

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=["tar.gz", "tar"])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("plain"), request.param)


@pytest.fixture
def path(plain: Path, tmp_path: Path) -> Path:
    (tmp_path / plain.name).write_bytes(plain.read_bytes())
    return tmp_path / plain.name


def key(path: Path) -> Signer:
    """A new private key there; who it is."""
    made = Ed25519PrivateKey.generate()
    path.write_bytes(made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ))  # fmt: skip
    told = made.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (path.parent / "allowed").write_bytes(b"vendor " + told + b"\n")
    return allowed_signers(path.parent / "allowed")[0]


def signed(path: Path, private: Path, when: datetime = NOW) -> Archive:
    archive = File(path)
    sign(archive, read_contents(archive), private, None, when)
    return open_archive(path)


def seal(archive: Archive, *trusted: Signer, now: datetime = NOW) -> Seal:
    return seal_of(archive, read_contents(archive), trusted, now)


def test_signed_and_signed_again(path: Path, tmp_path: Path) -> None:
    first = key(tmp_path / "first")
    archive = signed(path, tmp_path / "first")
    size = path.stat().st_size
    assert seal(archive, first).signer == "vendor"
    assert seal(archive, first).when == NOW
    assert check_files(archive, sums(archive), lambda _: None) == []
    second = key(tmp_path / "second")
    archive = signed(path, tmp_path / "second")
    assert path.stat().st_size == size, "in place of the first"
    assert seal(archive, first, second).fingerprint != ""
    with pytest.raises(NotTrusted, match="does not trust") as caught:
        seal(archive, first)
    assert "nobody in the site's file" in caught.value.why
    assert subprocess.run(["tar", "-tf", path], capture_output=True, text=True).stdout.endswith("SIGNED\nSIGNED.sig\n")


def test_unsigned(path: Path) -> None:
    with pytest.raises(NotTrusted, match="not signed") as caught:
        seal(open_archive(path))
    assert "--allow-unsigned" in caught.value.remedy


def test_a_key_that_the_site_took_away_or_that_is_over(path: Path, tmp_path: Path) -> None:
    vendor = key(tmp_path / "key")
    archive = signed(path, tmp_path / "key")
    with pytest.raises(NotTrusted):
        seal(archive)
    over = Signer(vendor.principals, vendor.key, before=NOW - timedelta(days=1))
    with pytest.raises(NotTrusted) as caught:
        seal(archive, over)
    assert "was valid until 2026-11-27" in caught.value.why
    assert "change that line" in caught.value.remedy
    with pytest.raises(NotTrusted) as caught:
        seal(archive, Signer(vendor.principals, vendor.key, namespaces="git"))
    assert "for git only" in caught.value.why
    assert "add the key" not in caught.value.remedy
    assert seal(archive, over, vendor).signer == "vendor", "a line that allows it is enough"


def test_age_and_clock_are_told(path: Path, tmp_path: Path) -> None:
    vendor = key(tmp_path / "key")
    archive = signed(path, tmp_path / "key")
    assert seal(archive, vendor, now=NOW + timedelta(days=90)).warnings == ()
    assert "91 days ago" in seal(archive, vendor, now=NOW + timedelta(days=91)).warnings[0]
    assert "in the future" in seal(archive, vendor, now=NOW - timedelta(days=2)).warnings[0]


def test_the_signature_of_another_bundle(path: Path, tmp_path: Path) -> None:
    vendor = key(tmp_path / "key")
    archive = signed(path, tmp_path / "key")
    (tmp_path / "other").mkdir()
    other = File(bundle(tmp_path / "other", "tar", names=(API,)))
    append(other, {name: archive.text(name) for name in ("SIGNED", "SIGNED.sig")}, 0)
    with pytest.raises(BadBundle, match="of another bundle") as caught:
        seal(open_archive(other.path), vendor)
    assert caught.value.why == "it is of version 1.0.0 too, of other content"
    assert "Have this bundle signed" in caught.value.remedy


def test_a_signature_for_another_use_names_the_file(path: Path, tmp_path: Path) -> None:
    vendor = key(tmp_path / "key")
    archive = signed(path, tmp_path / "key")
    text = archive.text("SIGNED")
    append(File(path), {"SIGNED": text, "SIGNED.sig": sshsig.sign(text, tmp_path / "key", namespace="git").encode()}, 0)
    with pytest.raises(BadSignature, match="another use") as caught:
        seal(open_archive(path), vendor)
    assert caught.value.where == f"{path}: SIGNED.sig"


def test_a_changed_text_or_signature(path: Path, tmp_path: Path) -> None:
    vendor = key(tmp_path / "key")
    archive = signed(path, tmp_path / "key")
    text, signature = archive.text("SIGNED"), archive.text("SIGNED.sig")
    for files in ({"SIGNED": text.replace(b"1.0.0", b"1.0.1"), "SIGNED.sig": signature},
                  {"SIGNED": text, "SIGNED.sig": signature[:60] + b"AAAA" + signature[64:]},
                  {"SIGNED": text, "SIGNED.sig": b"\xff\xff"}):  # fmt: skip
        append(File(path), files, 0)
        with pytest.raises(BadSignature):
            seal(open_archive(path), vendor)
    append(File(path), {"SIGNED": text}, 0)
    with pytest.raises(NotTrusted, match="not signed"):
        seal(open_archive(path), vendor)


def test_unpacked_and_changed_with_the_checksums_the_seal_breaks(path: Path, tmp_path: Path) -> None:
    vendor = key(tmp_path / "key")
    signed(path, tmp_path / "key")
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xf", path, "-C", out], check=True)
    assert seal(open_archive(out), vendor).signer == "vendor"
    old = (out / "bundle.json").read_bytes()
    new = old.replace(b"/api:1.0.0", b"/apj:1.0.0")
    (out / "bundle.json").write_bytes(new)
    with pytest.raises(BadBundle, match="damaged"):
        seal(open_archive(out), vendor)
    listed = (out / "SHA256SUMS").read_text()
    was, now = (hashlib.sha256(content).hexdigest() for content in (old, new))
    (out / "SHA256SUMS").write_text(listed.replace(was, now))
    with pytest.raises(BadBundle, match="of another bundle"):
        seal(open_archive(out), vendor)
