"""A bundle as a registry: for curl, skopeo and our own client, plain and with TLS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from sensei_tui.base.errors import SenseiError, UsageError
from sensei_tui.bundle.archive import open_archive
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.from_registry import Registries
from sensei_tui.bundle.joined import open_bundle
from sensei_tui.bundle.load import target_of
from sensei_tui.bundle.pool import Pool
from sensei_tui.bundle.proof import absent, reread
from sensei_tui.bundle.serve import CannotListen, Server, containerd, shelf
from sensei_tui.bundle.source import take
from sensei_tui.bundle.verify import documents
from sensei_tui.cli.bundle import bundle as command
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import Refused, RegistryError
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from sensei_tui.rehearsal import tls
from tests.bundle.samples import API, NAMES, SBOM, TOOL, bundle, layout
from tests.bundle.test_volumes import written

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
ONCE = Patience(1, 0, 0)


class Served:
    """A running server and what it serves."""

    def __init__(self, paths: list[Path], pair: tuple[Path, Path] | None = None) -> None:
        self.archive = open_bundle(paths)
        self.contents = read_contents(self.archive)
        self.documents = documents(self.archive, self.contents)
        self.lines: list[str] = []
        self.server = Server(
            ("127.0.0.1", 0), shelf(self.archive, self.contents, self.documents), pair, self.lines.append
        )
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @property
    def layer(self) -> tuple[str, bytes]:
        """The largest of the first image: digest and content."""
        found = self.documents[self.contents.items[0].digest].children[1]
        return found.digest, b"".join(map(bytes, self.archive.read(f"blobs/sha256/{found.hex}")))

    def client(self, **more: object) -> Registry:
        return Registry(Place.parse(self.place), patience=ONCE, timeout=10, **({"plain": True} | more))  # type: ignore[arg-type]

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.archive.close()


@pytest.fixture(scope="module", params=["tar.gz", "tar", "directory", "volumes"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    if request.param == "volumes":
        paths = written(root)
    else:
        paths = [bundle(root, "tar" if request.param == "tar" else "tar.gz", layout(root / "layout", 6_000_000))]
    if request.param == "directory":
        (root / "out").mkdir()
        subprocess.run(["tar", "-xf", paths[0], "-C", root / "out"], check=True)
        paths = [root / "out"]
    found = Served(paths)
    yield found
    found.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return tls.ensure(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, pair: tuple[Path, Path, Path]) -> Iterator[Served]:
    found = Served([bundle(tmp_path_factory.mktemp("secured"))], pair[1:])
    yield found
    found.close()


def everything(served: Served, registry: Registry) -> int:
    targets = [target_of(item, registry.place) for item in served.contents.items]
    assert list(absent(targets, registry)) == []
    return reread(targets, served.documents, registry, lambda _: None)


def test_our_client_reads_all_of_it(served: Served) -> None:
    with served.client() as registry:
        registry.ping()
        assert everything(served, registry) > 300_000
        assert registry.tags("sensei/api") == ("1.0.0",)
        assert registry.manifest("library/tool", "2").digest == served.contents.items[2].digest
        told = registry.referrers("sensei/api", served.contents.items[0].digest)
        assert [item.digest for item in told] == [item.digest for item in served.contents.referrers]


def test_referrers_of_a_kind(served: Served) -> None:
    about = served.contents.items[0].digest
    for kind, count in ((SBOM, len(served.contents.referrers)), ("application/other", 0)):
        answer, content = served.ask("GET", f"/v2/sensei/api/referrers/{about}?artifactType={quote(kind, safe='')}")
        assert (answer.headers["OCI-Filters-Applied"], len(json.loads(content)["manifests"])) == ("artifactType", count)


def test_a_bundle_can_be_made_of_it(served: Served) -> None:
    source = Registries(lambda place: Registry(place, plain=True, patience=ONCE), Place.parse(served.place))
    for name, item in zip(NAMES, served.contents.items, strict=False):
        pool = Pool()
        assert take(source, name, ("linux/amd64",), pool).digest == item.digest
    source.close()


def test_with_tls(secured: Served, pair: tuple[Path, Path, Path]) -> None:
    with secured.client(plain=False, ca=pair[0]) as registry:
        assert everything(secured, registry) > 100_000
    with secured.client(plain=False) as registry, pytest.raises(RegistryError, match="certificate"):
        registry.ping()
    with secured.client() as registry, pytest.raises(RegistryError):
        registry.ping()
    with secured.client(plain=False, ca=pair[0]) as registry:
        registry.ping()


def test_a_client_that_does_not_finish_its_handshake_holds_nobody_up(
    secured: Served, pair: tuple[Path, Path, Path]
) -> None:
    with (
        socket.create_connection(("127.0.0.1", secured.server.port)),
        secured.client(plain=False, ca=pair[0]) as registry,
    ):
        registry.ping()


def test_lists(served: Served) -> None:
    _, content = served.ask("GET", "/v2/_catalog")
    names = json.loads(content)["repositories"]
    assert {"sensei/api", "sensei/web", "library/tool", "sensei/charts/sensei-full"} <= set(names)
    found, path = [], "/v2/_catalog?n=2"
    while path:
        answer, content = served.ask("GET", path)
        found += json.loads(content)["repositories"]
        path = answer.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert found == names == sorted(names)
    _, content = served.ask("GET", "/v2/sensei/api/tags/list")
    assert json.loads(content) == {"name": "sensei/api", "tags": ["1.0.0"]}


RANGES = [("bytes=0-0", 0, 1), ("bytes=100000-300000", 100_000, 300_001), ("bytes=65534-65536", 65_534, 65_537),
          ("bytes=70000-", 70_000, None), ("bytes=-5", -5, None), ("bytes=5-99999999999", 5, None)]  # fmt: skip


@pytest.mark.parametrize(("text", "first", "last"), RANGES)
def test_ranges(served: Served, text: str, first: int, last: int | None) -> None:
    digest, whole = served.layer
    answer, content = served.ask("GET", f"/v2/sensei/api/blobs/{digest}", {"Range": text})
    assert answer.status == 206
    assert content == whole[first:last]
    start = first % len(whole)
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(content) - 1}/{len(whole)}"


@pytest.mark.parametrize("text", ["bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b"])
def test_ranges_that_are_not_understood_give_all_of_it(served: Served, text: str) -> None:
    digest, whole = served.layer
    answer, content = served.ask("GET", f"/v2/sensei/api/blobs/{digest}", {"Range": text})
    assert (answer.status, content == whole) == (200, True)


@pytest.mark.parametrize("text", ["bytes=99999999999-", "bytes=-0"])
def test_ranges_that_are_not_there(served: Served, text: str) -> None:
    digest, whole = served.layer
    answer, content = served.ask("GET", f"/v2/sensei/api/blobs/{digest}", {"Range": text})
    assert (answer.status, content, answer.headers["Content-Range"]) == (416, b"", f"bytes */{len(whole)}")


def test_head_says_the_same_without_the_content(served: Served) -> None:
    digest, whole = served.layer
    for path in (f"blobs/{digest}", "manifests/1.0.0", f"manifests/{served.contents.items[0].digest}", "tags/list"):
        get, content = served.ask("GET", f"/v2/sensei/api/{path}")
        head, nothing = served.ask("HEAD", f"/v2/sensei/api/{path}")
        assert (head.status, nothing) == (200, b"")
        for name in ("Content-Length", "Content-Type", "Docker-Content-Digest"):
            assert head.headers.get(name) == get.headers.get(name)
        assert int(head.headers["Content-Length"]) == len(content)
    assert len(whole) > 100_000


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/v2/sensei/api/blobs/uploads/", "/v2/sensei/api/manifests/1.0.0", "/"])
def test_writes_are_refused(served: Served, method: str, path: str) -> None:
    answer, content = served.ask(method, path, body=b"x" * 100)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert json.loads(content)["errors"][0]["code"] == "UNSUPPORTED"


def test_our_client_tells_that_it_can_not_be_written_to(served: Served) -> None:
    with served.client() as registry, pytest.raises(Refused) as caught:
        registry.put_manifest("sensei/api", "2", registry.manifest("sensei/api", "1.0.0"))
    assert "can only be read" in caught.value.why


UNKNOWN = {"/v2/none/manifests/1": "NAME_UNKNOWN", "/v2/sensei/api/manifests/2": "MANIFEST_UNKNOWN",
           f"/v2/sensei/api/blobs/sha256:{'0' * 64}": "BLOB_UNKNOWN", "/v2/sensei/api/blobs/../../bundle.json": "UNSUPPORTED",
           "/v2/sensei/api/blobs/%2e%2e%2fbundle.json": "UNSUPPORTED", "/v2/sensei/api/blobs/bundle.json": "BLOB_UNKNOWN",
           "/etc/passwd": "UNSUPPORTED", "/v2/sensei/api/tags/other": "BLOB_UNKNOWN"}  # fmt: skip


@pytest.mark.parametrize(("path", "code"), UNKNOWN.items())
def test_what_is_not_there(served: Served, path: str, code: str) -> None:
    answer, content = served.ask("GET", path)
    assert (answer.status, json.loads(content)["errors"][0]["code"]) == (404, code)


def test_a_blob_of_another_repository_is_not_there(served: Served) -> None:
    digest, _ = served.layer
    answer, _ = served.ask("GET", f"/v2/library/tool/blobs/{digest}")
    assert answer.status == 404


def test_one_connection_many_questions(served: Served) -> None:
    digest, whole = served.layer
    connection = HTTPConnection("127.0.0.1", served.server.port, timeout=10)
    connection.connect()
    used = connection.sock
    for path in (
        "/v2/",
        f"/v2/sensei/api/blobs/{digest}",
        "/v2/sensei/api/manifests/none",
        f"/v2/sensei/api/blobs/{digest}",
    ):
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
        assert connection.sock is used
        assert "blobs" not in path or content == whole
    connection.close()


def test_clients_that_go_away_are_told_of_in_a_line(served: Served) -> None:
    digest, _ = served.layer
    with socket.create_connection(("127.0.0.1", served.server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(f"GET /v2/sensei/api/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        client.recv(100)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    with served.client() as registry:
        registry.ping()
    assert all("Traceback" not in line for line in served.lines)


def test_many_at_once(served: Served) -> None:
    digest, whole = served.layer
    found: list[bool] = []

    def read() -> None:
        found.append(served.ask("GET", f"/v2/sensei/api/blobs/{digest}")[1] == whole)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 16


def test_a_damaged_block_ends_the_answer_early(tmp_path: Path) -> None:
    """The length that was told is not reached: no client takes it for the blob."""
    path = bundle(tmp_path)
    served = Served([path])
    digest, _ = served.layer
    raw = bytearray(path.read_bytes())
    raw[open_archive(path).entries[f"blobs/sha256/{digest[7:]}"].offset + 535 + 10 + 65_540] ^= 1
    path.write_bytes(raw)
    with served.client() as registry, pytest.raises(RegistryError):
        list(registry.blob("sensei/api", digest))
    served.close()
    assert any("broken off: The bundle is damaged" in line for line in served.lines)


@needs_curl
def test_curl(served: Served, tmp_path: Path) -> None:
    digest, whole = served.layer
    out = tmp_path / "blob"
    url = f"http://{served.place}/v2/sensei/api/blobs/{digest}"
    subprocess.run(["curl", "-sSf", "-o", out, "--range", "0-9999", url], check=True)
    assert out.read_bytes() == whole[:10_000]
    subprocess.run(["curl", "-sSf", "-o", out, "--continue-at", "-", url], check=True)
    assert out.read_bytes() == whole


@needs_skopeo
@pytest.mark.parametrize("name", [API, TOOL])
def test_skopeo(served: Served, tmp_path: Path, name: str) -> None:
    path = name.partition("/")[2]
    subprocess.run(["skopeo", "copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false",
                    f"docker://{served.place}/{path}", f"oci:{tmp_path}:it"], check=True)  # fmt: skip
    wanted = next(item.digest for item in served.contents.items if item.name == name)
    assert json.loads((tmp_path / "index.json").read_text())["manifests"][0]["digest"] == wanted


# The command.


def test_containerd_asks_here_and_nowhere_else(secured: Served) -> None:
    found = containerd(secured.contents, "https://host:5000", ca="/ca.crt")
    assert list(found) == [f"/etc/containerd/certs.d/{host}/hosts.toml" for host in ("docker.io", "registry.sensei.ai")]
    (text,) = set(found.values())
    assert text == (
        'server = "https://host:5000"\n\n[host."https://host:5000"]\n'
        '  capabilities = ["pull", "resolve"]\n'
        "  # Copy the certificate of who signed the server's there.\n"
        '  ca = "/ca.crt"\n'
    )


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly(tmp_path: Path, pair: tuple[Path, Path, Path], end: signal.Signals) -> None:
    arguments = ["bundle", "serve", bundle(tmp_path), "--listen", "127.0.0.1:0", "--allow-unsigned",
                 "--tls-cert", pair[1], "--tls-key", pair[2]]  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "sensei_tui", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    assert process.stdout
    first = process.stdout.readline()
    assert "to be read only" in first
    address = first.split(" at ")[1].split(",")[0]
    port = int(address.rpartition(":")[2])
    with Registry(Place.parse(f"127.0.0.1:{port}"), ca=pair[0], patience=ONCE) as registry:
        registry.ping()
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(end)
            out = process.stdout.read()
            errors = process.stderr.read() if process.stderr else ""
            process.wait(20)
    assert process.returncode == 0, errors
    assert f'server = "{address}"' in out
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == "No longer served."


def failing(*arguments: object) -> SenseiError:
    done = CliRunner().invoke(command, ["serve", *map(str, arguments)])
    assert isinstance(done.exception, SenseiError), done.output
    return done.exception


def test_what_is_wrong_is_told(tmp_path: Path, pair: tuple[Path, Path, Path]) -> None:
    path = bundle(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = failing(path, "--listen", address, "--allow-unsigned")
        assert (type(error), error.where) == (CannotListen, address)
        assert "in use" in error.why
    for text in ("5000", "a:b", "host:70000", ":5000"):
        assert isinstance(failing(path, "--listen", text, "--allow-unsigned"), UsageError)
    assert isinstance(failing(path, "--listen", "127.0.0.1:0", "--allow-unsigned", "--tls-cert", pair[1]), UsageError)
    wrong = failing(path, "--listen", "127.0.0.1:0", "--allow-unsigned", "--tls-cert", pair[0], "--tls-key", pair[2])
    assert str(pair[0]) in wrong.where
    assert "not signed" in failing(path, "--listen", "127.0.0.1:0").what


def test_old_tls_is_refused(secured: Served) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secured.server.port)) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain)
