"""gzip whose content is stored and not compressed: every gzip reads it, and we read any byte of it where it lies.

Image layers are compressed already; compressing them again saves at most 3 % and costs ten times the time. Each part
(a tar header, a file's content, its padding) is one gzip member (RFC 1952) of stored deflate blocks (RFC 1951, 3.2.4)
of exactly `BLOCK` bytes, the last one shorter; so where a byte lies follows from the member's place alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

# As zlib's, at ten times its speed: zlib's would take half as long as SHA-256.
from isal.isal_zlib import crc32

from sensei_tui.bundle.disk import Out

BLOCK: Final = 65535
"""Bytes in a stored block: the most that its 16-bit length can say."""
FRAME: Final = 5
"""A stored block's header: one byte, its length, the length's complement."""
HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""A member's header without name, time or system: the same content gives the same bytes."""
TAIL: Final = 8
_FULL: Final = b"\x00\xff\xff\x00\x00"
AT_ONCE: Final = 16
"""Blocks that are read or written in one call: 1 MiB stays in a core's cache while it is hashed."""


def member_size(size: int) -> int:
    """Bytes of a member around `size` bytes of content."""
    return len(HEAD) + _blocks(size) * FRAME + size + TAIL


def place(start: int, offset: int) -> int:
    """Where byte `offset` of the content lies whose member begins at `start`."""
    return start + len(HEAD) + offset // BLOCK * (BLOCK + FRAME) + FRAME + offset % BLOCK


def _blocks(size: int) -> int:
    return max(1, -(-size // BLOCK))


def _frame(size: int, last: bool) -> bytes:
    return bytes([last]) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")


def written(out: Out, size: int, content: Iterable[memoryview]) -> int:
    """Write one member of exactly `size` bytes. Returns its bytes. Raises OSError, ValueError."""
    out([HEAD])
    left, check = size, 0
    for run in _runs(content, size):
        check = crc32(run, check)
        parts: list[bytes | memoryview] = []
        for block in (run[at : at + BLOCK] for at in range(0, len(run) or 1, BLOCK)):
            left -= len(block)
            parts += [_FULL if len(block) == BLOCK and left else _frame(len(block), not left), block]
        out(parts)
    if left:
        raise ValueError(f"{left} bytes are missing")
    out([_tail(check, size)])
    return member_size(size)


def _tail(check: int, size: int) -> bytes:
    return check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _runs(content: Iterable[memoryview], size: int) -> Iterator[memoryview]:
    """Whole blocks, as many as come together, of what comes in pieces of any size; nothing at all is one as well."""
    if not size:
        yield memoryview(b"")
        return
    carry = bytearray()
    for piece in content:
        view = memoryview(piece)
        if carry:
            wanted = BLOCK - len(carry)
            carry += view[:wanted]
            view = view[wanted:]
            if len(carry) < BLOCK:
                continue
            yield memoryview(bytes(carry))
            carry.clear()
        whole = len(view) - len(view) % BLOCK
        for start in range(0, whole, BLOCK * AT_ONCE):
            yield view[start : min(whole, start + BLOCK * AT_ONCE)]
        carry += view[whole:]
    if carry:
        yield memoryview(carry)


class Damaged(ValueError):
    """What lies there is not what this module wrote."""


def content(file: int, start: int, size: int, first: int = 0, last: int | None = None) -> Iterator[memoryview]:
    """Bytes `first` to `last` of the member at `start` in pieces of at most `BLOCK`. Raises Damaged, OSError.

    A piece is good until the one after the next is asked for. Every frame on the way is looked at: a length that was
    changed is found before a wrong byte is given out.
    """
    for group in groups(file, start, size, first, size if last is None else last):
        yield from group


def groups(file: int, start: int, size: int, first: int, last: int) -> Iterator[list[memoryview]]:
    """As `content`, up to `AT_ONCE` pieces at once, all good until the ones after the next are asked for."""
    at, buffer, other = first, bytearray(), bytearray()
    while at < last:
        number = at // BLOCK
        count = min(AT_ONCE, -(-last // BLOCK) - number)
        begin = place(start, number * BLOCK) - FRAME
        # As large as the first turn needs, and no later one needs more: headers are many and small.
        buffer, other = other or bytearray(_span(number, count, size)), buffer
        view = memoryview(buffer)[: _span(number, count, size)]
        _fill(file, view, begin)
        yield [*_pieces(view, number, size, at, last)]
        at = min(last, (number + count) * BLOCK)


def whole(file: int, start: int, size: int) -> Iterator[memoryview]:
    """All of a member, with what stands around its content; pieces as `content` gives. Raises Damaged, OSError.

    What gzip would refuse is found.
    """
    if os.pread(file, len(HEAD), start) != HEAD:
        raise Damaged("its gzip header is another")
    check = 0
    for piece in content(file, start, size):
        check = crc32(piece, check)
        yield piece
    if not size and os.pread(file, FRAME, start + len(HEAD)) != _frame(0, last=True):
        raise Damaged("block 0 has another length")
    tail = os.pread(file, TAIL, start + member_size(size) - TAIL)
    if tail != _tail(check, size):
        raise Damaged("its gzip checksum is another")


def _span(number: int, count: int, size: int) -> int:
    """Bytes of `count` blocks from this one on, with their frames."""
    return min(count * BLOCK, size - number * BLOCK) + count * FRAME


def _pieces(view: memoryview, number: int, size: int, at: int, stop: int) -> Iterator[memoryview]:
    here = 0
    while here < len(view):
        held = min(BLOCK, size - number * BLOCK)
        if bytes(view[here : here + FRAME]) != _frame(held, (number + 1) * BLOCK >= size):
            raise Damaged(f"block {number} has another length")
        low, high = max(0, at - number * BLOCK), min(held, stop - number * BLOCK)
        yield view[here + FRAME + low : here + FRAME + high]
        here += FRAME + held
        number += 1


def _fill(file: int, view: memoryview, offset: int) -> None:
    done = 0
    while done < len(view):
        got = os.preadv(file, [view[done:]], offset + done)
        if not got:
            raise Damaged("the file ends too early")
        done += got
