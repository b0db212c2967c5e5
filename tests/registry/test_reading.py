"""What registries answer when they are read from: cuts, lies, pages, and what they leave out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sensei_tui.registry.errors import Lied, RegistryError
from sensei_tui.registry.manifests import INDEX, MANIFEST, Manifest
from tests.registry.blobs import Sample
from tests.registry.scripted import Asked, InTurn, Reply, scripted

HEX = f"sha256:{'0' * 64}"


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


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_connection_is_used_again(tmp_path: Path, secure: bool) -> None:
    """After every kind of answer that was read to its end; not after one that was left in the middle."""
    content = Sample(3_000_000).content
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"

    def script(asked: Asked) -> Reply:
        asked.body()
        if asked.method == "POST":
            return Reply(202, {"Location": "/u"})
        if asked.method in ("PUT", "HEAD"):
            return Reply(201 if asked.method == "PUT" else 404)
        return Reply(200, body=b'{"tags": []}') if asked.path.endswith("list") else Reply(200, body=content)

    with scripted(script, tmp_path if secure else None) as server, server.client() as registry:
        registry.tags("a")
        registry.has_blob("a", digest)
        assert b"".join(registry.blob("a", digest)) == content
        registry.upload("a", digest, len(content), lambda first: [content[first:]])
        assert next(registry.blob("a", digest))
        registry.tags("a")
    lines = [item.line_from for item in server.asked]
    assert len(set(lines[:-1])) == 1
    assert lines[-1] != lines[0]
