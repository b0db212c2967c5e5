"""An OCI artifact as files: models and pattern libraries, from a registry into a directory.

Each layer is a file, or a part of one: `org.opencontainers.image.title` is its path, and where a file is cut,
`ai.sensei.file.offset` and `ai.sensei.file.size` (bytes) say where the part belongs. What was fetched before a kill
is not fetched again. Files get their names when all are there; `.artifact` then holds the manifest's digest.
https://github.com/opencontainers/distribution-spec
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sensei_probe.settings import Failure, WrongUse
from sensei_probe.streams import BLOCK, SAYS_EVERY, amount, progress, say
from sensei_probe.web import Answer, Server, expect

TITLE = "org.opencontainers.image.title"
OFFSET, SIZE = "ai.sensei.file.offset", "ai.sensei.file.size"
WORK, MARK = ".loading", ".artifact"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_REFERENCE = re.compile(
    r"(?P<host>[^/]+)/(?P<repository>[^@:]+)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_PAUSES = (1, 4, 10)
"""Seconds before a layer is tried again."""


@dataclass(frozen=True)
class Part:
    """One layer."""

    digest: str
    size: int
    path: str
    offset: int
    whole: int
    """Bytes of the whole file."""


class Registry:
    """One repository of a registry, with the credentials of docker's config.json where it has any."""

    def __init__(self, host: str, repository: str, *, plain: bool = False, config: Path | None = None) -> None:
        self._server = Server(f"{'http' if plain else 'https'}://{host}")
        self._repository, self._host = repository, host
        self._basic = credentials(host, config)
        self._headers = {"authorization": f"Basic {self._basic}"} if self._basic else {}

    def manifest(self, reference: str) -> bytes:
        """Raises Refused, Unreachable."""
        answer = self._ask(f"manifests/{reference}", {"accept": _MANIFEST})
        return expect(answer, f"{self._host}/{self._repository}:{reference}").read()

    def blob(self, digest: str) -> Answer:
        """Raises Refused, Unreachable."""
        answer = self._ask(f"blobs/{digest}", {})
        for _ in range(5):
            if answer.status not in (301, 302, 303, 307, 308):
                break
            answer.read()
            target = urllib.parse.urljoin(self._server.origin, answer.headers.get("location", ""))
            parts = urllib.parse.urlsplit(target)
            # Where a blob lies elsewhere, its address is signed: our credentials stay here.
            answer = Server(target).ask("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        return expect(answer, f"blob {digest}")

    def _ask(self, path: str, headers: Mapping[str, str]) -> Answer:
        where = f"/v2/{self._repository}/{path}"
        answer = self._server.ask("GET", where, {**headers, **self._headers})
        if answer.status != 401 or not answer.headers.get("www-authenticate", "").lower().startswith("bearer "):
            return answer
        answer.read()
        self._headers = {"authorization": f"Bearer {self._token(answer.headers['www-authenticate'])}"}
        return self._server.ask("GET", where, {**headers, **self._headers})

    def _token(self, challenge: str) -> str:
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        url = urllib.parse.urlsplit(asked.get("realm", ""))
        query = urllib.parse.urlencode({key: asked[key] for key in ("service", "scope") if key in asked})
        headers = {"authorization": f"Basic {self._basic}"} if self._basic else {}
        answer = Server(asked.get("realm", "")).ask("GET", f"{url.path}?{query}", headers)
        found = expect(answer, f"a token for {self._host}").json()
        if not isinstance(found, dict):
            raise Failure(f"{self._host} gives no token: its answer is no JSON object")
        return str(found.get("token") or found.get("access_token") or "")


def credentials(host: str, directory: Path | None = None) -> str:
    """`user:password` in base64 for this registry, from DOCKER_CONFIG/config.json; empty where it has none."""
    place = directory or (Path(os.environ["DOCKER_CONFIG"]) if os.environ.get("DOCKER_CONFIG") else None)
    if place is None or not (place / "config.json").is_file():
        return ""
    try:
        auths = json.loads((place / "config.json").read_text()).get("auths") or {}
        entries = [(str(name), dict(item)) for name, item in auths.items()]
    except (AttributeError, TypeError, ValueError):
        raise Failure(f"{place / 'config.json'} is not docker's: JSON with auths, by registry") from None
    for name, item in entries:
        if name.removeprefix("https://").removeprefix("http://").split("/")[0] == host:
            plain = f"{item.get('username', '')}:{item.get('password', '')}"
            return str(item.get("auth") or base64.b64encode(plain.encode()).decode())
    return ""


def load(reference: str, target: Path, *, plain: bool = False) -> None:
    """The artifact's files into a directory. Raises Failure; the directory then has what it had before."""
    found = _REFERENCE.fullmatch(reference)
    if not found:
        raise WrongUse(f"{reference} is no reference: HOST/REPOSITORY:TAG, or @sha256:...")
    registry = Registry(found["host"], found["repository"], plain=plain)
    raw = registry.manifest(found["digest"] or found["tag"] or "latest")
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if found["digest"] and digest != found["digest"]:
        raise Failure(f"{reference}: the registry gave another manifest, {digest}")
    mark, work = target / MARK, target / WORK
    if mark.is_file() and mark.read_text().strip() == digest:
        shutil.rmtree(work, ignore_errors=True)
        say(f"{reference} is there already")
        return
    parts = parts_of(_read(raw, reference))
    try:
        _begin(work, digest)
        _room(work, parts)
        _fetch(registry, work, parts)
        _reveal(target, work, digest)
    except OSError as error:
        raise Failure(f"{target} can't be written: {error.strerror}") from None
    say(f"{reference}: {len({part.path for part in parts})} files, {amount(sum(part.size for part in parts))}")


def _read(raw: bytes, reference: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failure(f"{reference}: the registry's answer is no manifest. Is another server at this address?")
    return found


def parts_of(manifest: Mapping[str, Any]) -> list[Part]:
    """The layers that are files. Raises Failure for paths that leave the directory and parts that make no file."""
    try:
        found = [part for layer in manifest.get("layers") or () if (part := _part(layer))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Failure(f"the artifact's manifest is damaged: {error!r} in its layers. Push the artifact again") from None
    if not found:
        raise Failure("the artifact has no files: its layers have no titles")
    for path in {part.path for part in found}:
        _whole(path, sorted((part for part in found if part.path == path), key=lambda part: part.offset))
    return found


def _part(layer: Mapping[str, Any]) -> Part | None:
    notes = layer.get("annotations") or {}
    if not notes.get(TITLE):
        return None
    size = _natural(layer["size"])
    offset, whole = _natural(notes.get(OFFSET, 0)), _natural(notes.get(SIZE, size))
    return Part(str(layer["digest"]), size, _safe(str(notes[TITLE])), offset, whole)


def _natural(told: Any) -> int:
    """Raises ValueError."""
    if (found := int(told)) < 0:
        raise ValueError(f"{told} bytes")
    return found


def _whole(path: str, parts: list[Part]) -> None:
    """Each part begins where the one before ends, and the last ends where the file does: a gap would be zeros."""
    end = 0
    for part in parts:
        if part.offset != end or part.whole != parts[0].whole:
            raise Failure(f"the artifact's parts of {path} do not fit together")
        end += part.size
    if end != parts[0].whole:
        raise Failure(f"the artifact's parts of {path} do not fit together")


def _safe(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts or parts.parts[0] in (WORK, MARK):
        raise Failure(f"the artifact has a file that is refused: {path!r}")
    return str(parts)


def _begin(work: Path, digest: str) -> None:
    """What an interrupted load left goes on where it was of this manifest; parts of two are never mixed."""
    told = work / "manifest"
    if told.is_file() and told.read_text().strip() == digest:
        return
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    told.write_text(f"{digest}\n")


def _room(work: Path, parts: list[Part]) -> None:
    done = _done(work)
    needed = sum(part.size for part in parts if _line(part) not in done)
    free = shutil.disk_usage(work).free
    if needed > free:
        raise Failure(
            f"{amount(needed)} are needed, and {amount(free)} are free. Make the volume larger (llm.persistence.size)"
        )


def _done(work: Path) -> set[str]:
    listed = work / "done"
    return set(listed.read_text().splitlines()) if listed.is_file() else set()


def _line(part: Part) -> str:
    """A part in the list of those that are done: the same bytes may be wanted in two places."""
    return f"{part.digest} {part.offset} {part.path}"


def _fetch(registry: Registry, work: Path, parts: list[Part]) -> None:
    done, total = _done(work), sum(part.size for part in parts)
    meter = _Meter(total, sum(part.size for part in parts if _line(part) in done))
    with (work / "done").open("a") as listed:
        for part in parts:
            if _line(part) in done:
                continue
            _patiently(registry, work, part, meter)
            listed.write(f"{_line(part)}\n")
            listed.flush()
            os.fsync(listed.fileno())


def _patiently(registry: Registry, work: Path, part: Part, meter: _Meter) -> None:
    for pause in (*_PAUSES, 0):
        try:
            _one(registry, work, part, meter)
            return
        except Failure as error:
            if not pause:
                raise
            say(f"{part.path}: {error}; again in {pause} s")
            time.sleep(pause)


class _Meter:
    """Says now and then how far the whole is."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._done, self._new = total, done, 0
        self._began = self._said = time.monotonic()

    def add(self, size: int) -> None:
        self._new += size
        now = time.monotonic()
        if now - self._said >= SAYS_EVERY:
            self._said = now
            say(progress(self._new, self._total - self._done, now - self._began))


def _one(registry: Registry, work: Path, part: Part, meter: _Meter) -> None:
    target = work / "files" / part.path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    answer = registry.blob(part.digest)
    with target.open("r+b" if target.exists() else "x+b") as file:
        file.seek(part.offset)
        while block := answer.read(BLOCK):
            size += len(block)
            if size > part.size:
                raise Failure(f"blob {part.digest} is longer than the manifest says")
            digest.update(block)
            file.write(block)
            meter.add(len(block))
        file.truncate(max(part.whole, part.offset + size))
        file.flush()
        os.fsync(file.fileno())
    if f"sha256:{digest.hexdigest()}" != part.digest:
        raise Failure(f"blob {part.digest} is not what its digest says ({size} of {part.size} bytes came)")


def _reveal(target: Path, work: Path, digest: str) -> None:
    """All files get their names, those of an older artifact go, and the mark is set last.

    Whoever is killed here goes on the next time: what has its name already must not pass for the older artifact's.
    """
    begun = work / "revealing"
    if not begun.exists():
        (target / MARK).unlink(missing_ok=True)
        for old in target.iterdir():
            if old.name not in (WORK, "lost+found"):
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        begun.touch()
    for new in sorted((work / "files").iterdir()):
        new.rename(target / new.name)
    (target / MARK).write_text(f"{digest}\n")
    shutil.rmtree(work)
