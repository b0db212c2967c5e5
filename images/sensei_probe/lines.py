"""JSON documents, one a line, compressed: written and read as they pass, so that their number takes no memory."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sensei_probe.settings import Failure
from sensei_probe.shelf import Shelf
from sensei_probe.streams import BLOCK, Measured, amount, say

Document = dict[str, Any]


class Lines(io.RawIOBase):
    """The compressed stream, made as it is read."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = iter(documents)
        self._buffer = io.BytesIO()
        # Without a time in it: the same documents are the same bytes.
        self._gzip: gzip.GzipFile | None = gzip.GzipFile(fileobj=self._buffer, mode="wb", compresslevel=6, mtime=0)

    def read(self, size: int = -1) -> bytes:
        """See io."""
        while self._gzip is not None and (size < 0 or self._buffer.tell() < size):
            document = next(self._documents, None)
            if document is None:
                self._gzip.close()
                self._gzip = None
            else:
                self._gzip.write(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
        held = self._buffer.getvalue()
        taken, rest = (held, b"") if size < 0 else (held[:size], held[size:])
        self._buffer.seek(0)
        self._buffer.truncate()
        self._buffer.write(rest)
        return taken


def write_lines(shelf: Shelf, path: str, documents: Iterable[Document], what: str) -> Document:
    """Its size and checksum, for the manifest. Raises Failure."""
    stream = Measured(Lines(documents), what)
    shelf.write(path, stream)
    say(f"{what}: {amount(stream.size)}, compressed")
    return {"size": stream.size, "sha256": stream.sha256}


def check_lines(
    shelf: Shelf, path: str, wanted: Mapping[str, Any], what: str, first: Callable[[Document], bool] = lambda _: False
) -> list[Document]:
    """Read all of it. Returns the documents it begins with. Raises Failure where it is not what the manifest says."""
    stream, found = Measured(shelf.read(path), f"{what} (checksum)", wanted["size"]), list[Document]()
    # What can't be unpacked has another checksum.
    with (
        contextlib.suppress(EOFError, ValueError, OSError, zlib.error),
        gzip.GzipFile(fileobj=_Seekless(stream)) as lines,
    ):
        found = list(itertools.takewhile(first, map(json.loads, lines)))
    while stream.read(BLOCK):
        pass
    if (stream.size, stream.sha256) != (wanted["size"], wanted["sha256"]):
        raise Failure(f"{path} is damaged: its checksum is another. The {what} are as they were")
    return found


def read_lines(shelf: Shelf, path: str, size: int, what: str) -> Iterator[Document]:
    """The documents. Raises Failure."""
    with kept_lines(shelf, path, size, what) as lines:
        yield from lines()


@contextlib.contextmanager
def kept_lines(shelf: Shelf, path: str, size: int, what: str) -> Iterator[Callable[[], Iterator[Document]]]:
    """The documents, as often as they are asked for. Raises Failure.

    The stream is kept in a file first: whoever asks for documents asks the same server for more between two of them,
    and an answer that is half read would be lost.
    """
    with contextlib.ExitStack() as open_:
        try:
            kept = open_.enter_context(tempfile.NamedTemporaryFile())
            shutil.copyfileobj(_Seekless(Measured(shelf.read(path), what, size)), kept, BLOCK)
            kept.flush()
        except OSError as error:
            directory = tempfile.gettempdir()
            raise Failure(f"{path} of {amount(size)} can't be kept in {directory}: {error.strerror}") from None
        yield lambda: _documents(Path(kept.name), path)


def _documents(file: Path, path: str) -> Iterator[Document]:
    try:
        with gzip.open(file) as lines:
            for text in lines:
                yield json.loads(text)
    except (EOFError, ValueError, gzip.BadGzipFile, zlib.error):
        raise Failure(f"{path} is damaged") from None


class _Seekless(io.RawIOBase):
    """A stream with the one more method that gzip wants."""

    def __init__(self, source: Measured) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)
