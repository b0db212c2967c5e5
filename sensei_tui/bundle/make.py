"""What belongs into a bundle: the images of the rendered charts, the charts, the patterns, the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.bundle import artifacts
from sensei_tui.bundle.contents import Chart, Contents, Item, Referrer
from sensei_tui.bundle.create import Build, add_files, leave_out, newest
from sensei_tui.bundle.inventory import Inventory
from sensei_tui.bundle.oci import Descriptor, Document
from sensei_tui.bundle.pool import Pool, reachable
from sensei_tui.bundle.source import PLATFORM, NotThere, Source, all_of, take
from sensei_tui.bundle.unpacked import room, unpacked_sizes, weights
from sensei_tui.registry.reference import Reference
from sensei_tui.site import yamlfile

CHARTS = "sensei/charts"
UPGRADE_FROM = "sensei.ai/upgrade-from"
"""Annotation of sensei-full's Chart.yaml: the versions that may be upgraded to this one."""


MADE = "--model DIR for a local model, --patterns FILE for the pattern library"
"""Options that make artifacts."""


@dataclass(frozen=True)
class Named:
    """An image or an artifact by its name in the pods."""

    name: str
    kind: str
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """What is asked for."""

    version: str
    charts: Mapping[str, Path]
    """Name -> directory."""
    names: tuple[Named, ...]
    platforms: tuple[str, ...] = (PLATFORM,)
    files: Mapping[str, Path] = field(default_factory=dict)
    """Artifacts that are made here of files: name -> a directory or a file; they take the place of the source's."""
    since: Inventory = field(default_factory=Inventory)
    """What the site has."""


Told = Callable[[int, int, str], None]
"""How many are done, of how many, and which is looked at now."""


def build(order: Order, source: Source, on_item: Told) -> Build:
    """Everything but the blobs' bytes is read. Raises NotThere, BadBundle, UsageError (BadReference), SenseiError."""
    pool = Pool()
    roots = _roots(order, source, pool, on_item)
    charts, packages = list[Chart](), dict[str, bytes]()
    for name, directory in order.charts.items():
        found, root, package = _chart(name, directory, pool)
        charts.append(found)
        packages[Path(found.file).name] = package
        roots.append((Named(f"{CHARTS}/{name}:{found.version}", "chart"), root))
    sizes = unpacked_sizes(pool)
    items = tuple(_item(named, root, pool, sizes) for named, root in roots)
    on_item(len(order.names), len(order.names), "")
    made = Build(pool, _contents(order, pool, items, tuple(charts), sizes))
    add_files(made, packages)
    return made


def _roots(order: Order, source: Source, pool: Pool, on_item: Told) -> list[tuple[Named, Descriptor]]:
    """What is missing is told of all of them at once. Raises NotThere, BadBundle, SenseiError."""
    found, missing = list[tuple[Named, Descriptor]](), list[NotThere]()
    for number, named in enumerate(order.names):
        on_item(number, len(order.names), named.name)
        try:
            found.append((named, _root(order, named, source, pool)))
        except NotThere as error:
            missing.append(error)
            if named.kind == "artifact":
                error.remedy = f"Make it here: {MADE}. Or: {error.remedy}"
    if missing:
        raise all_of(missing)
    return found


def _root(order: Order, named: Named, source: Source, pool: Pool) -> Descriptor:
    Reference.parse(named.name)
    path = order.files.get(named.name)
    if path is None:
        return take(source, named.name, order.platforms, pool)
    if path.is_dir():
        return artifacts.add_files([item for item in path.rglob("*") if item.is_file()], path, pool)
    return artifacts.add_files([path], path.parent, pool)


def _item(named: Named, root: Descriptor, pool: Pool, sizes: dict[str, int]) -> Item:
    return Item(
        name=named.name, kind=named.kind, digest=root.digest, media_type=root.media_type,
        size=pool.size_of(root.digest), unpacked=room(pool, sizes, root.digest), used_by=named.used_by,
        cuda=_cuda(pool, root.digest), weights=weights(pool, root.digest),
    )  # fmt: skip


def _chart(name: str, directory: Path, pool: Pool) -> tuple[Chart, Descriptor, bytes]:
    root, package = artifacts.add_chart(directory, pool)
    version = str(_about(directory).get("version", ""))
    return Chart(name=name, version=version, file=f"charts/{name}-{version}.tgz"), root, package


def _about(directory: Path) -> dict[str, Any]:
    file = directory / "Chart.yaml"
    return dict(yamlfile.parse(yamlfile.read(file), file) or {})


def _contents(
    order: Order, pool: Pool, items: tuple[Item, ...], charts: tuple[Chart, ...], sizes: dict[str, int]
) -> Contents:  # fmt: skip
    main = _about(order.charts["sensei-full"])
    if str(main.get("appVersion", "")) != order.version:
        raise UsageError(
            f"The charts are of version {main.get('appVersion')}, not {order.version}.",
            where=str(order.charts["sensei-full"]), remedy="Name that version, or put the other charts in their place.",
        )  # fmt: skip
    left = leave_out(pool, order.since)
    carried = [blob for digest, blob in pool.blobs.items() if digest not in {item.digest for item in left}]
    return Contents(
        version=order.version, created=newest(_times(pool)), kubernetes=str(main.get("kubeVersion", "")),
        upgrade_from=str((main.get("annotations") or {}).get(UPGRADE_FROM, "")), platforms=order.platforms,
        charts=charts, items=items, referrers=tuple(_referrers(pool, items)), blobs=len(carried),
        size=sum(blob.size for blob in carried), unpacked=sum(sizes.values()), since=order.since.version, left=left,
    )  # fmt: skip


def _referrers(pool: Pool, items: Iterable[Item]) -> Iterator[Referrer]:
    reached = {digest for item in items for digest in reachable(pool.documents, item.digest)}
    for digest, document in pool.documents.items():
        if document.subject and digest not in reached:
            yield Referrer(digest, document.media_type, document.subject)


# What an image's config says.


class _Settings(msgspec.Struct):
    env: tuple[str, ...] = msgspec.field(name="Env", default=())


class _Config(msgspec.Struct):
    created: str = ""
    config: _Settings | None = None


def _configs(pool: Pool, digests: Iterable[str]) -> Iterator[_Config]:
    for document in (pool.documents[digest] for digest in digests if digest in pool.documents):
        if not document.is_index and document.children:
            yield _config(pool, document)


def _config(pool: Pool, document: Document) -> _Config:
    blob = pool.blobs[document.children[0].digest]
    if blob.size > 1 << 20:
        return _Config()
    content = b"".join(bytes(piece) for piece in blob.read())
    try:
        return msgspec.json.decode(content, type=_Config)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # An artifact's config is whatever its makers wanted.
        return _Config()


def _times(pool: Pool) -> Iterator[str]:
    return (item.created for item in _configs(pool, pool.documents))


def _cuda(pool: Pool, root: str) -> str:
    """NVIDIA_REQUIRE_CUDA, by which NVIDIA's runtime refuses a driver that is too old."""
    for item in _configs(pool, reachable(pool.documents, root)):
        for text in item.config.env if item.config else ():
            name, _, value = text.partition("=")
            if name == "NVIDIA_REQUIRE_CUDA":
                return value
    return ""
