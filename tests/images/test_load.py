"""Models and patterns from a real registry into a directory."""

from __future__ import annotations

import base64
import hashlib
import http.client
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensei_probe.oci import Part, credentials, load, parts_of
from sensei_probe.settings import Failure
from tests.images import servers
from tests.images.conftest import Probe, why_not

REPOSITORY = "sensei/models/llama"
FILES = {"config.json": b'{"a": 1}', "weights/part.bin": os.urandom(700_000)}
CUT = 256_000


class Registry:
    """Debian's docker-registry, and how to put an artifact into it."""

    def __init__(self, port: int, login: str = "") -> None:
        self.port, self._login = port, login

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
        line = http.client.HTTPConnection("127.0.0.1", self.port)
        if self._login:
            headers["authorization"] = f"Basic {base64.b64encode(self._login.encode()).decode()}"
        line.request(method, path, body, headers)
        answer = line.getresponse()
        answer.read()
        return answer

    def put_blob(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        where = self._ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/").getheader("location") or ""
        path = where.partition(f":{self.port}")[2] or where
        answer = self._ask("PUT", f"{path}&digest={digest}", content, **{"content-type": "application/octet-stream"})
        assert answer.status == 201
        return digest

    def put(self, tag: str, files: dict[str, bytes], notes: dict[str, str] | None = None) -> str:
        """An artifact of these files, big ones cut; the manifest's digest."""
        layers: list[dict[str, Any]] = []
        for name, content in files.items():
            for offset in range(0, max(1, len(content)), CUT):
                block = content[offset : offset + CUT]
                told = {"org.opencontainers.image.title": name, "ai.sensei.file.offset": str(offset),
                        "ai.sensei.file.size": str(len(content)), **(notes or {})}  # fmt: skip
                layers.append({"mediaType": "application/octet-stream", "digest": self.put_blob(block),
                               "size": len(block), "annotations": told})  # fmt: skip
        config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": self.put_blob(b"{}"), "size": 2}
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers}).encode()
        answer = self._ask("PUT", f"/v2/{REPOSITORY}/manifests/{tag}", manifest, **{"content-type": kind})
        assert answer.status == 201
        return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def registry_in(root: Path, login: str = "") -> Iterator[Registry]:
    if why := why_not():
        pytest.skip(why)
    port = servers.free_port()
    config: dict[str, Any] = {
        "version": 0.1, "storage": {"filesystem": {"rootdirectory": str(root / "blobs")}},
        "http": {"addr": f"127.0.0.1:{port}"}, "log": {"level": "error"},
    }  # fmt: skip
    if login:
        name, _, password = login.partition(":")
        line = subprocess.run(["htpasswd", "-Bbn", name, password], capture_output=True, text=True, check=True).stdout
        (root / "htpasswd").write_text(line)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(root / "htpasswd")}}
    (root / "registry.yml").write_text(json.dumps(config))
    command = ["/usr/bin/docker-registry", "serve", str(root / "registry.yml")]
    with servers.process(command, lambda: servers.answers(port), root / "registry.log"):
        yield Registry(port, login)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    yield from registry_in(tmp_path_factory.mktemp("registry"))


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Registry]:
    yield from registry_in(tmp_path, "sensei:pass word")


def contents(directory: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != ".artifact"}


def test_files_come_whole_and_only_once(registry: Registry, tmp_path: Path, probe: Probe) -> None:
    digest = registry.put("1.0.0", FILES)
    reference, target = f"{registry.host}/{REPOSITORY}:1.0.0", tmp_path / "llama"
    done = probe("load", reference, "--to", str(target), "--plain-http", environ={})
    assert done.returncode == 0, done.stderr
    assert contents(target) == FILES
    assert (target / ".artifact").read_text().strip() == digest
    again = probe("load", reference, "--to", str(target), environ={"REGISTRY_PLAIN_HTTP": "true"})
    assert "is there already" in again.stdout
    by_digest = probe(
        "load", f"{registry.host}/{REPOSITORY}@{digest}", "--to", str(tmp_path / "other"), "--plain-http", environ={}
    )
    assert by_digest.returncode == 0, by_digest.stderr


def test_another_version_takes_the_place_of_the_first(registry: Registry, tmp_path: Path, probe: Probe) -> None:
    registry.put("a", {"one": b"1", "two": b"2"})
    registry.put("b", {"two": b"22"})
    for tag in "ab":
        done = probe("load", f"{registry.host}/{REPOSITORY}:{tag}", "--to", str(tmp_path), "--plain-http", environ={})
        assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == {"two": b"22"}


def test_what_was_fetched_before_a_kill_is_not_fetched_again(registry: Registry, tmp_path: Path, probe: Probe) -> None:
    """A part that is damaged in the work directory and marked as done stays as it is: it was not asked for again."""
    digest = registry.put("resumed", FILES)
    interrupted(tmp_path, digest, "weights/part.bin", b"x" * CUT, FILES["weights/part.bin"][:CUT])
    loaded(registry, "resumed", tmp_path, probe)
    assert contents(tmp_path)["weights/part.bin"] == b"x" * CUT + FILES["weights/part.bin"][CUT:]


def interrupted(target: Path, digest: str, name: str, content: bytes, part: bytes) -> None:
    """What a load of this manifest leaves that was killed after its first part."""
    file = target / ".loading/files" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    (target / ".loading/manifest").write_text(f"{digest}\n")
    (target / ".loading/done").write_text(f"sha256:{hashlib.sha256(part).hexdigest()} 0 {name}\n")


def loaded(registry: Registry, tag: str, target: Path, probe: Probe) -> None:
    done = probe("load", f"{registry.host}/{REPOSITORY}:{tag}", "--to", str(target), "--plain-http", environ={})
    assert done.returncode == 0, done.stderr


def test_two_files_with_the_same_bytes_are_both_there_after_a_kill(
    registry: Registry, tmp_path: Path, probe: Probe
) -> None:
    digest = registry.put("twins", {"a/empty": b"same", "b/empty": b"same"})
    interrupted(tmp_path, digest, "a/empty", b"same", b"same")
    loaded(registry, "twins", tmp_path, probe)
    assert contents(tmp_path) == {"a/empty": b"same", "b/empty": b"same"}


def test_what_another_version_left_behind_is_not_mixed_in(registry: Registry, tmp_path: Path, probe: Probe) -> None:
    registry.put("next", {"two": b"22"})
    interrupted(tmp_path, f"sha256:{'0' * 64}", "one", b"1", b"1")
    loaded(registry, "next", tmp_path, probe)
    assert contents(tmp_path) == {"two": b"22"}


def test_a_kill_while_files_get_their_names_loses_none(
    registry: Registry, tmp_path: Path, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.put("named", {"one": b"1", "two": b"2", "three": b"3"})
    (tmp_path / "older").write_text("of another artifact")
    rename, left = Path.rename, iter([True, False])

    def killed(self: Path, target: Path) -> Path:
        if self.parent.name == "files" and not next(left):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        load(f"{registry.host}/{REPOSITORY}:named", tmp_path, plain=True)
    monkeypatch.undo()
    loaded(registry, "named", tmp_path, probe)
    assert contents(tmp_path) == {"one": b"1", "two": b"2", "three": b"3"}


def test_a_registry_with_a_login(guarded: Registry, tmp_path: Path, probe: Probe) -> None:
    guarded.put("1", {"a": b"b"})
    reference = f"{guarded.host}/{REPOSITORY}:1"
    refused = probe("load", reference, "--to", str(tmp_path / "no"), "--plain-http", environ={})
    assert (refused.returncode, "HTTP 401" in refused.stderr) == (1, True)
    auth = base64.b64encode(b"sensei:pass word").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": auth}}}))
    done = probe(
        "load", reference, "--to", str(tmp_path / "yes"), "--plain-http", environ={"DOCKER_CONFIG": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "yes") == {"a": b"b"}


def test_what_is_missing_is_told(registry: Registry, tmp_path: Path, probe: Probe) -> None:
    done = probe("load", f"{registry.host}/{REPOSITORY}:none", "--to", str(tmp_path), "--plain-http", environ={})
    assert (done.returncode, "HTTP 404" in done.stderr) == (1, True)
    wrong = probe("load", "llama", "--to", str(tmp_path), environ={})
    assert (wrong.returncode, "llama is no reference" in wrong.stderr) == (2, True)


def layer(title: str, **notes: str) -> dict[str, Any]:
    return {
        "digest": f"sha256:{'a' * 64}",
        "size": 5,
        "annotations": {"org.opencontainers.image.title": title, **notes},
    }


@pytest.mark.parametrize("title", ["../x", "/etc/passwd", "a/../../x", ".loading/x", ".artifact"])
def test_a_file_that_would_leave_the_directory_is_refused(title: str) -> None:
    with pytest.raises(Failure, match="a file that is refused"):
        parts_of({"layers": [layer(title)]})


def test_parts_say_where_they_belong() -> None:
    notes = {"ai.sensei.file.offset": "10", "ai.sensei.file.size": "15"}
    first = layer("a/b", **{**notes, "ai.sensei.file.offset": "0"}) | {"size": 10}
    found = parts_of({"layers": [layer("a/b", **notes), first]})
    assert found[0] == Part(f"sha256:{'a' * 64}", 5, "a/b", 10, 15)
    with pytest.raises(Failure, match="has no files"):
        parts_of({"layers": [{"digest": "d", "size": 1}]})


@pytest.mark.parametrize(("offset", "whole"), [("1", "6"), ("0", "6"), ("0", "4")])
def test_a_file_with_a_gap_is_refused(offset: str, whole: str) -> None:
    notes = {"ai.sensei.file.offset": offset, "ai.sensei.file.size": whole}
    with pytest.raises(Failure, match="parts of a/b do not fit together"):
        parts_of({"layers": [layer("a/b", **notes)]})


@pytest.mark.parametrize("wrong", [
    {"layers": 5}, {"layers": ["x"]}, {"layers": [{"annotations": "x"}]}, {"layers": [{**layer("a"), "size": "many"}]},
    {"layers": [{**layer("a"), "size": -1}]}, {"layers": [{"annotations": {"org.opencontainers.image.title": "a"}}]},
    {"layers": [layer("a", **{"ai.sensei.file.offset": "x"})]}])  # fmt: skip
def test_a_manifest_of_another_shape_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(Failure, match=r"the artifact's manifest is damaged: .* Push the artifact again"):
        parts_of(wrong)


@pytest.mark.parametrize("text", ["<html>", "[]", ""])
def test_another_server_in_the_registrys_place_is_told(text: str, tmp_path: Path, probe: Probe) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        reference = f"127.0.0.1:{server.server_port}/a/b:1"
        done = probe("load", reference, "--to", str(tmp_path), "--plain-http", environ={})
        server.shutdown()
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"{reference}: the registry's answer is no manifest" in done.stderr


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": ["h"]}', '{"auths": {"h": 5}}'])
def test_credentials_that_are_not_dockers_are_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(Failure, match=r"config\.json is not docker's"):
        credentials("h", tmp_path)
