"""What registries, proxies and networks do at their worst."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.registry import errors, patience
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import (
    Denied,
    Full,
    Lied,
    Lost,
    NotFound,
    Refused,
    RegistryError,
    ServerFailed,
    Slow,
    SourceShort,
)  # fmt: skip
from sensei_tui.registry.manifests import INDEX, MANIFEST, Manifest
from sensei_tui.registry.patience import Patience
from sensei_tui.registry.reference import Place
from sensei_tui.registry.uploads import CHUNK
from tests.registry.blobs import Sample
from tests.registry.scripted import Asked, Reply, scripted

TAGS = Reply(200, body=b'{"tags": ["1.0"]}')
HEX = f"sha256:{'0' * 64}"


class InTurn:
    """A script that answers one after the other; the last one again and again."""

    def __init__(self, *replies: Reply | None) -> None:
        self.replies = list(replies)

    def __call__(self, asked: Asked) -> Reply | None:
        asked.body()
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


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


@pytest.mark.parametrize("trouble", [Reply(503), Reply(500), Reply(502), Reply(429), None, Reply(200, {"Content-Length": "99"}, b"{", cut=True)])  # fmt: skip
def test_what_passes_is_tried_again(trouble: Reply | None) -> None:
    with scripted(InTurn(trouble, trouble, TAGS)) as server, server.client() as registry:
        assert registry.tags("a") == ("1.0",)
    assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "kind"), [(503, ServerFailed), (429, ServerFailed), (0, Lost)])
def test_tries_end(status: int, kind: type[RegistryError]) -> None:
    answer = Reply(status) if status else None
    with scripted(InTurn(answer)) as server, pytest.raises(kind) as caught:
        server.client(patience=Patience(4, 0.001, 0.001)).tags("a")
    assert len(server.asked) == 4
    assert caught.value.status == status


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


class Content:
    """A blob that is cut after `cut` bytes of each answer."""

    def __init__(self, content: bytes, cut: int, *, ranges: bool = True, length: bool = True) -> None:
        self.content, self.cut, self.ranges, self.length = content, cut, ranges, length
        self.asked: list[str] = []

    def __call__(self, asked: Asked) -> Reply:
        told = asked.headers.get("Range", "")
        self.asked.append(told)
        first = int(told.removeprefix("bytes=").removesuffix("-") or 0) if self.ranges else 0
        rest = self.content[first:]
        headers = {"Content-Length": str(len(rest))}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(self.content) - 1}/{len(self.content)}"
        if not self.length:
            return Reply(
                206 if first else 200,
                {"Transfer-Encoding": "chunked", "Content-Length": ""},
                _chunks(rest, self.cut),
                end=len(rest) > self.cut,
            )
        part = rest[: self.cut]
        if not self.ranges:
            self.cut = len(self.content)
        return Reply(206 if first else 200, headers, part, cut=len(part) < len(rest))


def _chunks(content: bytes, cut: int) -> bytes:
    found = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in [content[:cut][i : i + 70_000] for i in range(0, min(cut, len(content)), 70_000)]
    )
    return found + (b"0\r\n\r\n" if len(content) <= cut else b"")


@pytest.mark.parametrize(("ranges", "length"), [(True, True), (False, True), (True, False)])
def test_a_cut_download_goes_on(ranges: bool, length: bool) -> None:
    content = Sample(5_000_000).content
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    script = Content(content, 600_000, ranges=ranges, length=length)
    counts: list[int] = []
    with scripted(script) as server:
        found = b"".join(server.client().blob("a", digest, on_bytes=counts.append))
    assert found == content
    assert sum(counts) == len(content)
    assert len(script.asked) >= 2
    assert script.asked[0] == ""
    assert script.asked[1].startswith("bytes=")


@pytest.mark.parametrize("answer", [b"other", b"conten", b""])
def test_a_lie_is_told_at_the_end_of_a_whole_reading(answer: bytes) -> None:
    digest = f"sha256:{hashlib.sha256(b'content').hexdigest()}"
    with scripted(InTurn(Reply(200, body=answer))) as server:
        registry = server.client()
        with pytest.raises(Lied, match=hashlib.sha256(answer).hexdigest()) as caught:
            list(registry.blob("a", digest))
        assert digest in caught.value.where
        if len(answer) > 2:
            assert b"".join(registry.blob("a", digest, 2)) == answer[2:], "a part can't be checked"


def test_another_part_than_asked_is_a_lie() -> None:
    reply = Reply(206, {"Content-Range": "bytes 7-9/10"}, b"789")
    with scripted(InTurn(reply)) as server, pytest.raises(Lied, match="another part"):
        list(server.client().blob("a", HEX, 5))


def test_a_manifest_that_is_another_one() -> None:
    with scripted(InTurn(Reply(200, {"Content-Type": MANIFEST}, b"{}"))) as server, pytest.raises(Lied, match=HEX):
        server.client().manifest("a", HEX)
    wrong = Reply(200, {"Content-Type": MANIFEST, "Docker-Content-Digest": HEX}, b"{}")
    with scripted(InTurn(wrong)) as server, pytest.raises(Lied, match=HEX):
        server.client().manifest("a", "1.0")
    with scripted(InTurn(Reply(201, {"Docker-Content-Digest": HEX}))) as server, pytest.raises(Lied, match=HEX):
        server.client().put_manifest("a", "1.0", Manifest.of(b"{}", MANIFEST))


def test_a_manifest_without_a_type_has_the_one_it_says_itself() -> None:
    content = json.dumps({"mediaType": INDEX}).encode()
    with scripted(InTurn(Reply(200, {"Content-Type": "application/json"}, content))) as server:
        assert server.client().manifest("a", "1.0") == Manifest.of(content, INDEX)
    assert all(
        kind in server.asked[0].headers["Accept"] for kind in (MANIFEST, INDEX, "manifest.v2+json", "list.v2+json")
    )


def test_a_manifest_whose_digest_the_registry_does_not_tell() -> None:
    with scripted(InTurn(Reply(200, {"Content-Type": MANIFEST}, b"{}"))) as server:
        assert server.client().has_manifest("a", "1.0") == Manifest.of(b"{}", MANIFEST).digest
    assert server.lines == ["HEAD /v2/a/manifests/1.0", "GET /v2/a/manifests/1.0"]


def test_a_manifest_without_end() -> None:
    with (
        scripted(InTurn(Reply(200, body=b" " * ((4 << 20) + 2)))) as server,
        pytest.raises(RegistryError, match="too long"),
    ):
        server.client().manifest("a", "1.0")


def test_lists_have_pages() -> None:
    def script(asked: Asked) -> Reply:
        last = asked.query.get("last", "0")
        more = {"Link": f'</v2/a/tags/list?last={int(last) + 1}&n=1>; rel="next"'} if last != "2" else {}
        return Reply(200, more, json.dumps({"tags": [f"1.{last}"]}).encode())

    with scripted(script) as server:
        assert server.client().tags("a") == ("1.0", "1.1", "1.2")


def test_referrers_by_the_api_need_no_tag() -> None:
    entry = {"mediaType": MANIFEST, "digest": HEX, "size": 5, "artifactType": "x/sbom", "annotations": {"a": "b"}}
    with scripted(InTurn(Reply(200, body=json.dumps({"manifests": [entry]}).encode()))) as server:
        (found,) = server.client().referrers("a", HEX)
    assert (found.artifact_type, found.annotations) == ("x/sbom", {"a": "b"})
    assert server.lines == [f"GET /v2/a/referrers/{HEX}"]


def test_the_registry_that_lists_referrers_itself_says_so() -> None:
    signature = Manifest.of(json.dumps({"subject": {"digest": HEX}}).encode(), MANIFEST)
    with scripted(InTurn(Reply(201, {"OCI-Subject": HEX}))) as server:
        assert server.client().put_manifest("a", signature.digest, signature)


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
