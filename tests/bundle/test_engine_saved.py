"""What engines give for `docker save`, from 25 on: OCI layouts with a manifest.json. Without an engine: over HTTP."""

from __future__ import annotations

import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.bundle.archive import open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.create import SHAPES, write_bundle
from sensei_tui.bundle.errors import BadBundle
from sensei_tui.bundle.from_engine import Engine
from sensei_tui.bundle.make import Named, Order, build
from sensei_tui.bundle.oci import OCI_INDEX, Descriptor
from sensei_tui.bundle.source import NotThere
from sensei_tui.bundle.verify import check_files, documents, lacking, sums
from tests.bundle.images import LayoutMaker
from tests.bundle.samples import API, charts

LAYER = "application/vnd.oci.image.layer.v1.tar"
PACKED = {LAYER: b"plain", f"{LAYER}+gzip": b"\x1f\x8b gzip", f"{LAYER}+zstd": b"\x28\xb5\x2f\xfd zstd"}
UNKNOWN = {"architecture": "unknown", "os": "unknown"}


class Saved:
    """A save stream in the making: its blobs are those of a layout."""

    def __init__(self, root: Path) -> None:
        self.made = LayoutMaker(root, 4)
        self.files: dict[str, bytes] = {}

    def image(self, architecture: str = "amd64") -> dict[str, Any]:
        """A manifest with a layer of each kind."""
        layers = [self.made.put(content * 100, kind) for kind, content in PACKED.items()]
        return self.made.manifest(layers, architecture, ["NVIDIA_REQUIRE_CUDA=cuda>=12.4"])

    def blob(self, about: dict[str, Any]) -> bytes:
        return self._path(about).read_bytes()

    def _path(self, about: dict[str, Any]) -> Path:
        return self.made.blobs / str(about["digest"][7:])

    def without(self, manifest: dict[str, Any]) -> None:
        """As where the engine did not pull that platform."""
        told = json.loads(self.blob(manifest))
        for about in (manifest, told["config"]):
            self._path(about).unlink()

    def done(self, root: dict[str, Any], manifest: dict[str, Any], *roots: dict[str, Any], **more: Any) -> bytes:
        """The tar. `root` is what index.json names, `manifest` what manifest.json is about."""
        told = json.loads(self.blob(manifest))
        names = {"io.containerd.image.name": API, "org.opencontainers.image.ref.name": "1.0.0"}
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**root, "annotations": names}, *roots]}
        image = {"Config": place(told["config"]), "RepoTags": [API], "Layers": [*map(place, told["layers"])], **more}
        blobs = {f"blobs/sha256/{path.name}": path.read_bytes() for path in sorted(self.made.blobs.iterdir())}
        ends = {"index.json": index, "manifest.json": [image], "oci-layout": {"imageLayoutVersion": "1.0.0"}}
        return packed(blobs | {name: json.dumps(content).encode() for name, content in ends.items()})


def place(about: dict[str, Any]) -> str:
    return "blobs/sha256/" + str(about["digest"][7:])


def packed(files: dict[str, bytes]) -> bytes:
    """With directories, as engines write it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("blobs", "blobs/sha256"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@contextmanager
def giving(root: Path, monkeypatch: pytest.MonkeyPatch, stream: bytes, refusal: str = "") -> Iterator[Engine]:
    """An engine that gives this for every image, or refuses."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            saving = self.path.endswith("/get")
            body = stream if saving else b'{"ApiVersion": "1.51"}'
            if saving and refusal:
                body = json.dumps({"message": refusal}).encode()
            self.send_response(404 if saving and refusal else 200)
            self.send_header("Content-Type", "application/x-tar" if saving and not refusal else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_address[1]}")
        engine = Engine(root)
        try:
            yield engine
        finally:
            engine.close()
            server.shutdown()


def children(root: Path, engine: Engine) -> tuple[Descriptor, ...]:
    """Config and layers of the image in a bundle that is made of it and is whole."""
    order = Order("1.0.0", charts(root / "charts"), (Named(API, "image"),))
    write_bundle(build(order, engine, lambda *_: None), root / "made.tar", SHAPES["tar"])
    archive = open_archive(root / "made.tar")
    contents = read_contents(archive)
    found = documents(archive, contents)
    assert check_files(archive, sums(archive), lambda _: None) == []
    assert list(lacking(archive, contents, found)) == []
    assert contents.items[0].cuda == "cuda>=12.4"
    return found[contents.items[0].digest].children


def same(saved: Saved, manifest: dict[str, Any], found: tuple[Descriptor, ...]) -> bool:
    """The manifest's config and layers, each as what it is."""
    told = json.loads(saved.blob(manifest))
    wanted = [(item["digest"], item["size"], item["mediaType"]) for item in (told["config"], *told["layers"])]
    return [(item.digest, item.size, item.media_type) for item in found] == wanted


def test_of_the_engines_own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = Saved(tmp_path / "layout")
    manifest = saved.image()
    sources = {item["digest"]: item for item in json.loads(saved.blob(manifest))["layers"]}
    stream = saved.done(manifest, manifest, LayerSources=sources)
    with giving(tmp_path, monkeypatch, stream) as engine:
        assert same(saved, manifest, children(tmp_path, engine))


def test_of_containerds_store_with_an_attestation_and_without_another_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    saved = Saved(tmp_path / "layout")
    manifest, other = saved.image(), saved.image("arm64")
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": manifest["digest"]}
    attested = saved.made.manifest([saved.made.put(b"{}", "application/vnd.in-toto+json")])
    attested |= {"platform": UNKNOWN, "annotations": about}
    root = saved.made.index([manifest, other, attested])
    saved.without(other)
    with giving(tmp_path, monkeypatch, saved.done(root, manifest)) as engine:
        assert same(saved, manifest, children(tmp_path, engine))


def test_of_containerds_store_with_a_manifest_about_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an image without an index, the engine puts what refers to it beside it."""
    saved = Saved(tmp_path / "layout")
    manifest = saved.image()
    about = saved.made.manifest([saved.made.put(b"{}", "application/vnd.in-toto+json")])
    about["annotations"] = {"io.containerd.manifest.subject": manifest["digest"]}
    with giving(tmp_path, monkeypatch, saved.done(manifest, manifest, about)) as engine:
        assert same(saved, manifest, children(tmp_path, engine))


def test_without_what_it_names_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = Saved(tmp_path / "layout")
    manifest = saved.image()
    whole = saved.done(manifest, manifest)
    for stream, why in (
        (saved.done(manifest, manifest, Layers=["blobs/sha256/" + "0" * 64] * 3), "it lacks blobs/sha256/000"),
        (saved.done(manifest, manifest, Layers=[]), ""), (saved.done(manifest, manifest, Config="../x"), "it lacks ../x"),
        (whole[:1_500], ""), (packed({"manifest.json": b"[]"}), ""), (packed({"index.json": b"{}"}), "manifest.json"),
    ):  # fmt: skip
        with giving(tmp_path, monkeypatch, stream) as engine, pytest.raises(BadBundle, match="can't be read") as caught:
            engine.root(API)
        assert why in caught.value.why


def test_what_it_refuses_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example an image that it has for another platform only."""
    words = "unable to create manifests file: NotFound: content digest sha256:9fed: not found"
    with giving(tmp_path, monkeypatch, b"", words) as engine, pytest.raises(NotThere) as caught:
        engine.root(API)
    assert caught.value.why == words
