"""A registry by the OCI distribution specification: blobs, manifests, tags, referrers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode

from sensei_tui.registry.auth import Auth, scope
from sensei_tui.registry.connections import Connections, OnBytes
from sensei_tui.registry.credentials import Keyring, Login
from sensei_tui.registry.downloads import Download
from sensei_tui.registry.errors import Asked, NotFound, RegistryError, Unauthorized
from sensei_tui.registry.manifests import (
    MANIFESTS,
    Descriptor,
    Index,
    Manifest,
    Subject,
    Tags,
    check,
    decoded,
    following,
    own_type,
)  # fmt: skip
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import HUB, Place, digest_of, is_digest
from sensei_tui.registry.requests import Answer, Call, Requests
from sensei_tui.registry.uploads import Blob, Read, Upload

TIMEOUT = 60.0
"""Seconds without a byte after which a registry is slow: one that sweeps its storage answers within that."""
_HUB_SERVER = "registry-1.docker.io"
_PAGES = 1_000
"""Pages of a list that are read; a registry that names itself as the next page would never end."""


class Registry:
    """One registry. Any thread; every thread that asks at the same time has a connection of its own.

    `repository` is always the whole path, with the place's prefix (`Reference.path`, `Place.repository`).
    Every method raises RegistryError, CredentialsError where a login has to be looked for and can't be, and
    BadReference for what should be a digest and is none.
    """

    def __init__(
        self, place: Place, *, ca: Path | None = None, plain: bool = False, credentials: Login | Keyring | None = None,
        timeout: float = TIMEOUT, patience: Patience | None = None, environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`plain`: plain HTTP. `timeout`: seconds without a byte. `environment`: where the proxy is named, this
        process's own if not given. Does not touch the network. Raises UsageError."""
        self.place = place
        server = _HUB_SERVER if place.host == HUB else place.host
        connections = Connections(ca, timeout, environment)
        auth = Auth(place, connections, credentials, plain=plain)
        root = f"{'http' if plain else 'https'}://{server}"
        self._requests = Requests(root, connections, auth, patience or Patience())

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; tries that wait for their turn end with the error they had."""
        self._requests.close()

    def ping(self) -> None:
        """Whether it is a registry and takes our login. One try, so that a wrong address is told at once; more where
        the registry asks us to wait."""
        answer = self._requests.ask(self._call("GET", "", "ask for its version", good=(200, 404)), at_once=True)
        if answer.status == 404:
            asked = Asked(self._requests.registry, "ask for its version")
            raise NotFound(asked, "This is not a registry.", why="it does not know /v2/", status=404)

    def has_blob(self, repository: str, digest: str) -> int | None:
        """The blob's bytes; None if the repository does not have it (or the registry does not tell its size)."""
        call = self._call(
            "HEAD", f"blobs/{digest_of(digest)}", "look for the blob", repository, digest, good=(200, 404)
        )
        answer = self._requests.ask(call)
        told = answer.headers.get("Content-Length", "")
        return int(told) if answer.status == 200 and told.isdecimal() else None

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Have the blob of another repository here as well, without sending it. False if that is not possible."""
        named = urlencode({"mount": digest_of(digest), "from": source})
        call = self._call(
            "POST", f"blobs/uploads/?{named}", f"take the blob over from {source}", repository, digest,
            good=(201, 202, 403, 404), push=True, also=source,
        )  # fmt: skip
        try:
            answer = self._requests.ask(call)
        except Unauthorized:
            return False  # the login may not read the other repository; if it may not write here, `upload` says so
        if answer.status == 202:
            self._forget(answer, call)
        return answer.status == 201

    def upload(
        self, repository: str, digest: str, size: int, read: Read, on_bytes: OnBytes | None = None
    ) -> None:  # fmt: skip
        """Send a blob of `size` bytes.

        `read(first)` gives its bytes from `first` on, and is asked again after a cut; a piece is used before the next
        one is asked for. `on_bytes` gets the bytes sent since the last call, less than none where some are sent again:
        their sum is where the upload stands. Also raises what reading raises.
        """
        blob = Blob(repository, digest_of(digest), size, read)
        Upload(self._requests, blob, (scope(repository, push=True),), on_bytes).run()

    def blob(
        self, repository: str, digest: str, first: int = 0, on_bytes: OnBytes | None = None
    ) -> Iterator[bytes]:  # fmt: skip
        """The blob's bytes from `first` on, in blocks of up to 1 MiB; a cut is gone on from.

        Read from 0 to the end it is checked: after the last block Lied is raised where the digest is another one.
        """
        asked = Asked(self._requests.registry, "read the blob", repository, digest_of(digest))
        return Download(self._requests, asked, (scope(repository),), first, on_bytes).run()

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest or index by tag or digest. Raises NotFound, Lied."""
        call = self._call(
            "GET", _at(reference), "read the manifest", repository, reference,
            headers={"Accept": ", ".join(MANIFESTS)},
        )  # fmt: skip
        answer = self._requests.ask(call)
        algorithm = reference.partition(":")[0] if is_digest(reference) else "sha256"
        media_type = answer.headers.get_content_type()
        found = Manifest.of(answer.body, media_type if media_type in MANIFESTS else own_type(answer.body), algorithm)
        check(call.asked, found, answer.headers)
        return found

    def has_manifest(self, repository: str, reference: str) -> str | None:
        """The digest of the manifest that a tag or digest names; None if there is none."""
        call = self._call(
            "HEAD", _at(reference), "look for the manifest", repository, reference, good=(200, 404),
            headers={"Accept": ", ".join(MANIFESTS)},
        )  # fmt: skip
        answer = self._requests.ask(call)
        if answer.status == 404:
            return None
        told = answer.headers.get("Docker-Content-Digest", "")
        return told if is_digest(told) else self.manifest(repository, reference).digest

    def put_manifest(self, repository: str, reference: str, manifest: Manifest) -> bool:
        """Store a manifest or index under a tag or its digest.

        True if it has no subject or the registry lists it with its subject's referrers; False if that is left to the
        caller (the tag `sha256-HEX` of the specification).
        """
        call = self._call(
            "PUT", _at(reference), "store the manifest", repository, reference, good=(201,), push=True,
            headers={"Content-Type": manifest.media_type}, body=manifest.content,
        )  # fmt: skip
        answer = self._requests.ask(call)
        check(call.asked, manifest, answer.headers)
        return bool(answer.headers.get("OCI-Subject")) or not decoded(call.asked, manifest.content, Subject).subject

    def tags(self, repository: str) -> tuple[str, ...]:
        """Every tag, in the registry's order. Raises NotFound where there is no such repository."""
        found: list[str] = []
        call = self._call("GET", "tags/list", "list the tags", repository)
        for answer in self._pages(call):
            found += decoded(call.asked, answer.body, Tags).tags or ()
        return tuple(found)

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """The signatures, SBOMs and other artifacts that name a manifest as their subject."""
        call = self._call("GET", f"referrers/{digest_of(digest)}", "list the referrers", repository, digest)
        try:
            pages = [decoded(call.asked, answer.body, Index) for answer in self._pages(call)]
            return tuple(item for page in pages for item in page.manifests or ())
        except NotFound:
            return self._referrers_by_tag(repository, digest)

    def _referrers_by_tag(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """What clients keep in a registry without that part of the API (docker-registry 2.8, registry 3.1)."""
        tag = digest.replace(":", "-", 1)
        try:
            found = self.manifest(repository, tag)
        except NotFound:
            return ()
        asked = Asked(self._requests.registry, "list the referrers", repository, tag)
        return tuple(decoded(asked, found.content, Index).manifests or ())

    def _pages(self, call: Call) -> Iterator[Answer]:
        for _ in range(_PAGES):
            answer = self._requests.ask(call)
            yield answer
            onward = following(answer.headers, answer.url)
            if not onward:
                return
            call = replace(call, url=onward)
        raise RegistryError(call.asked, "The registry's list does not end.", why=f"more than {_PAGES} pages")

    def _forget(self, answer: Answer, call: Call) -> None:
        """A mount that did not work has opened an upload."""
        try:
            url = self._requests.location(answer, call.asked)
            gone = frozenset({202, 204, 404, 405})
            self._requests.once(Call(method="DELETE", url=url, asked=call.asked, good=gone, scopes=call.scopes))
        except RegistryError:
            # Left open it costs the registry nothing but an entry that it clears away itself.
            return

    def _call(
        self, method: str, path: str, doing: str, repository: str = "", version: str = "", *,
        good: tuple[int, ...] = (200,), push: bool = False, also: str = "", headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Call:  # fmt: skip
        asked = Asked(self._requests.registry, doing, repository, version, writing=push, looking=method == "HEAD")
        scopes = ((scope(repository, push=push),) if repository else ()) + ((scope(also),) if also else ())
        body = b"" if body is None and method == "POST" else body
        return Call(
            method=method, url=f"/v2/{quote(repository)}/{path}" if repository else "/v2/", asked=asked,
            good=frozenset(good), scopes=scopes, headers=headers or {}, body=body,
        )  # fmt: skip


def _at(reference: str) -> str:
    return f"manifests/{quote(reference, safe=':')}"
