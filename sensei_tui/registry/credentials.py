"""Logins as docker and podman keep them. No value of a secret leaves here but inside a `Secret`."""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.base.redaction import Secret
from sensei_tui.base.text import one_line
from sensei_tui.registry.reference import HUB, Place

HELPER_SECONDS = 15.0
"""What a credential helper may take: some ask a cloud's service, none should ask a person."""
_HUB_KEY = "https://index.docker.io/v1/"
"""What docker calls the Hub in its files and to its helpers."""
_TOKEN_USER = "<token>"
"""The user name by which a helper says that its secret is an identity token (docker-credential-helpers)."""
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class CredentialsError(UsageError):
    """A file of logins, or a credential helper that it names, cannot be used."""

    code = "registry-credentials"


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at one registry."""

    user: str
    password: Secret | None = None
    identity: Secret | None = None
    """An OAuth2 refresh token, instead of a password."""
    source: str = "the given login"
    """Where it was found, as a message says it."""

    def basic(self) -> str:
        """The value of an Authorization header; holds the password."""
        word = self.password.reveal() if self.password else ""
        return "Basic " + base64.b64encode(f"{self.user}:{word}".encode()).decode()


@dataclass(frozen=True)
class Keyring:
    """The logins of this user. Reads its files when asked, not before."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    home: Path = field(default_factory=Path.home)
    seconds: float = HELPER_SECONDS

    def find(self, place: Place) -> Login | None:
        """The login for a registry, that of the longest path first. Raises CredentialsError."""
        for path in self.files():
            found = self._in_file(path, place) if path.exists() else None
            if found:
                return found
        return None

    def files(self) -> tuple[Path, ...]:
        """Where logins are looked for, in this order."""
        named = self.environment.get
        docker = Path(named("DOCKER_CONFIG") or self.home / ".docker") / "config.json"
        runtime, config = named("XDG_RUNTIME_DIR"), Path(named("XDG_CONFIG_HOME") or self.home / ".config")
        own = [Path(named("REGISTRY_AUTH_FILE", ""))] if named("REGISTRY_AUTH_FILE") else []
        podman = [Path(runtime) / "containers" / "auth.json"] if runtime else []
        return (*own, docker, *podman, config / "containers" / "auth.json")

    def looked(self) -> str:
        """The files, as a message names them."""
        return ", ".join(str(path) for path in self.files())

    def _in_file(self, path: Path, place: Place) -> Login | None:
        told = _read(path)
        helpers, auths = _mapping(told.get("credHelpers")), _mapping(told.get("auths"))
        for name in _names(place):
            helper = _pick(helpers, name) or (told.get("credsStore") if "/" not in name else None)
            found = self._ask(str(helper), name, path) if helper else None
            found = found or _of_entry(_mapping(_pick(auths, name)), path, name)
            if found:
                return found
        return None

    def _ask(self, helper: str, name: str, path: Path) -> Login | None:
        if not _HELPER_NAME.fullmatch(helper):
            raise CredentialsError("A credential helper's name is none.", where=str(path), why="it is not a plain word")
        program = f"docker-credential-{helper}"
        try:
            done = subprocess.run(
                [program, "get"], input=(_HUB_KEY if name == HUB else name).encode(), capture_output=True,
                timeout=self.seconds, env=dict(self.environment), check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _bad_helper(program, path, f"it did not end within {self.seconds:g} seconds") from None
        except OSError as error:
            raise _bad_helper(program, path, one_line(error.strerror or "it cannot be run").lower()) from None
        return _of_helper(program, path, done)


def _names(place: Place) -> Iterator[str]:
    """`registry.lan/a/b`, `registry.lan/a`, `registry.lan`."""
    parts = [place.host, *(place.prefix.split("/") if place.prefix else ())]
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])


def _pick(entries: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in entries.items() if _bare(key) == name), None)


def _bare(key: str) -> str:
    """A key of `auths` without what older versions put around a registry's name."""
    name = re.sub(r"/(v[12]/?)?$", "", re.sub(r"^https?://", "", key))
    return HUB if name in ("index.docker.io", "registry-1.docker.io") else name


def _read(path: Path) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        why = one_line(error.strerror or "it cannot be read").lower()
        raise CredentialsError(
            "The file of registry logins cannot be read.", where=str(path), why=why,
            remedy="Let this user read it, or name another: DOCKER_CONFIG=DIRECTORY, REGISTRY_AUTH_FILE=FILE.",
        ) from None  # fmt: skip
    except msgspec.DecodeError:
        # The decoder's own words may quote what stands there.
        raise CredentialsError(
            "The file of registry logins is not JSON.", where=str(path),
            remedy="Move it away and log in again (docker login or podman login).",
        ) from None  # fmt: skip
    return _mapping(told)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _of_entry(entry: Mapping[str, Any], path: Path, name: str) -> Login | None:
    source = f"the login for {name} in {path}"
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        user, password = _decoded(str(entry["auth"]), source)
    if entry.get("identitytoken"):
        return Login(user, identity=Secret(str(entry["identitytoken"])), source=source)
    return Login(user, Secret(password), source=source) if user else None


def _decoded(auth: str, source: str) -> tuple[str, str]:
    try:
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        colon = ""
    if not colon:
        raise CredentialsError(
            "A registry login cannot be read.", where=source, why="it is not base64 of USER:PASSWORD",
            remedy="Log in again (docker login or podman login).",
        )  # fmt: skip
    return user, password.rstrip("\0")


def _of_helper(program: str, path: Path, done: subprocess.CompletedProcess[bytes]) -> Login | None:
    if done.returncode:
        # The protocol's only way to say that there is none; it goes to standard output.
        if b"not found" in done.stdout:
            return None
        # Its own words are not told: nobody knows what a helper writes there.
        raise _bad_helper(program, path, f"it ended with status {done.returncode}")
    try:
        told = msgspec.json.decode(done.stdout, type=dict[str, str])
        user, word = told["Username"], Secret(told["Secret"])
    except (msgspec.DecodeError, KeyError):
        raise _bad_helper(program, path, "its answer has no Username and Secret") from None
    source = f"{program} (named in {path})"
    return Login("", identity=word, source=source) if user == _TOKEN_USER else Login(user, word, source=source)


def _bad_helper(program: str, path: Path, why: str) -> CredentialsError:
    remedy = f"Run it by hand: echo REGISTRY | {program} get (it prints the secret)."
    return CredentialsError(f"The credential helper {program} failed.", where=str(path), why=why, remedy=remedy)
