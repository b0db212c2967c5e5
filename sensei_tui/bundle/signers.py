"""Whom a site trusts: files of allowed signers as in ssh-keygen(1), and what each of their keys may sign.

Keys on tokens (FIDO) with one difference: a signature that nobody touched the token for is refused here, as sshd
refuses it; `no-touch-required` and `verify-required` of authorized_keys(5) change that. ssh-keygen does not look.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sensei_tui.base.errors import ExitCode, SenseiError, UsageError

NAMESPACE = "sensei-bundle"
_TOUCHED, _VERIFIED = 0x01, 0x04
"""Flags of an authenticator: somebody was there; and was known by PIN or finger."""


class BadSignature(SenseiError):
    """The signature is not one, or not of this text."""

    code = "bad-signature"
    exit_code = ExitCode.FINDING


class BadKey(UsageError):
    """A key, or a file of allowed signers, can't be read."""

    code = "bad-key"


@dataclass(frozen=True)
class Signer:
    """A line of an allowed_signers file."""

    principals: str
    key: bytes
    namespaces: str = ""
    after: datetime | None = None
    before: datetime | None = None
    untouched: bool = False
    """A key on a token may sign with nobody there."""
    verified: bool = False
    """A key on a token signs only with PIN or finger."""

    def may_sign(self, namespace: str, when: datetime) -> str:
        """Why not; empty where it may."""
        if self.namespaces and not _matches(namespace, self.namespaces):
            return f"the key of {self.principals} is for {self.namespaces} only"
        if self.before and when > self.before:
            return f"the key of {self.principals} was valid until {self.before:%Y-%m-%d}"
        if self.after and when < self.after:
            return f"the key of {self.principals} is valid from {self.after:%Y-%m-%d} on"
        return ""

    def takes(self, flags: int | None) -> str:
        """Why not a signature with these flags of a token (None: of no token); empty where it does."""
        if flags is not None and not self.untouched and not flags & _TOUCHED:
            return f"nobody touched the token of {self.principals} (no-touch-required would do without)"
        if flags is not None and self.verified and not flags & _VERIFIED:
            return f"the key of {self.principals} wants PIN or finger (verify-required)"
        return ""


def _matches(text: str, patterns: str) -> bool:
    """A pattern list of ssh_config(5): `*` and `?`, and `!` before what must not be."""
    found = False
    for item in patterns.split(","):
        if fnmatch.fnmatchcase(text, item.removeprefix("!").replace("[", "[[]")):
            if item.startswith("!"):
                return False
            found = True
    return found


@dataclass(frozen=True)
class Signature:
    """One that fits its text."""

    key: bytes
    """In SSH's own form."""
    flags: int | None = None
    """Of the token that the key is on."""

    @property
    def fingerprint(self) -> str:
        """`SHA256:...`, as `ssh-keygen -l` tells it."""
        return fingerprint(self.key)


def fingerprint(key: bytes) -> str:
    """`SHA256:...`."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


_LINES = "Name a file with lines: PRINCIPALS [OPTIONS] KEYTYPE KEY (--trust ALLOWED_SIGNERS)."


def allowed_signers(path: Path) -> tuple[Signer, ...]:
    """The lines of an allowed_signers file. Raises BadKey, which names file and line."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise BadKey("The file of trusted keys can't be read.", where=str(path), why=why, remedy=_LINES) from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            found.append(_told_how(line, f"{path}:{number}"))
    return tuple(found)


def _told_how(line: str, where: str) -> Signer:
    try:
        return _signer(line, where)
    except BadKey as error:
        error.remedy = "Mend the line as ssh-keygen(1) says of allowed_signers, or remove it."
        raise


def _signer(line: str, where: str) -> Signer:
    # Quotes stay where they are: options are split by them later.
    parts = re.findall(r'(?:[^\s"]|"[^"]*")+', line)
    for at in (1, 2):
        if len(parts) > at + 1 and re.match(r"(ssh-|ecdsa-|sk-)", parts[at]):
            options = _options(parts[1], where) if at == 2 else {}
            after, before = (_time(options.get(name), where) for name in ("valid-after", "valid-before"))
            return Signer(
                parts[0], _decoded(parts[at + 1], where), options.get("namespaces", ""), after, before,
                *(name in options for name in _FLAGS),
            )  # fmt: skip
    raise BadKey(
        "A line of the trusted keys can't be read.", where=where,
        why="it is not: PRINCIPALS [OPTIONS] KEYTYPE KEY, as ssh-keygen(1) says of allowed_signers",
    )  # fmt: skip


_FLAGS = ("no-touch-required", "verify-required")


def _options(text: str, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in re.findall(r'(?:[^,"]|"[^"]*")+', text):
        name, _, value = item.partition("=")
        if item.lower() in _FLAGS:
            found[item.lower()] = ""
            continue
        if name.lower() not in ("namespaces", "valid-after", "valid-before"):
            raise BadKey("An option of a trusted key is not understood.", where=where, why=name)
        if not re.fullmatch(r'"[^"]*"', value):
            raise BadKey("An option of a trusted key is not in quotes.", where=where, why=item)
        found[name.lower()] = value[1:-1]
    return found


def _decoded(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise BadKey("A trusted key is no base64.", where=where) from None


def _time(text: str | None, where: str) -> datetime | None:
    """YYYYMMDD[HHMM[SS]][Z]; without Z it is local time."""
    if not text:
        return None
    plain = text.removesuffix("Z")
    shape = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(plain), "")
    try:
        found = datetime.strptime(plain, shape)
    except ValueError:
        raise BadKey("The time of a trusted key can't be read.", where=where, why=text) from None
    return found.replace(tzinfo=UTC) if text.endswith("Z") else found.astimezone()
