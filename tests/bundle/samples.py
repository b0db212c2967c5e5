"""A bundle of three small images, as tests need it."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from sensei_tui.bundle.archive import SECTOR, Entry, Gzip, Plain, Shape, write_end, write_entry
from sensei_tui.bundle.create import SHAPES, Build, write_bundle
from sensei_tui.bundle.disk import into
from sensei_tui.bundle.layout import Layout
from sensei_tui.bundle.make import Named, Order, build
from sensei_tui.bundle.opened import Bundle
from tests.bundle.images import LayoutMaker

HOST = "registry.sensei.ai"
API, WEB, TOOL = f"{HOST}/sensei/api:1.0.0", f"{HOST}/sensei/web:1.0.0", "docker.io/library/tool:2"
NAMES = (API, WEB, TOOL)
SBOM, TOLD = "application/spdx+json", {"org.example.tool": "syft"}
CHART = "apiVersion: v2\nname: {0}\nversion: 1.0.0\nappVersion: 1.0.0\nkubeVersion: '>=1.30.0-0'\n"
GZIP, TAR = Gzip(), Plain()


def layout(root: Path, size: int = 100_000, seed: int = 1) -> Path:
    """Two images share a layer of `size` bytes; the third is for two platforms, with an SBOM of the first."""
    made = LayoutMaker(root, seed)
    shared = made.layer(size)
    api = made.manifest([shared, made.layer(size // 2)])
    made.name(api, API)
    made.name(made.manifest([shared, made.layer(70_000)], env=["NVIDIA_REQUIRE_CUDA=cuda>=12.4"]), WEB)
    both = [made.manifest([made.layer(3_000)], architecture) for architecture in ("amd64", "arm64")]
    made.name(made.index(both), TOOL)
    about = {key: api[key] for key in ("mediaType", "digest", "size")}
    made.about(made.manifest([made.layer(500)], subject=about, artifactType=SBOM, annotations=TOLD))
    return made.done()


def charts(root: Path) -> dict[str, Path]:
    """Two charts of a few bytes."""
    found = {}
    for name in ("sensei-full", "sensei-lite"):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "Chart.yaml").write_text(CHART.format(name))
        found[name] = root / name
    return found


def built(root: Path, source: Path | None = None, names: tuple[str, ...] = NAMES, **more: object) -> Build:
    """What could be written. `root` gets the layout, where none is given, and the charts."""
    source = source or layout(root / "layout")
    order = Order("1.0.0", charts(root / "charts"), tuple(Named(name, "image") for name in names), **more)  # type: ignore[arg-type]
    return build(order, Layout(source), lambda *_: None)


def bundle(root: Path, form: str = "tar.gz", source: Path | None = None, **more: object) -> Path:
    """The bundle's file."""
    path = root / f"bundle.{form}"
    write_bundle(built(root, source, **more), path, SHAPES[form])  # type: ignore[arg-type]
    return path


def hostile(path: Path, shape: Shape, index: bytes, entries: list[tuple[Entry, bytes]], end: bytes = b"") -> Path:
    """An archive that says whatever it is told to."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        for entry, content in [(Entry("bundle.index", len(index)), index), *entries]:
            if len(entry.name) <= 100:
                write_entry(into(file), shape, entry, [memoryview(content)], 0)
            else:
                info = tarfile.TarInfo(entry.name)
                shape.write(into(file), SECTOR, [memoryview(info.tobuf(tarfile.GNU_FORMAT))[:SECTOR]])
        write_end(into(file), shape)
        os.write(file, end)
    finally:
        os.close(file)
    return path


def pinned(root: Path) -> tuple[Path, str, str]:
    """A bundle of three images, by tag, by digest and by both; and the two digests."""
    made, names = LayoutMaker(root / "layout", 5), [API]
    made.name(made.manifest([made.layer(4_000)]), API)
    for text in ("example.com/pinned@", "example.com/both:1.0@"):
        image = made.manifest([made.layer(5_000)])
        names.append(f"{text}{image['digest']}")
        made.name(image, names[-1])
    first, second = (name.partition("@")[2] for name in names[1:])
    return bundle(root, source=made.done(), names=tuple(names)), first, second


def largest(path: Path) -> Entry:
    """Of its blobs."""
    archive = Bundle.open(path).archive
    return max(
        (item for name, item in archive.entries.items() if name.startswith("blobs/")), key=lambda item: item.size
    )


def spoiled(path: Path) -> tuple[Path, bytes]:
    """One bit of its largest blob is another; and what the file was."""
    good = path.read_bytes()
    content = bytearray(good)
    content[largest(path).offset + 2_000] ^= 1
    path.write_bytes(content)
    return path, good
