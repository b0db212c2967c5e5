"""One blob to a registry, through cut connections and restarts of the registry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from sensei_tui.registry.auth import Scopes
from sensei_tui.registry.connections import OnBytes, Piece
from sensei_tui.registry.errors import Asked, Lost, RegistryError, SourceShort, UploadGone
from sensei_tui.registry.requests import Answer, Call, Requests

CHUNK = 64 << 20
"""Bytes of one PATCH, and the largest blob that is sent in one PUT: chunks of 16 MiB to 64 MiB load equally fast, and
this is what is sent again after a cut where the registry keeps uploads."""
_SLOWEST = 20_000_000
"""Bytes a second at which a registry may read again what it got before it answers: a busy hard disk."""
_OCTETS = "application/octet-stream"

_GONE = frozenset({400, 404, 416})
"""An upload that the registry does not know any more, or not as far as we do (400: with a code that says so)."""

Read = Callable[[int], Iterable[Piece]]
"""The blob's bytes from an offset on. A piece may be overwritten once the next one is asked for."""


class Blob(NamedTuple):
    """What is sent."""

    repository: str
    digest: str
    size: int
    """Bytes."""
    read: Read


class Upload:
    """One upload. One thread."""

    def __init__(
        self, requests: Requests, blob: Blob, scopes: Scopes, on_bytes: OnBytes | None
    ) -> None:  # fmt: skip
        self._requests, self._blob, self._scopes = requests, blob, scopes
        self._asked = Asked(requests.registry, "upload the blob", blob.repository, blob.digest, writing=True)
        self._source = _Source(self._asked, blob)
        self._tries = requests.tries()
        self._url = ""
        self._chunk = CHUNK
        self._kept = 0
        """Bytes that the registry has, as it says."""
        self._best = 0
        self._told = 0
        self._on_bytes = on_bytes

    def run(self) -> None:
        """Until the registry has the blob. Raises RegistryError, and what reading the blob raises."""
        try:
            while not self._sent():
                pass
        except _SourceFailed as wrapped:
            self._drop()
            raise wrapped.error from None
        except BaseException:
            self._drop()
            raise

    def _sent(self) -> bool:
        try:
            self._go_on()
        except RegistryError as error:
            self._tries.failed(error)
            if not self._stands():
                return False
        self._tell(self._blob.size - self._told)
        return True

    def _go_on(self) -> None:
        if not self._url:
            self._open()
        self._source.seek(self._kept)
        whole = self._kept == 0 and self._blob.size <= self._chunk
        while not whole and self._kept < self._blob.size:
            self._patch(min(self._chunk, self._blob.size - self._kept))
        joint = "&" if "?" in self._url else "?"
        url = f"{self._url}{joint}digest={quote(self._blob.digest, safe='')}"
        self._send("PUT", url, self._blob.size if whole else 0, {201, 204})

    def _open(self) -> None:
        self._at(0)
        call = self._call("POST", f"/v2/{self._blob.repository}/blobs/uploads/", {202})
        answer = self._requests.once(call)
        least = answer.headers.get("OCI-Chunk-Min-Length", "")
        self._chunk = max(CHUNK, int(least)) if least.isdecimal() else CHUNK
        self._url = self._requests.location(answer, self._asked)

    def _patch(self, count: int) -> None:
        last = self._kept + count - 1
        answer = self._send("PATCH", self._url, count, {202, 201, 204}, f"{self._kept}-{last}")
        self._url = self._requests.location(answer, self._asked)
        told = _stands(answer)
        if told is not None and told != last + 1:
            raise Lost(self._asked, "The registry lost a part of the upload.", why=f"it has {told} bytes")
        self._progressed(last + 1)

    def _send(self, method: str, url: str, count: int, good: set[int], span: str = "") -> Answer:
        headers = {"Content-Type": _OCTETS, **({"Content-Range": span} if span else {})}
        call, within = self._call(method, url, good, headers), (count or self._blob.size) / _SLOWEST
        try:
            return self._requests.send(call, self._source.take(count), count, within=within, on_bytes=self._tell)
        except RegistryError as error:
            if error.status in _GONE and (error.status != 400 or error.reason.startswith("BLOB_UPLOAD")):
                raise UploadGone(self._asked, error.what, why=error.why, status=error.status) from None
            raise

    def _call(self, method: str, url: str, good: set[int], headers: dict[str, str] | None = None) -> Call:
        body = b"" if method == "POST" else None
        return Call(
            method=method, url=url, asked=self._asked, good=frozenset(good), scopes=self._scopes,
            headers=headers or {}, body=body,
        )  # fmt: skip

    def _stands(self) -> bool:
        """Find out where to go on after a failure. True if the registry has the whole blob after all."""
        place = self._probe()
        if place is not None and 0 <= place <= self._blob.size:
            self._progressed(place)
            self._at(place)
            return False
        head = self._call("HEAD", f"/v2/{self._blob.repository}/blobs/{self._blob.digest}", {200, 404, 500})
        if self._requests.ask(head).status == 200:
            return True
        self._drop()
        self._at(0)
        return False

    def _probe(self) -> int | None:
        """Bytes that the registry has of the upload; None where it can't tell and the blob begins again."""
        if not self._url:
            return None
        # docker-registry 2.8 answers 404 to what was cut in the middle of a request, and after a restart without
        # a secret of its own (http.secret); others answer 400 or 416. Registry 3 tells in all these cases what it has
        # on its disk, and gives a Location with the state that PATCH and PUT have to name.
        answer = self._requests.ask(self._call("GET", self._url, {200, 204, 400, 404, 405, 410, 416}))
        if answer.status not in (200, 204):
            return None
        if answer.headers.get("Location"):
            self._url = self._requests.location(answer, self._asked)
        return _stands(answer)

    def _drop(self) -> None:
        """Tell the registry that it may forget the upload; where this fails it does so itself in the end.

        docker-registry 2.8 does not find an upload any more after a PUT that it refused.
        """
        url, self._url = self._url, ""
        if not url:
            return
        try:
            self._requests.once(self._call("DELETE", url, {200, 202, 204, 400, 404, 405}))
        except RegistryError:
            return

    def _progressed(self, place: int) -> None:
        self._kept = place
        if place > self._best:
            self._best = place
            self._tries.progressed()

    def _at(self, place: int) -> None:
        self._kept = place
        self._tell(place - self._told)

    def _tell(self, count: int) -> None:
        self._told += count
        if self._on_bytes and count:
            self._on_bytes(count)


def _stands(answer: Answer) -> int | None:
    """Bytes by `Range: 0-99`; `0-0` is what docker-registry says of an empty upload."""
    match = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("Range", "").strip())
    if not match:
        return None
    return int(match[1]) + 1 if int(match[1]) else 0


class _SourceFailed(Exception):
    """A RegistryError of what is read from (another registry): no reason to try this one again."""

    def __init__(self, error: RegistryError) -> None:
        super().__init__(str(error))
        self.error = error


class _Source:
    """The blob's bytes in order; a new reader is asked for only after a jump."""

    def __init__(self, asked: Asked, blob: Blob) -> None:
        self._asked, self._blob = asked, blob
        self._place = 0
        self._pieces: Iterator[Piece] | None = None
        self._rest = memoryview(b"")

    def seek(self, place: int) -> None:
        if self._pieces is None or place != self._place:
            self._pieces, self._place, self._rest = None, place, memoryview(b"")

    def take(self, count: int) -> Iterator[memoryview]:
        """The next `count` bytes."""
        while count:
            view = self._rest or self._next()
            part, self._rest = view[:count], view[count:]
            self._place += len(part)
            count -= len(part)
            yield part

    def _next(self) -> memoryview:
        try:
            if self._pieces is None:
                self._pieces = iter(self._blob.read(self._place))
            piece = next(self._pieces, None)
        except RegistryError as error:
            raise _SourceFailed(error) from None
        if piece is None:
            why = f"it ends after {self._place} of {self._blob.size} bytes"
            raise _SourceFailed(SourceShort(self._asked, "A blob is shorter than it should be.", why=why))
        return memoryview(piece).cast("B")
