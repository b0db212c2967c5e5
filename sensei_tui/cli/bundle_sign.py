"""`sensei bundle sign`: with a key here, or with one that ssh-keygen or another machine signs with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.cli.bundle import FILE, FILES
from sensei_tui.cli.output import emit, note, output_option

if TYPE_CHECKING:
    from sensei_tui.bundle.archive import File


@click.command()
@FILES
@click.option("--key", type=FILE, help="A private key of OpenSSH, best ssh-ed25519.")
@click.option("--text", is_flag=True, help="Print what is to be signed, for a key that is elsewhere; change nothing.")
@click.option("--signature", type=FILE, metavar="NAME.sig",
              help="Put in what ssh-keygen -Y sign made of that text; the text lies beside it, as NAME.")  # fmt: skip
@output_option
def sign(files: tuple[Path, ...], key: Path | None, text: bool, signature: Path | None, output: str) -> None:
    """Sign a bundle, or its volumes (all of them: each may be loaded by itself), in place of an earlier signature.

    The passphrase is asked for where the key has one. A key on a token, or on another machine, signs in three steps:

    \b
      sensei bundle sign FILE... --text >SIGNED
      ssh-keygen -Y sign -f KEY -n sensei-bundle SIGNED
      sensei bundle sign FILE... --signature SIGNED.sig
    """
    from sensei_tui.base.errors import UsageError

    if (key is not None) + text + (signature is not None) != 1:
        raise UsageError("How is it signed?", remedy="Say one of --key, --text, --signature.")
    if text:
        found = text_of_all(files)
        emit({"text": found}, found.rstrip("\n"), output)
        return
    fingerprint = attach_all(files, signature) if signature else sign_all(files, key, passphrase(key)) if key else ""
    emit({"bundle": [str(file) for file in files], "fingerprint": fingerprint},
         [f"{file} is signed by {fingerprint}" for file in files], output)  # fmt: skip


def text_of_all(files: Iterable[Path]) -> str:
    """What is to be signed, with the time of now: one text for all. Raises UsageError, NoBundle, BadBundle."""
    from sensei_tui.base import clock
    from sensei_tui.base.errors import UsageError
    from sensei_tui.bundle.contents import read_contents
    from sensei_tui.bundle.signed import text_of

    when = clock.now()
    found = {text_of(archive, read_contents(archive), when).decode() for archive in _opened(files)}
    if len(found) > 1:
        raise UsageError("The files are not of one bundle.", remedy="Sign each bundle by itself.")
    return found.pop()


def attach_all(files: Iterable[Path], signature: Path) -> str:
    """Into each. Returns the key's fingerprint. Raises UsageError, BadSignature, NoBundle, BadBundle, OSError."""
    from sensei_tui.base.errors import UsageError
    from sensei_tui.bundle.contents import read_contents
    from sensei_tui.bundle.signed import attach
    from sensei_tui.bundle.signers import Signer

    if signature.suffix != ".sig":
        raise UsageError("Which text is signed?", where=str(signature), remedy=_PAIR)
    (text, armored), why = _text_and_signature(signature), ""
    for archive in _opened(files):
        found = attach(archive, read_contents(archive), text, armored, str(signature))
        why = Signer("the signer", found.key).takes(found.flags)
    if why:
        note(f"Sites will refuse it: {why}")
    return found.fingerprint


_PAIR = "Name NAME.sig, with the text as NAME beside it."


def _text_and_signature(signature: Path) -> tuple[bytes, str]:
    from sensei_tui.base.errors import UsageError

    try:
        return signature.with_suffix("").read_bytes(), signature.read_text(errors="replace")
    except OSError as error:
        where, why = str(error.filename), error.strerror or ""
        raise UsageError("What was signed can't be read.", where=where, why=why, remedy=_PAIR) from None


def sign_all(files: Iterable[Path], key: Path, secret: bytes | None) -> str:
    """Each with the same text. Returns the key's fingerprint. Raises BadKey, NoBundle, BadBundle."""
    from sensei_tui.base import clock
    from sensei_tui.bundle.contents import read_contents
    from sensei_tui.bundle.signed import sign

    when, found = clock.now(), ""
    for archive in _opened(files):
        found = sign(archive, read_contents(archive), key, secret, when)
    return found


def _opened(files: Iterable[Path]) -> Iterator[File]:
    """One after another; closed when the next is asked for."""
    from sensei_tui.bundle.archive import File
    from sensei_tui.bundle.joined import files_of

    for file in (item for path in files for item in files_of(path)):
        with closing(File(file)) as archive:
            yield archive


def passphrase(key: Path) -> bytes | None:
    """Asked for where the key is encrypted, and tried: before hours of writing. Raises BadKey."""
    from sensei_tui.bundle.sshsig import is_locked, sign

    secret = _asked(key).encode() if is_locked(key) else None
    sign(b"", key, secret)
    return secret


def _asked(key: Path) -> str:
    """On the terminal; without one, the first line of standard input. Raises BadKey where that is empty."""
    from sensei_tui.bundle.signers import BadKey

    if _has_terminal():
        return str(click.prompt(f"Passphrase of {key}", hide_input=True, err=True))
    if found := sys.stdin.readline().rstrip("\n") if sys.stdin else "":
        return found
    raise BadKey(
        "The key needs a passphrase.", where=str(key),
        why="there is no terminal to ask on, and nothing on standard input",
        remedy="Call it on a terminal; or have ssh-keygen and its agent sign: sensei bundle sign FILE --text, "
        "then --signature SIGNED.sig",
    )  # fmt: skip


def _has_terminal() -> bool:
    """One that a passphrase can be typed on, whatever standard input is."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
