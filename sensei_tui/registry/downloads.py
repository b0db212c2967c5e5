"""One blob from a registry, gone on with after cuts and checked at its end."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from sensei_tui.registry.auth import Scopes
from sensei_tui.registry.connections import BLOCK, Live, OnBytes
from sensei_tui.registry.errors import Asked, Lied, Lost, RegistryError
from sensei_tui.registry.requests import Call, Requests

_PROGRESS = 1 << 16
"""Bytes between two cuts that count as progress: with less, a blob of gigabytes would never end."""


class Download:
    """One reading of one blob. One thread."""

    def __init__(
        self, requests: Requests, asked: Asked, scopes: Scopes, first: int, on_bytes: OnBytes | None
    ) -> None:  # fmt: skip
        self._requests, self._asked, self._scopes = requests, asked, scopes
        self._first = self._place = first
        self._on_bytes = on_bytes
        self._end: int | None = None
        """Bytes of the whole blob, once the registry has told."""
        self._tries = requests.tries()

    def run(self) -> Iterator[bytes]:
        """The bytes from `first` on, up to BLOCK at once. Raises RegistryError; Lied after the last block where the
        whole blob has another digest."""
        algorithm, _, wanted = self._asked.version.partition(":")
        told = hashlib.new(algorithm)
        while self._end is None or self._place < self._end:
            for block in self._once():
                if self._first == 0:
                    told.update(block)
                yield block
        if self._first == 0 and told.hexdigest() != wanted:
            why = f"what it gave is {algorithm}:{told.hexdigest()}"
            raise Lied(self._asked, "The registry gave other content than the digest says.", why=why, remedy=_DAMAGED)

    def _once(self) -> Iterator[bytes]:
        """What one request gives; a failure that may pass is waited out."""
        since = self._place
        try:
            live = self._open()
            try:
                yield from self._read(live)
            finally:
                live.release()
        except RegistryError as error:
            if self._place - since >= _PROGRESS:
                self._tries.progressed()
            self._tries.failed(error)

    def _open(self) -> Live:
        headers = {"Range": f"bytes={self._place}-"} if self._place else {}
        call = Call(
            method="GET", url=f"/v2/{self._asked.repository}/blobs/{self._asked.version}", asked=self._asked,
            good=frozenset({200, 206, 416}), scopes=self._scopes, headers=headers,
        )  # fmt: skip
        return self._requests.open(call)

    def _read(self, live: Live) -> Iterator[bytes]:
        if live.status == 416:  # the cut was at the very end, whose place was not known
            self._end = self._place
            return
        skipped = self._begin(live)
        while block := live.read(BLOCK):
            skipped, block = max(0, skipped - len(block)), block[skipped:]
            if block:
                self._place += len(block)
                yield block
                if self._on_bytes:
                    self._on_bytes(len(block))
        if self._end is not None and self._place < self._end:
            raise Lost(self._asked, "The blob could not be read to its end.", why="the connection was cut")
        self._end = self._place

    def _begin(self, live: Live) -> int:
        """How many bytes to pass over: the registry may not know ranges."""
        begins, ends = _span(live, self._place)
        self._end = self._end if ends is None else ends
        if begins > self._place:
            raise Lied(self._asked, "The registry gave another part of the blob than was asked.", remedy=_DAMAGED)
        return self._place - begins


_DAMAGED = "Its storage may be damaged: load this blob again, or look at the registry's disk."


def _span(live: Live, asked: int) -> tuple[int, int | None]:
    """(first byte, bytes of the whole blob if told) of an answer."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", live.headers.get("Content-Range", "").strip())
    if live.status == 206 and match:
        return int(match[1]), None if match[2] == "*" else int(match[2])
    if live.status == 206:  # some proxies drop what the answer must say
        return asked, None
    length = live.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None
