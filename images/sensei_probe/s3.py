"""S3: what is needed of it, signed with AWS Signature Version 4.

Bodies are hashed (SHA-256) and signed, so that a block that was changed on its way is refused. They are blocks of
at most PART bytes (more for huge objects), held in memory, never whole objects.
https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from sensei_probe.settings import Failure, Storage
from sensei_probe.web import TIMEOUT, TRIES, Answer, Readable, Refused, Server

PART = 16 << 20
"""Bytes of one part. S3 takes 10,000 of them: 156 GiB; `grown` makes them larger where that is not enough."""
Block = bytes | bytearray
COPY_PART = 256 << 20
"""Bytes that are copied with one request: S3 would take 5 GiB, and a slow disk not answer in time."""
_EMPTY = hashlib.sha256(b"").hexdigest()
_XML = "{*}"
HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language")
OWN = "x-amz-meta-"
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Stored:
    """An object in a bucket."""

    key: str
    size: int
    etag: str
    kind: str = ""
    """Content type; known only of a single object, as the next are."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """Its other headers that are its own: HEADERS, and what begins with OWN."""


def quoted(text: str, *, slash: bool) -> str:
    """Percent-encoded as AWS wants it: everything but letters, digits and `-._~`."""
    return urllib.parse.quote(text, safe="/-._~" if slash else "-._~")


def signature(
    method: str, path: str, query: str, headers: Mapping[str, str], payload: str, storage: Storage, stamp: str
) -> str:
    """The Authorization header. `headers` in small letters are those that are signed; `stamp` is `20260102T030405Z`."""
    names = ";".join(sorted(headers))
    # Only of blanks: other white space may be half a letter of UTF-8, which HTTP's headers are not.
    lines = "".join(f"{name}:{' '.join(filter(None, headers[name].split(' ')))}\n" for name in sorted(headers))
    canonical = "\n".join((method, path, query, lines, names, payload))
    scope = f"{stamp[:8]}/{storage.region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, digest))
    key = f"AWS4{storage.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signed = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={storage.access_key}/{scope}, SignedHeaders={names}, Signature={signed}"


class S3:
    """A client. Not for several threads at once."""

    def __init__(self, storage: Storage, tries: int = TRIES, timeout: float = TIMEOUT) -> None:
        self.storage = storage
        self._tries, self._timeout = tries, timeout
        parts = urllib.parse.urlsplit(storage.endpoint)
        self._scheme, self._netloc, self._base = parts.scheme, parts.netloc, parts.path.rstrip("/")
        self._servers: dict[str, Server] = {}

    def close(self) -> None:
        """End its connections."""
        for server in self._servers.values():
            server.close()

    def ask(
        self, method: str, bucket: str, key: str = "", query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None, body: Block | None = None,
    ) -> Answer:  # fmt: skip
        """A signed request. Raises Unreachable; the answer may be a refusal."""
        style = self.storage.path_style or not bucket
        netloc = self._netloc if style else f"{bucket}.{self._netloc}"
        path = (
            f"{self._base}/{bucket}/{quoted(key, slash=True)}" if style else f"{self._base}/{quoted(key, slash=True)}"
        )
        path = path.rstrip("/") or "/" if not key else path
        ordered = sorted((query or {}).items())
        text = "&".join(f"{quoted(name, slash=False)}={quoted(value, slash=False)}" for name, value in ordered)
        payload = hashlib.sha256(body).hexdigest() if body else _EMPTY
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": netloc, "x-amz-content-sha256": payload, "x-amz-date": stamp, **(headers or {})}
        signed["authorization"] = signature(method, path, text, signed, payload, self.storage, stamp)
        server = self._servers.setdefault(netloc, Server(f"{self._scheme}://{netloc}", self._timeout))
        return server.ask(method, f"{path}?{text}" if text else path, signed, body, self._tries)

    # Buckets.

    def exists(self, bucket: str) -> bool:
        """Raises Refused, Unreachable."""
        answer = self.ask("HEAD", bucket)
        answer.read()
        if answer.status in (200, 404):
            return answer.status == 200
        raise refusal(answer, b"", f"bucket {bucket}")

    def make(self, bucket: str) -> None:
        """Create it; one that is ours already is no mistake. Raises Refused, Unreachable."""
        region = self.storage.region
        body = b"" if region == "us-east-1" else (
            "<CreateBucketConfiguration xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><LocationConstraint>"
            f"{region}</LocationConstraint></CreateBucketConfiguration>").encode()  # fmt: skip
        answer = self.ask("PUT", bucket, body=body)
        said = answer.read()
        if answer.status != 200:
            error = refusal(answer, said, f"bucket {bucket} can't be made")
            if error.code not in ("BucketAlreadyOwnedByYou",):
                raise error

    # Objects.

    def listed(self, bucket: str, prefix: str = "") -> Iterator[Stored]:
        """Every object, by key. Raises Refused, Unreachable."""
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        while True:
            answer = self.ask("GET", bucket, query=query)
            root = _xml(self._well(answer, f"bucket {bucket} can't be listed"))
            if root.tag.rpartition("}")[2] != "ListBucketResult":
                raise Failure(f"bucket {bucket} can't be listed: the answer is no list")
            for item in root.findall(f"{_XML}Contents"):
                key = urllib.parse.unquote_plus(_text(item, "Key"))
                yield Stored(key, int(_text(item, "Size")), _text(item, "ETag").strip('"'))
            token = _text(root, "NextContinuationToken")
            if not token:
                return
            query["continuation-token"] = token

    def head(self, bucket: str, key: str) -> Stored | None:
        """One object, or None. Raises Refused, Unreachable."""
        answer = self.ask("HEAD", bucket, key)
        answer.read()
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise refusal(answer, b"", f"{bucket}/{key}")
        headers = answer.headers
        meta = {name: value for name, value in headers.items() if name in HEADERS or name.startswith(OWN)}
        size, etag = int(headers["content-length"]), headers["etag"].strip('"')
        return Stored(key, size, etag, headers.get("content-type", ""), meta)

    def get(self, bucket: str, key: str, etag: str = "") -> Answer:
        """Its content (of this etag, if one is given), to be read to the end. Raises Refused, Unreachable."""
        answer = self.ask("GET", bucket, key, headers={"if-match": f'"{etag}"'} if etag else None)
        if answer.status != 200:
            raise refusal(answer, answer.read(), f"{bucket}/{key} can't be read")
        return answer

    def put(self, bucket: str, key: str, content: Block, kind: str = "", meta: Mapping[str, str] = _NONE) -> str:
        """A small object. Returns its etag. Raises Refused, Unreachable."""
        answer = self.ask("PUT", bucket, key, headers=_headers(kind, meta), body=content)
        self._well(answer, f"{bucket}/{key} can't be written")
        return answer.headers.get("etag", "").strip('"')

    def upload(
        self, bucket: str, key: str, source: Readable, kind: str = "", size: int | None = None,
        meta: Mapping[str, str] = _NONE,
    ) -> int:  # fmt: skip
        """A stream, whatever its length. Returns its bytes. Raises Failure; there is then no object."""
        part = grown(size or 0)
        block = read_full(source, part)
        if len(block) < part:
            whole(size, len(block), key)
            self.put(bucket, key, block, kind, meta)
            return len(block)
        with self._uploading(bucket, key, _headers(kind, meta)) as upload:
            tags, total = list[str](), 0
            while block:
                tags.append(self._part(bucket, key, upload, len(tags) + 1, block))
                total += len(block)
                # One part in memory, not two.
                block.clear()
                block = read_full(source, part)
            whole(size, total, key)
            self._finish(bucket, key, upload, tags)
        return total

    def copy(self, bucket: str, item: Stored, to_bucket: str, to_key: str) -> str:
        """Within the service, without the content passing here. Returns its etag. Raises Refused, Unreachable."""
        size, source = item.size, {
            "x-amz-copy-source": f"/{bucket}/{quoted(item.key, slash=True)}",
            "x-amz-copy-source-if-match": f'"{item.etag}"',
        }  # fmt: skip
        if size <= COPY_PART:
            return self._copied(self.ask("PUT", to_bucket, to_key, headers=source), to_bucket, to_key)
        with self._uploading(to_bucket, to_key, _NONE) as upload:
            tags = list[str]()
            part = max(COPY_PART, grown(size))
            for start in range(0, size, part):
                span = f"bytes={start}-{min(size, start + part) - 1}"
                query = {"partNumber": str(len(tags) + 1), "uploadId": upload}
                answer = self.ask("PUT", to_bucket, to_key, query, {**source, "x-amz-copy-source-range": span})
                tags.append(self._copied(answer, to_bucket, to_key))
            return self._finish(to_bucket, to_key, upload, tags)

    def delete(self, bucket: str, key: str) -> None:
        """Raises Refused, Unreachable."""
        self._well(self.ask("DELETE", bucket, key), f"{bucket}/{key} can't be deleted", (200, 204))

    # Parts.

    @contextlib.contextmanager
    def _uploading(self, bucket: str, key: str, headers: Mapping[str, str]) -> Iterator[str]:
        """An upload's id; given up where what is done with it fails."""
        answer = self.ask("POST", bucket, key, {"uploads": ""}, headers)
        upload = _text(_xml(self._well(answer, f"{bucket}/{key} can't be written")), "UploadId")
        try:
            yield upload
        except BaseException:
            # What made us give up is told; the parts are swept later.
            with contextlib.suppress(Failure):
                self.abort(bucket, key, upload)
            raise

    def unfinished(self, bucket: str, before: datetime) -> Iterator[tuple[str, str]]:
        """Key and id of every upload that began before then and did not end. Raises Refused, Unreachable."""
        query = {"uploads": "", "encoding-type": "url"}
        while True:
            root = _xml(self._well(self.ask("GET", bucket, query=query), f"the uploads of {bucket} can't be listed"))
            for item in root.findall(f"{_XML}Upload"):
                if datetime.fromisoformat(_text(item, "Initiated")) < before:
                    yield urllib.parse.unquote_plus(_text(item, "Key")), _text(item, "UploadId")
            if _text(root, "IsTruncated") != "true":
                return
            query["key-marker"] = urllib.parse.unquote_plus(_text(root, "NextKeyMarker"))
            query["upload-id-marker"] = _text(root, "NextUploadIdMarker")

    def abort(self, bucket: str, key: str, upload: str) -> None:
        """Its parts go. Raises Unreachable."""
        self.ask("DELETE", bucket, key, {"uploadId": upload}).read()

    def _part(self, bucket: str, key: str, upload: str, number: int, block: Block) -> str:
        answer = self.ask("PUT", bucket, key, {"partNumber": str(number), "uploadId": upload}, body=block)
        self._well(answer, f"part {number} of {bucket}/{key} can't be written")
        return answer.headers["etag"]

    def _finish(self, bucket: str, key: str, upload: str, tags: list[str]) -> str:
        rows = (f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in enumerate(tags, 1))
        body = f"<CompleteMultipartUpload>{''.join(rows)}</CompleteMultipartUpload>".encode()
        return self._copied(self.ask("POST", bucket, key, {"uploadId": upload}, body=body), bucket, key)

    def _copied(self, answer: Answer, bucket: str, key: str) -> str:
        """The etag. S3 answers 200 at once and may say no in the body."""
        said = self._well(answer, f"{bucket}/{key} can't be written")
        root = _xml(said)
        if root.tag.rpartition("}")[2] == "Error":
            raise refusal(answer, said, f"{bucket}/{key} can't be written")
        return _text(root, "ETag").strip('"')

    def _well(self, answer: Answer, what: str, statuses: tuple[int, ...] = (200,)) -> bytes:
        said = answer.read()
        if answer.status not in statuses:
            raise refusal(answer, said, what)
        return said


def grown(size: int) -> int:
    """Bytes of a part with which `size` bytes fit into 10,000 of them, in whole MiB."""
    return max(PART, -(-size // 10_000 >> 20) + 1 << 20 if size > PART * 10_000 else PART)


def whole(wanted: int | None, found: int, what: str) -> None:
    """Raises Failure where a content has not the bytes it should."""
    if wanted is not None and found != wanted:
        raise Failure(f"{what} has {found} bytes and should have {wanted}")


def read_full(source: Readable, size: int) -> bytearray:
    """`size` bytes, fewer only at the end: a pipe gives what it has."""
    found = bytearray()
    while len(found) < size and (block := source.read(min(size - len(found), 1 << 20))):
        found += block
    return found


def refusal(answer: Answer, said: bytes, what: str) -> Refused:
    """S3's own words, where it has any."""
    root = _xml(said)
    code, message = _text(root, "Code"), _text(root, "Message")
    why = f"{code}: {message}" if code else f"HTTP {answer.status}"
    return Refused(f"{what}: {why}", answer.status, code)


def _headers(kind: str, meta: Mapping[str, str]) -> dict[str, str]:
    return {**meta, **({"content-type": kind} if kind else {})}


def _xml(text: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return ElementTree.Element("none")


def _text(root: ElementTree.Element, name: str) -> str:
    return root.findtext(f"{_XML}{name}") or ""
