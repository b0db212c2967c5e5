"""A bundle as a registry that can only be read, for sites without one; its blobs are read where they lie.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md: pull, tags, referrers; and `_catalog`, as
docker-registry has it.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from sensei_tui.base.errors import SenseiError, UsageError
from sensei_tui.bundle.archive import Archive
from sensei_tui.bundle.contents import Contents, blob_name
from sensei_tui.bundle.load import target_of
from sensei_tui.bundle.oci import DIGEST, OCI_INDEX, Document, encoded, index_of
from sensei_tui.bundle.pool import reachable
from sensei_tui.registry.reference import Place, Reference

IDLE: Final = 60
"""Seconds without a byte after which a connection is given up: as long as our own client waits."""
PAGE: Final = 1_000
"""Names in one answer at most."""
_PATH = re.compile(
    r"/v2/(?P<repository>[a-z0-9._/-]{1,255})/(?P<kind>manifests|blobs|tags|referrers)/(?P<what>[^/]{1,200})"
)
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_HERE = Place("bundle.invalid")
"""Names are moved as a load moves them; the host of the place is never told."""
OnRequest = Callable[[str], None]


class CannotListen(SenseiError):
    """The address is taken, or not one of this host."""

    code = "cannot-listen"


@dataclass
class Repository:
    """What there is under a path."""

    tags: dict[str, str] = field(default_factory=dict)
    """Tag -> digest."""
    digests: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Shelf:
    """What is served. Threads may read from it at the same time."""

    archive: Archive
    documents: Mapping[str, Document]
    repositories: Mapping[str, Repository]

    def referrers(self, repository: Repository, digest: str, kind: str = "") -> bytes:
        """An index of what is about that manifest; `kind`: only of that artifact type."""
        found = (self.documents[item] for item in sorted(repository.digests) if item in self.documents)
        about = (item.listed() for item in found if item.subject == digest)
        return index_of(tuple(item for item in about if kind in ("", item.artifact_type)))


def shelf(archive: Archive, contents: Contents, documents: Mapping[str, Document]) -> Shelf:
    """Each item under the path that `load` gives it without a prefix; those of the Hub also under `library/`."""
    found: dict[str, Repository] = {}
    for item in contents.items:
        target, reference = target_of(item, _HERE), Reference.parse(item.name)
        for path in {target.repository, reference.path}:
            repository = found.setdefault(path, Repository())
            if not DIGEST.fullmatch(target.version):
                repository.tags[target.version] = item.digest
            repository.digests |= _with_referrers(documents, item.digest)
    return Shelf(archive, documents, found)


def _with_referrers(documents: Mapping[str, Document], root: str) -> set[str]:
    below = {*reachable(dict(documents), root)}
    about = [document.digest for document in documents.values() if document.subject in below]
    return below.union(*(reachable(dict(documents), digest) for digest in about))


def containerd(contents: Contents, address: str, *, ca: str = "") -> dict[str, str]:
    """Path -> content of containerd's files that send its questions for the bundle's names to this address.

    `address` has its scheme. containerd falls back to `server`: without internet that must be this one as well.
    https://github.com/containerd/containerd/blob/main/docs/hosts.md
    """
    authority = f'  # Copy the certificate of who signed the server\'s there.\n  ca = "{ca}"\n' if ca else ""
    text = f'server = "{address}"\n\n[host."{address}"]\n  capabilities = ["pull", "resolve"]\n{authority}'
    hosts = sorted({Reference.parse(item.name).host for item in contents.items if item.kind == "image"})
    return {f"/etc/containerd/certs.d/{host}/hosts.toml": text for host in hosts}


class Server(ThreadingHTTPServer):
    """Listens as soon as it is made. Raises CannotListen, UsageError where the certificate can't be used."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], what: Shelf, tls: tuple[Path, Path] | None, on_request: OnRequest
    ) -> None:  # fmt: skip
        """`tls`: certificate with its chain, and key, both PEM. `on_request` gets a line for each, from any thread."""
        self.shelf, self.on_request = what, on_request
        self.context = _context(*tls) if tls else None
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            super().__init__(address, Handler)
        except (OSError, OverflowError) as error:
            raise CannotListen(
                "This address can't be listened on.", where=f"{address[0]}:{address[1]}",
                why=getattr(error, "strerror", None) or str(error), remedy="Name another one with --listen.",
            ) from None  # fmt: skip

    @property
    def port(self) -> int:
        """Where 0 was asked for, the one that it got."""
        return int(self.server_address[1])

    def get_request(self) -> tuple[socket.socket, object]:
        """The handshake is left to the connection's own thread: a slow one must not hold up the others."""
        connection, client = self.socket.accept()
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def server_close(self) -> None:
        """Connections that are broken off by the end have nothing more to tell."""
        self.on_request = _untold
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away, or did not speak TLS, is no defect."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError | SenseiError):
            self.on_request(f"{_client(client_address)} broken off: {error}")
        else:
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _untold(text: str) -> None:
    """Nobody is asked any more."""


def _client(address: object) -> str:
    return str(address[0]) if isinstance(address, tuple) else "?"


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            "The certificate or its key can't be used.", where=f"{certificate}, {key}",
            why=getattr(error, "reason", None) or error.strerror or str(error),
            remedy="Both must be PEM, and belong together.",
        ) from None  # fmt: skip
    return context


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sensei", ""
    timeout = IDLE
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Also HEAD: the same without the content."""
        url = urlsplit(self.path)
        path = unquote(url.path)
        if path.rstrip("/") == "/v2":
            self._json({})
        elif path == "/v2/_catalog":
            self._list("repositories", sorted(self.server.shelf.repositories), {}, url.query)
        elif match := _PATH.fullmatch(path):
            self._answer(match["repository"], match["kind"], match["what"], url.query)
        else:
            self._error(HTTPStatus.NOT_FOUND, "UNSUPPORTED", "there is nothing at this path")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Every write is refused."""
        # What the client is about to send is not read.
        self.close_connection = True
        self._error(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", "a bundle that is served can only be read")

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """What http.server tells of each answer."""
        self.server.on_request(f"{_client(self.client_address)} {format % args}")

    # Answers.

    def _answer(self, name: str, kind: str, what: str, query: str) -> None:
        repository = self.server.shelf.repositories.get(name)
        if repository is None:
            self._error(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", f"the bundle has no repository {name}")
        elif kind == "tags" and what == "list":
            self._list("tags", sorted(repository.tags), {"name": name}, query)
        elif kind == "manifests":
            self._manifest(repository, what)
        elif kind == "referrers" and DIGEST.fullmatch(what):
            self._referrers(repository, what, parse_qs(query).get("artifactType", [""])[-1])
        elif kind == "blobs" and what in repository.digests:
            self._blob(what)
        else:
            self._error(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", f"the bundle has no {what[:90]} in {name}")

    def _manifest(self, repository: Repository, what: str) -> None:
        digest = repository.tags.get(what, what)
        document = self.server.shelf.documents.get(digest)
        if document is None or digest not in repository.digests:
            self._error(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", f"the bundle has no manifest {what[:90]}")
            return
        self._content(document.content, document.media_type, {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'})

    def _referrers(self, repository: Repository, digest: str, kind: str) -> None:
        headers = {"OCI-Filters-Applied": "artifactType"} if kind else {}
        self._content(self.server.shelf.referrers(repository, digest, kind), OCI_INDEX, headers)

    def _list(self, key: str, names: list[str], more: dict[str, str], query: str) -> None:
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        count = min(PAGE, int(asked["n"])) if re.fullmatch(r"[0-9]{1,9}", asked.get("n", "")) else PAGE
        rest = [name for name in names if name > asked.get("last", "")]
        headers = {}
        if 0 < count < len(rest):
            onward = urlencode({"n": count, "last": rest[count - 1]})
            headers = {"Link": f'<{urlsplit(self.path).path}?{onward}>; rel="next"'}
        self._json({**more, key: rest[:count]}, headers)

    def _json(self, content: object, headers: Mapping[str, str] | None = None) -> None:
        self._content(encoded(content), "application/json", headers)

    def _error(self, status: HTTPStatus, code: str, message: str) -> None:
        content = encoded({"errors": [{"code": code, "message": message}]})
        allow = {"Allow": "GET, HEAD"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        self._content(content, "application/json", allow, status)

    def _content(
        self, content: bytes, media_type: str, headers: Mapping[str, str] | None = None, status: int = HTTPStatus.OK
    ) -> None:  # fmt: skip
        self._head(status, {"Content-Type": media_type, "Content-Length": str(len(content)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    # Blobs.

    def _blob(self, digest: str) -> None:
        name = blob_name(digest)
        entry = self.server.shelf.archive.entries.get(name)
        if entry is None:
            self._error(
                HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", "the bundle leaves out this blob, or its volume is not here"
            )
            return
        span = _span(self.headers.get("Range", ""), entry.size)
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest,
                   "ETag": f'"{digest}"', "Accept-Ranges": "bytes"}  # fmt: skip
        if span is None:
            self._head(HTTPStatus.OK, {**headers, "Content-Length": str(entry.size)})
            span = (0, entry.size)
        elif span[0] >= span[1]:
            none = {"Content-Range": f"bytes */{entry.size}", "Content-Length": "0"}
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, none)
            return
        else:
            told = f"bytes {span[0]}-{span[1] - 1}/{entry.size}"
            length = str(span[1] - span[0])
            self._head(HTTPStatus.PARTIAL_CONTENT, {**headers, "Content-Range": told, "Content-Length": length})
        if self.command != "HEAD":
            self._send(name, *span)

    def _send(self, name: str, first: int, last: int) -> None:
        """By sendfile where the bytes lie as they are; else whole groups of blocks in one call."""
        archive, place = self.server.shelf.archive, self.server.shelf.archive.raw(name)
        if self.server.context is None and place is not None:
            if first < last:
                self.connection.sendfile(place[0], place[1] + first, last - first)
        else:
            for group in archive.groups(name, first, last):
                self._gather(group)

    def _gather(self, group: list[memoryview]) -> None:
        if self.server.context is not None:
            for piece in group:
                self.connection.sendall(piece)
            return
        while group:
            sent = self.connection.sendmsg(group)
            while group and sent >= len(group[0]):
                sent -= len(group.pop(0))
            if group:
                group[0] = group[0][sent:]


def _span(text: str, size: int) -> tuple[int, int] | None:
    """First byte, and the one after the last; None for all of it: no range, or one that is not understood."""
    match = _RANGE.fullmatch(text.strip())
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    first, last = int(match[1]), int(match[2]) + 1 if match[2] else size
    return None if match[2] and last <= first else (first, min(size, last))
