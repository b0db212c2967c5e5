"""Bearer tokens: which are asked for, for whom, how often; and where credentials never go."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensei_tui.base.redaction import Secret
from sensei_tui.registry.auth import challenges
from sensei_tui.registry.credentials import Login
from sensei_tui.registry.errors import RegistryError, Unauthorized
from sensei_tui.registry.uploads import CHUNK
from tests.registry.blobs import Sample
from tests.registry.scripted import Asked, Reply, Script, Scripted, scripted

LOGIN = Login("me", Secret("hidden-word"))
BASIC = "Basic " + base64.b64encode(b"me:hidden-word").decode()
OK = Reply(200, body=b'{"tags": ["1.0"]}')


class Tokens:
    """A token server: every token it gives is another one, for one scope, until it is taken back."""

    def __init__(self, **told: object) -> None:
        self.told = told
        self.given: dict[str, tuple[str, ...]] = {}
        self.asked: list[Asked] = []
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            form = asked.body().decode()
            token = f"token-{len(self.asked)}"
            self.given[token] = tuple(asked.queries.get("scope", [form]))
        return Reply(200, body=json.dumps({"token": token, **self.told}).encode())

    def takes(self, asked: Asked, scope: str) -> bool:
        return scope in self.given.get(asked.login.removeprefix("Bearer "), ())


def refused(_: Asked, challenge: str) -> Reply:
    """Whatever the token."""
    return Reply(401, {"WWW-Authenticate": challenge})


@contextmanager
def guarded(tokens: Script, script: Callable[[Asked, str], Reply | None]) -> Iterator[Scripted]:
    """A registry that sends everybody to a token server; the script gets the address of it too."""
    with scripted(tokens) as server:
        challenge = f'Bearer realm="{server.url}/token",service="the registry"'
        with scripted(lambda asked: script(asked, challenge)) as registry:
            yield registry


def test_a_token_is_asked_for_once_for_each_scope_with_the_login() -> None:
    tokens = Tokens()

    def script(asked: Asked, challenge: str) -> Reply:
        name = asked.path.split("/")[2]
        return OK if tokens.takes(asked, f"repository:{name}:pull") else Reply(401, {"WWW-Authenticate": challenge})

    with guarded(tokens, script) as server, server.client(LOGIN) as registry:
        for name in ("a", "a", "b", "a"):
            assert registry.tags(name) == ("1.0",)
    assert [item.query["scope"] for item in tokens.asked] == ["repository:a:pull", "repository:b:pull"]
    assert {item.query["service"] for item in tokens.asked} == {"the registry"}
    assert {item.login for item in tokens.asked} == {BASIC}
    assert BASIC not in {item.login for item in server.asked}, "the registry itself gets tokens only"
    assert len(server.asked) == 5, "one 401 in all: after it tokens are got beforehand"


def test_nobody_gets_a_token_as_somebody_else() -> None:
    tokens = Tokens()

    def script(asked: Asked, challenge: str) -> Reply:
        return OK if tokens.takes(asked, "repository:a:pull") else Reply(401, {"WWW-Authenticate": challenge})

    with guarded(tokens, script) as server, server.client() as registry:
        assert registry.tags("a") == ("1.0",)
    assert [item.login for item in tokens.asked] == [""]


def test_a_token_that_is_not_taken_any_more_is_renewed_once() -> None:
    tokens, lost = Tokens(), list[str]()

    def script(asked: Asked, challenge: str) -> Reply:
        fresh = tokens.takes(asked, "repository:a:pull") and asked.login not in lost
        return OK if fresh else Reply(401, {"WWW-Authenticate": challenge})

    with guarded(tokens, script) as server, server.client() as registry:
        registry.tags("a")
        lost.append(server.asked[-1].login)
        registry.tags("a")
    assert len(tokens.asked) == 2


def test_a_token_near_its_end_is_not_used_for_something_new(monkeypatch: pytest.MonkeyPatch) -> None:
    from sensei_tui.base import clock

    tokens, moment = Tokens(expires_in=300), [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: moment[0])

    def script(asked: Asked, challenge: str) -> Reply:
        return OK if tokens.takes(asked, "repository:a:pull") else Reply(401, {"WWW-Authenticate": challenge})

    with guarded(tokens, script) as server, server.client() as registry:
        counts = []
        for step in (0, 280, 15):
            moment[0] += step
            registry.tags("a")
            counts.append(len(tokens.asked))
    assert counts == [1, 1, 2]


def test_threads_share_a_token() -> None:
    tokens = Tokens()

    def script(asked: Asked, challenge: str) -> Reply:
        return OK if tokens.takes(asked, "repository:a:pull") else Reply(401, {"WWW-Authenticate": challenge})

    with guarded(tokens, script) as server, server.client() as registry:
        threads = [threading.Thread(target=registry.tags, args=("a",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(tokens.asked) == 1


def test_a_token_that_ends_in_the_middle_of_an_upload_costs_one_chunk() -> None:
    tokens, sample = Tokens(), Sample(2 * CHUNK + 5)
    kept, told = bytearray(), hashlib.sha256()
    refused: list[str] = []

    def script(asked: Asked, challenge: str) -> Reply:
        if asked.path == "/v2/" or not tokens.takes(asked, "repository:a:pull,push") or asked.login in refused:
            return Reply(401, {"WWW-Authenticate": challenge})
        if asked.method == "PATCH":
            if len(kept) == CHUNK and not refused:
                refused.append(asked.login)
                return Reply(401, {"WWW-Authenticate": challenge})
            assert asked.headers["Content-Range"] == f"{len(kept)}-{len(kept) + asked.length - 1}"
            kept.extend(asked.body())
        if asked.method == "PUT":
            told.update(kept)
            return Reply(201)
        return Reply(
            204 if asked.method == "GET" else 202, {"Location": "/v2/up", "Range": f"0-{max(0, len(kept) - 1)}"}
        )

    with guarded(tokens, script) as server, server.client() as registry:
        registry.upload("a", sample.digest, sample.size, sample.read)
    assert f"sha256:{told.hexdigest()}" == sample.digest
    assert len(tokens.asked) == 2
    assert server.lines.count("PATCH /v2/up") == 4


def test_mounting_asks_for_both_repositories() -> None:
    tokens = Tokens()

    def script(asked: Asked, challenge: str) -> Reply:
        both = tokens.takes(asked, "repository:a:pull,push") and tokens.takes(asked, "repository:b:pull")
        return Reply(201) if both else Reply(401, {"WWW-Authenticate": challenge})

    with guarded(tokens, script) as server, server.client() as registry:
        assert registry.mount("a", Sample(1).digest, "b")


def test_an_identity_token_goes_in_a_form() -> None:
    tokens = Tokens()

    def script(asked: Asked, challenge: str) -> Reply:
        return OK if asked.login == "Bearer token-1" else Reply(401, {"WWW-Authenticate": challenge})

    with guarded(tokens, script) as server, server.client(Login("", identity=Secret("a refresh"))) as registry:
        registry.tags("a")
    (asked,) = tokens.asked
    assert (asked.line, asked.query, asked.login) == ("POST /token", {}, "")
    assert tokens.given == {
        "token-1": ("grant_type=refresh_token&service=the+registry&client_id=sensei&scope=repository%3Aa%3Apull&refresh_token=a+refresh",)
    }  # fmt: skip


def test_a_token_server_that_refuses_is_told_with_its_name() -> None:
    with guarded(lambda _: Reply(401), refused) as server, pytest.raises(Unauthorized) as caught:
        server.client(LOGIN).tags("a")
    assert "the given login is not accepted" in caught.value.why
    assert caught.value.where.startswith("127.0.0.1:")
    assert "hidden-word" not in str(caught.value)


def test_a_token_that_never_does_ends() -> None:
    tokens = Tokens()
    with guarded(tokens, refused) as server, pytest.raises(Unauthorized):
        server.client(LOGIN).tags("a")
    assert len(server.asked) == 2


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"token": "a\\r\\nX-Evil: 1"}', b'{"token": 5}'])
def test_what_is_no_token(body: bytes) -> None:
    with guarded(lambda _: Reply(200, body=body), refused) as server, pytest.raises(Unauthorized, match="no token"):
        server.client().tags("a")


def test_a_token_server_is_trusted_by_the_same_authority(tmp_path: Path) -> None:
    tokens = Tokens()
    with scripted(tokens, tmp_path) as server:
        challenge = f'Bearer realm="{server.url}/token"'
        script: Script = lambda asked: OK if asked.login in ("Bearer token-1",) else refused(asked, challenge)  # noqa: E731
        with scripted(script, tmp_path) as registry:
            assert registry.client(LOGIN).tags("a") == ("1.0",)
    assert [item.login for item in tokens.asked] == [BASIC]


def test_a_login_is_not_shown_to_a_token_server_without_tls(tmp_path: Path) -> None:
    tokens = Tokens()
    with scripted(tokens) as server:
        challenge = f'Bearer realm="{server.url}/token"'
        guard = scripted(lambda asked: refused(asked, challenge), tmp_path)
        with guard as registry, pytest.raises(Unauthorized, match="without TLS"):
            registry.client(LOGIN).tags("a")
    assert not tokens.asked


def test_the_login_stays_here_when_a_blob_is_elsewhere() -> None:
    content = b"some content"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    with scripted(lambda _: Reply(200, body=content)) as storage:
        elsewhere = f"http://localhost:{storage.port}/bucket/key?signature=x%2Fy"

        def script(asked: Asked) -> Reply:
            if asked.login != BASIC:
                return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
            return Reply(307, {"Location": elsewhere})

        with scripted(script) as server, server.client(LOGIN) as registry:
            assert b"".join(registry.blob("a", digest)) == content
            assert registry.has_blob("a", digest) == len(content)
    assert [item.login for item in storage.asked] == ["", ""]
    assert storage.asked[0].query == {"signature": "x/y"}


def test_storage_that_wants_a_login_does_not_get_ours() -> None:
    with scripted(lambda _: Reply(401, {"WWW-Authenticate": 'Basic realm="give"'})) as storage:
        script = Reply(302, {"Location": f"http://localhost:{storage.port}/x"})
        with scripted(lambda _: script) as server, pytest.raises(Unauthorized):
            list(server.client(LOGIN).blob("a", Sample(1).digest))
    assert {item.login for item in storage.asked} == {""}


def test_an_upload_that_goes_on_elsewhere_goes_without_the_login() -> None:
    with scripted(lambda asked: (asked.body() and Reply(201)) or Reply(201)) as storage:

        def script(asked: Asked) -> Reply:
            if asked.login != BASIC:
                return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
            return Reply(202, {"Location": f"http://localhost:{storage.port}/put?x=1"})

        sample = Sample(5)
        with scripted(script) as server, server.client(LOGIN) as registry:
            registry.upload("a", sample.digest, sample.size, sample.read)
    assert [(item.line, item.login) for item in storage.asked] == [("PUT /put", "")]
    assert storage.asked[0].query == {"x": "1", "digest": sample.digest}


def test_redirects_end() -> None:
    moved = scripted(lambda asked: Reply(302, {"Location": asked.path}))
    with moved as server, pytest.raises(RegistryError, match="too many redirects"):
        server.client().tags("a")
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("text", "schemes"),
    [
        ('Bearer realm="https://a/t",service="s, t",scope="x:y:pull,push"', ["bearer"]),
        ('Basic realm="a b"', ["basic"]),
        ('Basic realm="a", Bearer realm="b"', ["basic", "bearer"]),
        ("Negotiate, Basic realm=x", ["negotiate", "basic"]),
        ('BEARER realm="a\\"b"', ["bearer"]),
        ("", []),
        ("=", []),
    ],
)
def test_challenges(text: str, schemes: list[str]) -> None:
    assert [item.scheme for item in challenges([text])] == schemes


def test_a_challenges_parameters() -> None:
    (found,) = challenges(['Bearer realm="https://a/t" , service="s, t",scope="x:y:pull,push", error=invalid'])
    assert found.named == {"realm": "https://a/t", "service": "s, t", "scope": "x:y:pull,push", "error": "invalid"}
