"""A bundle on several media: volumes, each a whole archive with the head of the bundle and some of its blobs.

`volumes.json` is the same in all of them and named by SHA256SUMS: which volume holds which files; `volumes.list` tells
it to load-images.sh. `volume.json` says which of them this one is. A blob larger than a volume lies there in segments,
`blobs/sha256/HEX.seg0001`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.bundle.archive import Shape, end_span, entry_span
from sensei_tui.bundle.contents import CONTENTS, SUMS, VOLUME, VOLUME_LIST, VOLUMES, Part, Volume, Volumes, blob_name
from sensei_tui.bundle.create import Build, add_sums, file_size, is_finished, silent, write_bundle
from sensei_tui.bundle.disk import Progress, allocated, check_room
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.oci import digest_of, encoded
from sensei_tui.bundle.pool import Blob, Reader

SEGMENT: Final = 64 << 20
"""Segments are multiples of this many bytes, the last one excepted: what the client uploads at once."""
NAMED = {"DVD": 4_690_000_000, "FAT32": (1 << 32) - 1}
"""Bytes: a DVD+R's 4,700,372,992 less 10 MB for its file system (UDF, or ISO 9660 level 3); FAT32's largest file."""
SEAL: Final = 24 << 10
"""Bytes that are kept for a signature: one of RSA with 16,384 bits is 6 KiB."""
MOST: Final = 99
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


@dataclass
class Plan:
    """One volume while it is filled."""

    free: int
    """Bytes."""
    pieces: list[tuple[str, Blob]] = field(default_factory=list)


def parse_size(text: str) -> int:
    """`DVD`, `FAT32`, `4700MB`, `650MiB`, `2209785B` in bytes. Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kmg]i?b|b)", text.strip(), re.IGNORECASE)
    if found := NAMED.get(text.strip().upper()):
        return found
    if not match:
        raise UsageError(
            "That is no size of a volume.", where=text[:80],
            remedy="Write DVD, FAT32, or a number with its unit, for example 4700MB or 650MiB.",
        )  # fmt: skip
    return int(float(match[1]) * _UNITS[match[2].lower()])


def volume_path(output: Path, number: int, of: int) -> Path:
    """`DIR/NAME.vol01of03.tar.gz` of `DIR/NAME.tar.gz`."""
    name, ending = _parted(output)
    return output.with_name(f"{name}.vol{number:02}of{of:02}{ending}")


def is_output(path: Path, output: Path) -> bool:
    """Whether a call that writes `output` may write this file: itself, or a volume of it, of any number."""
    (name, ending), real, other = _parted(output), path.resolve(), output.resolve()
    volume = rf"{re.escape(name)}\.vol[0-9]+of[0-9]+{re.escape(ending)}"
    return real == other or (real.parent == other.parent and bool(re.fullmatch(volume, real.name)))


def _parted(output: Path) -> tuple[str, str]:
    """What it is called, and how it ends."""
    ending = next((item for item in (".tar.gz", ".tar") if output.name.endswith(item)), "")
    return output.name.removesuffix(ending), ending


# Planning.


def split(build: Build, shape: Shape, limit: int, unit: int = SEGMENT) -> list[Build]:
    """What goes into each volume of at most `limit` bytes; one build where all of it fits.

    Blobs go by size into the first volume with room; those larger than a volume into segments of multiples of `unit`
    bytes. The same inputs give the same volumes. Blobs that are cut are read once for it. Raises UsageError (`limit`
    is too small), BadBundle (a source's blob is not what its digest says).
    """
    if file_size(build, shape) + SEAL <= limit:
        return [build]
    head = _head_span(build, shape, unit)
    charts = sum(entry_span(shape, len(content)) for name, content in build.files.items() if _is_chart(name))
    room = limit - head
    blobs = [blob for blob in build.blobs if blob.digest not in build.pool.documents]
    if room < (needed := _least(blobs, shape, charts, unit)):
        least = min(head + needed, file_size(build, shape) + SEAL)
        raise UsageError(
            f"Volumes of {limit:,} bytes are too small for this bundle.",
            remedy=f"It needs at least --volume-size {least}B",
        )
    plans = _filled(blobs, shape, room, charts, unit)
    if len(plans) > MOST:
        raise UsageError(f"That would be {len(plans)} volumes.", why=f"more than {MOST} are not possible",
                         remedy="Name a larger size.")  # fmt: skip
    return _builds(build, plans)


def _least(blobs: list[Blob], shape: Shape, charts: int, unit: int) -> int:
    """Bytes beside the head: for the charts, and for the largest blob or a segment of it."""
    largest = max((entry_span(shape, blob.size) for blob in blobs), default=0)
    return max(charts, min(largest, entry_span(shape, unit)))


def _is_chart(name: str) -> bool:
    return name.startswith("charts/")


def _head_span(build: Build, shape: Shape, unit: int) -> int:
    """Bytes of a volume without its blobs, at most."""
    small = [len(content) for name, content in build.files.items() if not _is_chart(name)]
    documents = [len(document.content) for document in build.pool.documents.values()]
    # A line of the index, an entry of volumes.json and a line of volumes.list for each blob, and for each segment that
    # there could be.
    most = 2 * len(build.blobs) + build.contents.size // unit
    texts = [100 * (most + len(small) + len(documents)), 220 * (most + len(small)), 100 * most, 64 << 10]
    return sum(entry_span(shape, size) for size in (*small, *documents, *texts)) + end_span(shape) + SEAL


def _filled(blobs: list[Blob], shape: Shape, room: int, charts: int, unit: int) -> list[Plan]:
    plans = [Plan(room - charts)]
    for blob in sorted(blobs, key=lambda item: (-item.size, item.digest)):
        if entry_span(shape, blob.size) <= room:
            _put(plans, blob_name(blob.digest), blob, shape, room)
        else:
            _cut(plans, blob, shape, room, unit)
    return plans


def _put(plans: list[Plan], name: str, blob: Blob, shape: Shape, room: int) -> None:
    needed = entry_span(shape, blob.size)
    plan = next((item for item in plans if item.free >= needed), None)
    if plan is None:
        plan = Plan(room)
        plans.append(plan)
    plan.free -= needed
    plan.pieces.append((name, blob))


def _cut(plans: list[Plan], blob: Blob, shape: Shape, room: int, unit: int) -> None:
    """Into as few segments as there are volumes for it; what they are is known after they were read."""
    spans, first, number = list[tuple[Plan, int, int]](), 0, 0
    while first < blob.size:
        if number == len(plans):
            plans.append(Plan(room))
        plan = plans[number]
        size = _fitting(shape, plan.free, blob.size - first, unit)
        if size:
            plan.free -= entry_span(shape, size)
            spans.append((plan, first, size))
            first += size
        number += 1
    for at, ((plan, start, size), digest) in enumerate(
        zip(spans, _digests(blob, [item[2] for item in spans]), strict=True), 1
    ):
        plan.pieces.append((f"{blob_name(blob.digest)}.seg{at:04}", Blob(digest, size, _part(blob.read, start, size))))


def _fitting(shape: Shape, free: int, left: int, unit: int) -> int:
    """Bytes of the largest segment that fits: all that is left, or a multiple of `unit`."""
    if entry_span(shape, left) <= free:
        return left
    size = min(left, free) // unit * unit
    while size and entry_span(shape, size) > free:
        size -= unit
    return size


def _digests(blob: Blob, sizes: list[int]) -> Iterator[str]:
    """Of the segments, one after another. Raises BadBundle where the whole is another blob."""
    whole, part, found, total = hashlib.sha256(), hashlib.sha256(), list[str](), 0
    wanted = iter(sizes)
    left = next(wanted)
    for piece in blob.read():
        view = memoryview(piece)
        whole.update(view)
        total += len(view)
        while view and left:
            part.update(view[:left])
            taken = min(left, len(view))
            view, left = view[taken:], left - taken
            if not left:
                found.append(f"sha256:{part.hexdigest()}")
                part, left = hashlib.sha256(), next(wanted, 0)
    if total != blob.size or f"sha256:{whole.hexdigest()}" != blob.digest:
        raise BadBundle("A blob is not what its digest says.", where=blob.digest, why=f"{total:,} bytes were read")
    yield from found


def _part(read: Reader, first: int, size: int) -> Reader:
    def part(skip: int = 0) -> Iterator[memoryview]:
        left = size - skip
        for piece in read(first + skip):
            yield memoryview(piece)[:left]
            left -= len(piece)
            if left <= 0:
                return

    return part


# Writing.


def _builds(build: Build, plans: list[Plan]) -> list[Build]:
    charts = {name: content for name, content in build.files.items() if _is_chart(name)}
    listed = [tuple(_told(plan, charts if number == 1 else {})) for number, plan in enumerate(plans, 1)]
    shared = {name: content for name, content in build.files.items() if name not in charts}
    shared[VOLUMES] = msgspec.json.format(encoded(Volumes(tuple(listed))), indent=1) + b"\n"
    lines = (f"{number} {part.name}\n" for number, parts in enumerate(listed, 1) for part in parts)
    shared[VOLUME_LIST] = "".join(lines).encode()
    whole = replace(build, files={**shared, **charts})
    add_sums(whole)
    shared[SUMS] = whole.files[SUMS]
    documents = [(blob_name(digest), build.pool.blobs[digest]) for digest in sorted(build.pool.documents)]
    found = []
    for number, plan in enumerate(plans, 1):
        own = encoded(Volume(number, len(plans))) + b"\n"
        files = {CONTENTS: shared[CONTENTS], VOLUME: own, **shared, **(charts if number == 1 else {})}
        found.append(replace(build, files=files, pieces=[*documents, *sorted(plan.pieces, key=lambda item: item[0])]))
    return found


def _told(plan: Plan, charts: dict[str, bytes]) -> Iterator[Part]:
    for name, content in charts.items():
        yield Part(name, len(content), digest_of(content)[7:])
    for name, blob in sorted(plan.pieces, key=lambda item: item[0]):
        yield Part(name, blob.size, blob.digest[7:])


def write_volumes(
    builds: Iterable[Build], output: Path, shape: Shape, limit: int, on_progress: Progress = silent
) -> list[Path]:
    """Write them; those that are there whole are kept. Returns their paths. Raises as `write_bundle`."""
    builds = list(builds)
    sizes, before = [file_size(build, shape) for build in builds], 0
    if len(builds) > 1 and max(sizes) + SEAL > limit:
        raise ValueError(f"a volume has {max(sizes)} of {limit} bytes")
    numbers = range(1, len(builds) + 1)
    found = [output if len(builds) == 1 else volume_path(output, number, len(builds)) for number in numbers]
    rest = [not is_finished(build, path, shape) for build, path in zip(builds, found, strict=True)]
    # Before hours of writing, for all of them; what was begun is looked at by each.
    check_room(output, sum(size for size, needed in zip(sizes, rest, strict=True) if needed) - _begun(found))
    for build, size, path, needed in zip(builds, sizes, found, rest, strict=True):
        if needed:
            write_bundle(build, path, shape, lambda done, _, what, at=before: on_progress(at + done, sum(sizes), what))  # type: ignore[misc]
        before += size
    return found


def _begun(paths: list[Path]) -> int:
    """Bytes of the disk that volumes have which an earlier call did not finish."""
    return sum(allocated(path.with_name(f"{path.name}.part")) for path in paths)
