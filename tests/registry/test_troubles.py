"""What registries, proxies and networks do at their worst."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.registry import errors, patience
from sensei_tui.registry.client import Registry
from sensei_tui.registry.connections import Connections
from sensei_tui.registry.errors import (
    Denied,
    Full,
    Lost,
    NotFound,
    Refused,
    RegistryError,
    ServerFailed,
    Slow,
    SourceShort,
)  # fmt: skip
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from sensei_tui.registry.uploads import CHUNK
from tests.registry.blobs import Sample
from tests.registry.scripted import Asked, InTurn, Reply, scripted

TAGS = Reply(200, body=b'{"tags": ["1.0"]}')
HEX = f"sha256:{'0' * 64}"


class Storage:
    """A registry with one upload at a time that can tell where it stands."""

    def __init__(self, *, cut_after: int = 0, location: str = "/v2/up?state=a%2Bb") -> None:
        self.kept = bytearray()
        self.done = ""
        self.cut_after = cut_after
        self.location = location
        self.spans: list[str] = []

    def __call__(self, asked: Asked) -> Reply | None:
        if asked.method == "HEAD":
            return Reply(200) if self.done else Reply(404)
        if asked.method == "POST":
            self.kept.clear()
        if asked.method in ("PATCH", "PUT"):
            self.spans.append(asked.headers.get("Content-Range", ""))
            if self.cut_after and asked.method == "PATCH":
                self.kept += asked.body(self.cut_after)
                self.cut_after = 0
                return None
            self.kept += asked.body()
        if asked.method == "PUT":
            self.done = f"sha256:{hashlib.sha256(self.kept).hexdigest()}"
            return Reply(201 if asked.query["digest"] == self.done else 400)
        headers = {"Location": self.location, "Range": f"0-{max(0, len(self.kept) - 1)}"}
        return Reply(204 if asked.method == "GET" else 202, headers)


@pytest.mark.parametrize("trouble", [Reply(503), Reply(500), Reply(502), Reply(408), Reply(429), None, Reply(200, {"Content-Length": "99"}, b"{", cut=True)])  # fmt: skip
def test_what_passes_is_tried_again(trouble: Reply | None) -> None:
    with scripted(InTurn(trouble, trouble, TAGS)) as server, server.client() as registry:
        assert registry.tags("a") == ("1.0",)
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "kind"), [(503, ServerFailed), (500, ServerFailed), (429, ServerFailed), (0, Lost)])
def test_tries_end(status: int, kind: type[RegistryError]) -> None:
    answer = Reply(status) if status else None
    with scripted(InTurn(answer)) as server, pytest.raises(kind) as caught:
        server.client(patience=Patience(4, 0.001, 0.001)).tags("a")
    assert len(server.asked) == 4
    assert caught.value.status == status


def test_what_is_damaged_is_not_looked_for_as_long() -> None:
    digest = Sample(10).digest
    with scripted(InTurn(Reply(500))) as server, server.client(patience=Patience(9, 0.001, 0.001)) as registry:
        for look in (registry.has_blob, registry.has_manifest):
            server.asked.clear()
            with pytest.raises(errors.Broken):
                look("a", digest)
            assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (403, Denied), (404, NotFound), (405, Refused), (422, Refused)]
)
def test_a_refusal_is_final(status: int, kind: type[RegistryError]) -> None:
    body = json.dumps({"errors": [{"code": "DENIED\x1b[31m", "message": "no\x00 \x9b2Jway\n\u202ehere", "detail": {}}]})
    with scripted(InTurn(Reply(status, body=body.encode()))) as server, pytest.raises(kind) as caught:
        server.client().tags("a")
    assert len(server.asked) == 1
    assert caught.value.reason == "DENIED"
    assert caught.value.why == "DENIED: no 2Jway here"


def test_a_proxys_page_is_told_as_text() -> None:
    page = b"<html><head><title>413 Request Entity Too Large</title></head><body><h1>nginx</h1></body></html>"
    with (
        scripted(InTurn(Reply(418, body=page))) as server,
        pytest.raises(Refused, match="413 Request Entity Too Large nginx"),
    ):
        server.client().tags("a")


@pytest.mark.parametrize(
    ("text", "least"), [("1", 1.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", 0.0), ("9999", 60.0)]
)
def test_the_registrys_wish_is_followed_within_bounds(text: str, least: float) -> None:
    waits: list[float] = []

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            return False

    error = ServerFailed(errors.Asked("registry.lan", "read"), "x")
    with scripted(InTurn(Reply(429, {"Retry-After": text}))) as server, pytest.raises(ServerFailed) as caught:
        server.client(patience=Patience(1)).tags("a")
    error.wait = caught.value.wait
    patience.Tries(Patience(first=0.25), Event()).failed(error)
    assert waits == [max(least, 0.25)]


@pytest.mark.parametrize(("wish", "told"), [("9999999", "2777h46m"), ("9" * 400, "277777h46m"), ("7", "7s")])
def test_a_wish_that_is_too_long_is_waited_for_as_long_as_we_do_and_told(wish: str, told: str) -> None:
    """The first question too, which is otherwise asked once."""
    with scripted(InTurn(Reply(429, {"Retry-After": wish}))) as server, pytest.raises(ServerFailed) as caught:
        server.client(patience=Patience(3, 0.001, 0.001, asked=0.01)).ping()
    assert len(server.asked) == 3
    assert caught.value.why.endswith(f"it asks us to wait {told}")
    with scripted(InTurn(Reply(503))) as server, pytest.raises(ServerFailed):
        server.client(patience=Patience(3, 0.001, 0.001)).ping()
    assert len(server.asked) == 1


def test_a_long_wish_can_be_broken_off() -> None:
    with scripted(InTurn(Reply(429, {"Retry-After": "9999999"}))) as server:
        registry = server.client()
        threading.Timer(0.3, registry.close).start()
        began = time.monotonic()
        with pytest.raises(ServerFailed):
            registry.ping()
    assert time.monotonic() - began < 20


def test_an_early_refusal_is_read_while_we_still_send() -> None:
    """The registry answers after a little of the body and hangs up: our writing fails, its answer counts."""
    sample = Sample(CHUNK)

    def script(asked: Asked) -> Reply:
        if asked.method == "PUT":
            asked.body(1_000)
            return Reply(403, body=b'{"errors": [{"code": "DENIED", "message": "quota of the project"}]}')
        return Reply(202, {"Location": "/v2/up"})

    with scripted(script) as server, pytest.raises(Denied, match="quota of the project"):
        server.client().upload("a", sample.digest, sample.size, sample.read)
    assert server.lines == ["POST /v2/a/blobs/uploads/", "PUT /v2/up", "DELETE /v2/up"]


def test_sending_stops_when_the_answer_is_there() -> None:
    """The other side reads nothing more and does not hang up either: without a look we would wait for the timeout."""
    sample, held = Sample(CHUNK), threading.Event()

    def script(asked: Asked) -> Reply:
        return Reply(413, hold=held) if asked.method == "PUT" else Reply(202, {"Location": "/v2/up"})

    with scripted(script) as server:
        began = time.monotonic()
        with pytest.raises(Refused, match="larger than it takes"):
            server.client(timeout=40).upload("a", sample.digest, sample.size, sample.read)
        held.set()
    assert time.monotonic() - began < 20


def test_an_early_refusal_is_read_with_tls_too(tmp_path: Path) -> None:
    sample = Sample(CHUNK)

    def script(asked: Asked) -> Reply:
        if asked.method == "PUT":
            return Reply(403, body=b'{"errors": [{"code": "DENIED", "message": "quota of the project"}]}')
        return Reply(202, {"Location": "/v2/up"})

    with scripted(script, tmp_path) as server, pytest.raises(Denied, match="quota of the project"):
        server.client().upload("a", sample.digest, sample.size, sample.read)


@pytest.mark.parametrize("cut", [1_000_000, CHUNK - 1])
def test_a_cut_chunk_goes_on_where_the_registry_stands(cut: int) -> None:
    sample, counts, storage = Sample(CHUNK + 3_000_000), list[int](), Storage(cut_after=cut)
    with scripted(storage) as server:
        server.client().upload("a", sample.digest, sample.size, sample.read, counts.append)
    assert storage.done == sample.digest
    assert sum(counts) == sample.size
    assert storage.spans[1].startswith(f"{cut}-")
    assert server.lines.count("POST /v2/a/blobs/uploads/") == 1


@pytest.mark.parametrize("location", ["/v2/up", "http://127.0.0.1/v2/up?a=b", "https://127.0.0.1:9/v2/up", "../../up"])
def test_where_an_upload_goes_on(location: str) -> None:
    """Relative, or by a registry behind a proxy that knows neither its scheme nor its port."""
    sample, storage = Sample(10), Storage(location=location)
    with scripted(storage) as server:
        server.client().upload("a", sample.digest, sample.size, sample.read)
    assert storage.done == sample.digest
    assert server.asked[-1].path.endswith("/up")
    assert server.asked[-1].query.get("a") == ("b" if "a=b" in location else None)


def test_an_upload_without_a_location() -> None:
    sample = Sample(10)
    with scripted(InTurn(Reply(202))) as server, pytest.raises(RegistryError, match="no Location"):
        server.client().upload("a", sample.digest, sample.size, sample.read)


def test_an_answer_lost_after_the_last_byte_is_not_sent_again() -> None:
    sample, done = Sample(1_000), list[str]()

    def script(asked: Asked) -> Reply | None:
        if asked.method == "PUT":
            asked.body()
            done.append("stored")
            return None
        if asked.method == "HEAD":
            return Reply(200, {"Content-Length": "1000"})
        return Reply(404) if asked.method == "GET" else Reply(202, {"Location": "/v2/up"})

    with scripted(script) as server:
        server.client().upload("a", sample.digest, sample.size, sample.read)
    assert done == ["stored"]


def test_a_forgotten_upload_begins_again() -> None:
    """The registry was started again between two chunks and we did not notice: 404 to the second."""
    sample, storage = Sample(CHUNK + 5), Storage()
    forgotten: list[bool] = []

    def script(asked: Asked) -> Reply | None:
        if not forgotten and asked.method == "PATCH" and storage.kept:
            forgotten.append(True)
            storage.kept.clear()
            return Reply(404, body=b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN", "message": "unknown"}]}')
        return Reply(404) if forgotten and asked.method == "GET" else storage(asked)

    with scripted(script) as server:
        server.client().upload("a", sample.digest, sample.size, sample.read)
    assert storage.done == sample.digest
    assert server.lines.count("POST /v2/a/blobs/uploads/") == 2


def test_500_while_writing_says_that_it_may_be_full() -> None:
    def script(asked: Asked) -> Reply:
        asked.body()
        return (
            Reply(500)
            if asked.method == "PUT"
            else Reply(404 if asked.method in ("GET", "HEAD") else 202, {"Location": "/u"})
        )

    sample = Sample(10)
    with scripted(script) as server, pytest.raises(Full, match="storage may be full"):
        server.client().upload("a", sample.digest, sample.size, sample.read)
    assert server.lines.count("PUT /u") == 3


def test_a_source_that_is_too_short_or_fails_is_not_the_registrys_fault() -> None:
    def broken(_: int) -> Iterator[bytes]:
        yield b"x" * 10
        raise OSError(5, "Input/output error")

    with scripted(Storage()) as server:
        with pytest.raises(SourceShort, match="ends after 10 of 20 bytes"):
            server.client(timeout=5).upload("a", HEX, 20, lambda _: [b"x" * 10])
        with pytest.raises(OSError, match="Input/output"):
            server.client(timeout=5).upload("a", HEX, 20, broken)
    assert server.lines.count("POST /v2/a/blobs/uploads/") == 2


def test_a_registry_as_the_source_fails_as_itself() -> None:
    with scripted(InTurn(Reply(404))) as source, scripted(Storage()) as server:
        registry = source.client()
        with pytest.raises(NotFound) as caught:
            server.client().upload("a", HEX, 20, lambda first: registry.blob("b", HEX, first))
    assert f"127.0.0.1:{source.port}/b" in caught.value.where


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tags": "x"}', b"\xff"])
def test_an_answer_that_makes_no_sense(body: bytes) -> None:
    with scripted(InTurn(Reply(200, body=body))) as server, pytest.raises(RegistryError, match="not what it should be"):
        server.client().tags("a")


def test_what_is_no_registry() -> None:
    with (
        scripted(InTurn(Reply(404, body=b"<html>nginx</html>"))) as server,
        pytest.raises(NotFound, match="not a registry"),
    ):
        server.client().ping()


def test_nothing_for_so_many_seconds() -> None:
    held = threading.Event()

    def script(_: Asked) -> Reply:
        held.wait(60)
        return TAGS

    with scripted(script) as server:
        with pytest.raises(Slow, match=r"nothing happened for 0\.2 seconds"):
            server.client(timeout=0.2, patience=Patience(1)).tags("a")
        held.set()


def test_a_registry_that_takes_nothing() -> None:
    held, sample = threading.Event(), Sample(CHUNK)

    def script(asked: Asked) -> Reply | None:
        if asked.method == "PUT":
            held.wait(60)
            return None
        return Reply(202, {"Location": "/u"})

    with scripted(script) as server:
        with pytest.raises(Slow, match=r"nothing happened for"):
            server.client(timeout=0.2, patience=Patience(1)).upload("a", sample.digest, sample.size, sample.read)
        held.set()


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b""])
def test_what_speaks_no_http(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.recv(10_000)
                line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(RegistryError) as caught:
            Registry(Place.parse(f"127.0.0.1:{server.getsockname()[1]}"), plain=True).ping()
        thread.join()
    assert caught.value.code == ("registry-scheme" if answer.startswith(b"\x15") else "registry-lost")


def test_a_request_that_was_about_to_connect_when_all_was_closed_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had no socket yet that `close` could cut; this listener takes connections and answers nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        registry = Registry(Place.parse(f"127.0.0.1:{listener.getsockname()[1]}"), plain=True, timeout=20)
        ask = Connections._ask

        def closed_first(self: Connections, *rest: Any) -> None:
            registry.close()
            ask(self, *rest)

        monkeypatch.setattr(Connections, "_ask", closed_first)
        start = time.monotonic()
        with pytest.raises(Lost, match="given up"):
            registry.ping()
        assert time.monotonic() - start < 10
