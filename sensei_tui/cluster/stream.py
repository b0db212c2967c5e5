"""A line-by-line answer that another thread can end: watches and followed logs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from sensei_tui.cluster.errors import from_exception
from sensei_tui.cluster.transport import Query, Transport


class LineStream:
    """Iterate over the lines of a GET. `close` from any thread ends a blocked read within milliseconds."""

    def __init__(self, transport: Transport, path: str, query: Query, timeout: tuple[float, float]) -> None:
        """`timeout`: seconds to connect, and seconds without a byte. Raises ClusterError."""
        self._what = f"Following {path} ended."
        self._url = transport.url
        self._closed = threading.Event()
        self._answer = transport.open("GET", path, query, timeout=timeout)

    def __enter__(self) -> LineStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; the reader's loop ends as if the server had."""
        if self._closed.is_set():
            return
        self._closed.set()
        try:
            self._answer.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # It has ended by itself.

    def __iter__(self) -> Iterator[bytes]:
        """Lines without their newline. Raises ClusterError when the connection fails, not when it is closed."""
        import urllib3

        try:
            yield from self._lines()
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # ValueError and AttributeError: a socket shut down under the reader's hands.
            if not self._closed.is_set():
                raise from_exception(error, self._what, self._url) from error
        finally:
            self._closed.set()
            self._answer.close()

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for part in self._answer.stream(None, decode_content=True):
            *lines, rest = (rest + part).split(b"\n") if b"\n" in part else [rest + part]
            yield from (line for line in lines if line)
        if rest and not self._closed.is_set():
            yield rest
