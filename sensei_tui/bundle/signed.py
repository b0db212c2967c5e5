"""The text that is signed, who signed it, and whether the site trusts them.

`SIGNED` is small, so that a hardware key or another program can sign it too: version, time, and the digest of
SHA256SUMS, which names every other file. `ssh-keygen -Y verify -n sensei-bundle` checks it as we do.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.bundle.archive import Archive, Entry, File, write_end, write_entry
from sensei_tui.bundle.contents import SUMS, Contents
from sensei_tui.bundle.disk import into
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.signers import NAMESPACE, Signature, Signer

TEXT, SIGNATURE = "SIGNED", "SIGNED.sig"
APPENDED = frozenset({TEXT, SIGNATURE})
_ADD = "Compare the fingerprint with the vendor's by another way; then add the key: --trust ALLOWED_SIGNERS"
_ALLOW = "Have it signed again as its line in the trusted keys allows; or change that line, if the vendor confirms it."
OLD = timedelta(days=90)
"""The vendor's guide has an upgrade every quarter: an older bundle is told."""
_TEXT = re.compile(
    r"Sensei bundle\nversion: (?P<version>\S{1,64})\nsigned: (?P<when>[0-9TZ:-]{20})\n"
    r"SHA256SUMS: sha256:(?P<sums>[0-9a-f]{64})\n"
)


class NotTrusted(SenseiError):
    """Unsigned, or signed by nobody whom the site trusts."""

    code = "not-trusted"
    exit_code = ExitCode.FINDING
    fingerprint = ""
    """Of the key whose signature fits, and that may not sign; empty where nobody signed."""


@dataclass(frozen=True)
class Seal:
    """What the signature says."""

    signer: str
    """The principals of the key, as the site's file names them; empty where it knows none."""
    fingerprint: str
    when: datetime
    warnings: tuple[str, ...] = ()


def text_of(archive: Archive, contents: Contents, when: datetime) -> bytes:
    """What is to be signed."""
    digest = hashlib.sha256(archive.text(SUMS)).hexdigest()
    stamp = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"Sensei bundle\nversion: {contents.version}\nsigned: {stamp}\nSHA256SUMS: sha256:{digest}\n".encode()


def sign(archive: File, contents: Contents, key: Path, passphrase: bytes | None, when: datetime) -> str:
    """Sign it, in place of an earlier signature. Returns the key's fingerprint. Raises BadKey, OSError."""
    from sensei_tui.bundle import sshsig

    text = text_of(archive, contents, when)
    return attach(archive, contents, text, sshsig.sign(text, key, passphrase)).fingerprint


def attach(archive: File, contents: Contents, text: bytes, signature: str, where: str = "") -> Signature:
    """Put in a text of `text_of`, signed by whomever; `where` the signature is from. Raises BadSignature, BadBundle
    (another bundle's), OSError."""
    from sensei_tui.bundle import sshsig

    found = sshsig.check(text, signature, where=where)
    when = _when(archive, contents, text)
    append(archive, {TEXT: text, SIGNATURE: signature.encode()}, int(when.timestamp()))
    return found


def append(archive: File, files: dict[str, bytes], when: int) -> None:
    """These at the end, in place of what was appended before. Raises OSError, ValueError."""
    start = min([archive.end, *(archive.entries[name].offset for name in APPENDED if name in archive.entries)])
    file = os.open(archive.path, os.O_WRONLY)
    try:
        os.ftruncate(file, start)
        os.lseek(file, start, os.SEEK_SET)
        for name, content in files.items():
            write_entry(into(file), archive.shape, Entry(name, len(content)), [memoryview(content)], when)
        write_end(into(file), archive.shape)
        os.fsync(file)
    finally:
        os.close(file)


def seal_of(archive: Archive, contents: Contents, trusted: tuple[Signer, ...], now: datetime) -> Seal:
    """Who signed it. Raises NotTrusted (unsigned, unknown, expired), BadSignature, BadBundle (another bundle's)."""
    signature, when = check_seal(archive, contents)
    return Seal(_signer(archive, signature, trusted, now), signature.fingerprint, when, tuple(_warnings(when, now)))


def check_seal(archive: Archive, contents: Contents) -> tuple[Signature, datetime]:
    """The signature, and when it was made; it fits, whoever made it. Raises NotTrusted where there is none,
    BadSignature, BadBundle (another bundle's)."""
    if TEXT not in archive.entries or SIGNATURE not in archive.entries:
        raise NotTrusted(
            "The bundle is not signed.", where=str(archive.path),
            remedy="Have it signed (sensei bundle sign), or accept it without: --allow-unsigned",
        )  # fmt: skip
    return signature_of(archive), _when(archive, contents, archive.text(TEXT, 4096))


def signature_of(archive: Archive) -> Signature:
    """The one in a signed bundle; it fits the text beside it. Raises BadSignature."""
    from sensei_tui.bundle import sshsig  # cryptography: not before a signature is there

    text, armored = archive.text(TEXT, 4096), archive.text(SIGNATURE, 65536).decode(errors="replace")
    return sshsig.check(text, armored, where=f"{archive.path}: {SIGNATURE}")


def _when(archive: Archive, contents: Contents, text: bytes) -> datetime:
    """When the text says that it was signed. Raises BadBundle where it is not of this bundle."""
    found = _TEXT.fullmatch(text.decode(errors="replace"))
    if (
        not found
        or found["sums"] != hashlib.sha256(archive.text(SUMS)).hexdigest()
        or found["version"] != contents.version
    ):
        raise BadBundle(
            "The signature is of another bundle.", where=f"{archive.path}: {TEXT}",
            why=_other(found, contents), remedy="Have this bundle signed, or copy it again from its source.",
        )  # fmt: skip
    return datetime.strptime(found["when"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _other(found: re.Match[str] | None, contents: Contents) -> str:
    if not found:
        return "its text is not that of a bundle"
    same = found["version"] == contents.version
    return f"it is of version {found['version']}" + (" too, of other content" if same else f", not {contents.version}")


def _signer(archive: Archive, signature: Signature, trusted: tuple[Signer, ...], now: datetime) -> str:
    of_key = [item for item in trusted if item.key == signature.key]
    why = [item.may_sign(NAMESPACE, now) or item.takes(signature.flags) for item in of_key]
    if "" in why:
        return of_key[why.index("")].principals
    error = NotTrusted(
        "The bundle is signed by a key that this site does not trust.", where=f"{archive.path}: {SIGNATURE}",
        why="; ".join(why) or f"nobody in the site's file of trusted keys has {signature.fingerprint}",
        remedy=_ALLOW if why else _ADD,
    )  # fmt: skip
    error.fingerprint = signature.fingerprint
    raise error


def _warnings(when: datetime, now: datetime) -> list[str]:
    found = []
    if now - when > OLD:
        found.append(f"it was signed {(now - when).days} days ago: ask the vendor for a newer one")
    if when - now > timedelta(days=1):
        found.append("it was signed in the future: look at this host's clock")
    return found
