"""A real registry with TLS of its own authority and a login; and what is told where one of them is wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.registry.client import Registry
from sensei_tui.registry.credentials import Keyring
from sensei_tui.registry.errors import RegistryError, TlsFailed, Unauthorized, Unreachable, WrongScheme
from sensei_tui.registry.reference import Place
from sensei_tui.registry.uploads import CHUNK
from sensei_tui.rehearsal import tls
from tests.registry.blobs import Sample, image, send
from tests.registry.certificates import server
from tests.registry.kinds import both
from tests.registry.real import PASSWORD, USER, Real, login, needs_htpasswd, started

pytestmark = [both, needs_htpasswd]


@pytest.fixture(scope="module")
def secured(registry_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with started(Real(tmp_path_factory.mktemp("secured")).with_tls().with_login()) as found:
        yield found


def test_everything_works_with_tls_and_a_login(secured: Real) -> None:
    with secured.client(login()) as registry:
        registry.ping()
        stored = image(registry, "tests/a", Sample(10), Sample(CHUNK + 1_000))
        registry.put_manifest("tests/a", "1.0", stored)
        assert registry.manifest("tests/a", "1.0") == stored
        sample = Sample(CHUNK + 1_000)
        assert b"".join(registry.blob("tests/a", sample.digest)) == sample.content


def test_the_login_is_found_where_docker_left_it(secured: Real, tmp_path: Path) -> None:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    told = {"auths": {str(secured.place): {"auth": auth}}}
    (tmp_path / "config.json").write_text(json.dumps(told))
    with secured.client(Keyring({"DOCKER_CONFIG": str(tmp_path)}, tmp_path)) as registry:
        send(registry, "tests/b", Sample(5))


def test_without_a_login_the_places_that_were_looked_at_are_told(secured: Real, tmp_path: Path) -> None:
    with secured.client(Keyring({}, tmp_path)) as registry, pytest.raises(Unauthorized) as caught:
        send(registry, "tests/a", Sample(5))
    assert f"no login for {secured.place} in {tmp_path}/.docker/config.json" in caught.value.why


def test_a_wrong_password_is_told_but_not_shown(secured: Real) -> None:
    with secured.client(login("wrong-word")) as registry, pytest.raises(Unauthorized) as caught:
        registry.ping()
    assert caught.value.status == 401
    assert "not accepted" in str(caught.value)
    assert "wrong-word" not in f"{caught.value} {caught.value.as_dict()} {caught.value!r}"
    assert base64.b64encode(f"{USER}:wrong-word".encode()).decode() not in str(caught.value)


def failure(registry: Registry) -> RegistryError:
    with registry, pytest.raises(RegistryError) as caught:
        registry.ping()
    return caught.value


def test_an_authority_that_is_not_known(secured: Real) -> None:
    error = failure(secured.client(login(), ca=None))
    assert isinstance(error, TlsFailed)
    assert "authority that is not trusted" in error.why
    assert "--ca" in error.remedy


def test_another_authority(secured: Real, tmp_path: Path) -> None:
    other, _, _ = tls.ensure(tmp_path)
    error = failure(secured.client(login(), ca=other))
    assert isinstance(error, TlsFailed)
    assert str(other) in error.why
    assert "That file is not the authority's" in error.remedy


@pytest.mark.parametrize(
    ("days", "name", "why"), [(-1, "127.0.0.1", "has expired"), (1, "127.0.0.2", "for another name")]
)
def test_a_certificate_that_does_not_do(tmp_path: Path, days: int, name: str, why: str) -> None:
    with started(Real(tmp_path).with_certificate(*server(tmp_path, name, days))) as real:
        error = failure(real.client())
    assert isinstance(error, TlsFailed)
    assert why in error.why


def test_the_registrys_own_certificate_may_be_named_as_authority(tmp_path: Path) -> None:
    _, certificate, key = server(tmp_path, "127.0.0.1", 1)
    with started(Real(tmp_path).with_certificate(certificate, certificate, key)) as real, real.client() as registry:
        registry.ping()


def test_plain_http_asked_of_tls(secured: Real) -> None:
    error = failure(secured.client(login(), plain=True))
    assert isinstance(error, WrongScheme)
    assert "speaks TLS" in error.why


def test_tls_asked_of_plain_http(real: Real) -> None:
    error = failure(real.client(plain=False))
    assert isinstance(error, WrongScheme)
    assert "--plain-http" in error.remedy


def test_nobody_listens_and_an_unknown_name() -> None:
    closed = failure(Registry(Place.parse("127.0.0.1:1"), plain=True))
    assert (closed.code, closed.why) == ("registry-unreachable", "connection refused")
    unknown = failure(Registry(Place.parse("registry.invalid:5000"), plain=True))
    assert isinstance(unknown, Unreachable)
    assert "resolved" in unknown.why


def test_a_file_that_is_no_authority(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")
    for name in ("ca.crt", "missing.crt"):
        with pytest.raises(UsageError, match="authority cannot be read"):
            Registry(Place.parse("registry.lan"), ca=tmp_path / name)
