"""Stores behind TLS with the site's own authority, every way to log in that PostgreSQL has, and virtual-host buckets."""

from __future__ import annotations

import io
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensei_probe.postgres import Postgres
from sensei_probe.s3 import PART, S3, Stored
from sensei_probe.settings import Database, Failure, Storage
from sensei_tui.rehearsal import tls
from tests.images import servers
from tests.images.conftest import Probe, why_not

pytestmark = pytest.mark.timeout(180)
Certificates = tuple[Path, Path, Path]
"""The authority's, the server's, the server's key."""
DOMAIN = "s3.example.test"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if why := why_not():
        pytest.skip(why)
    found = tmp_path_factory.mktemp("secured")
    for place in (found, found.parent, found.parent.parent):
        place.chmod(0o755)
    return found


@pytest.fixture(scope="module")
def certificates(root: Path) -> Certificates:
    return tls.ensure(root / "tls")


# PostgreSQL.

LOGINS = ("scram-sha-256", "md5", "password")
PASSWORD = "pässwort \N{LATIN SMALL LIGATURE FI}"
"""Not the same after SASLprep, which makes two letters of the ligature."""


@pytest.fixture(scope="module")
def database(root: Path, certificates: Certificates) -> Iterator[dict[str, str]]:
    """A role for each way to log in; TLS is offered."""
    with servers.postgres(root) as environ:
        data = root / "pg"
        for source, name in zip(certificates[1:], ("server.crt", "server.key"), strict=True):
            shutil.copy(source, data / name)
            shutil.chown(data / name, "postgres", "postgres")
            (data / name).chmod(0o600)
        rules = "".join(f"host all {name!r} 127.0.0.1/32 {name}\n" for name in LOGINS).replace("'", '"')
        hba = data / "pg_hba.conf"
        hba.write_text(rules + hba.read_text())
        for name in LOGINS:
            kind = "md5" if name == "md5" else "scram-sha-256"
            made = servers.psql(
                environ, f"SET password_encryption = '{kind}'; CREATE ROLE \"{name}\" LOGIN PASSWORD '{PASSWORD}'"
            )
            assert made.returncode == 0, made.stderr
        for statement in ("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"):
            assert servers.psql(environ, statement).returncode == 0
        servers.until(lambda: servers.psql(environ, "SHOW ssl").stdout == "on\n", lambda: "no TLS")
        yield environ


def as_role(environ: dict[str, str], role: str, **more: str) -> Database:
    return Database.of(
        {**environ, "DATABASE_NAME": "sensei", "DATABASE_USER": role, "DATABASE_PASSWORD": PASSWORD, **more}
    )


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
@pytest.mark.parametrize("role", LOGINS)
def test_every_login_works_through_tls(
    role: str, sslmode: str, database: dict[str, str], certificates: Certificates
) -> None:
    given = as_role(database, role, DATABASE_SSLMODE=sslmode, DATABASE_CA=str(certificates[0]))
    with Postgres(given) as session:
        asked = "SELECT ssl::text, current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert session.query(asked) == [["true", role]]


def test_a_password_goes_in_the_clear_only_through_tls(database: dict[str, str]) -> None:
    for role in ("scram-sha-256", "md5"):
        with Postgres(as_role(database, role)) as session:
            assert session.query("SELECT 1") == [["1"]]
    with pytest.raises(Failure, match="asks for a way to log in that is not used here") as refused:
        Postgres(as_role(database, "password"))
    assert PASSWORD not in str(refused.value)


def test_a_server_of_another_authority_or_name_is_refused(
    database: dict[str, str], certificates: Certificates, tmp_path: Path
) -> None:
    other, _, _ = tls.ensure(tmp_path / "other")
    with pytest.raises(Failure, match="certificate verify failed"):
        Postgres(as_role(database, "md5", DATABASE_SSLMODE="verify-ca", DATABASE_CA=str(other)))
    # The same address by a name that the certificate has not.
    named = {"DATABASE_CA": str(certificates[0]), "DATABASE_HOST": "127.1"}
    with pytest.raises(Failure, match=r"[Hh]ostname mismatch|IP address mismatch"):
        Postgres(as_role(database, "md5", DATABASE_SSLMODE="verify-full", **named))
    with Postgres(as_role(database, "md5", DATABASE_SSLMODE="verify-ca", **named)) as session:
        assert session.query("SELECT 1") == [["1"]]


# Redis.


def test_redis_through_tls(root: Path, certificates: Certificates, probe: Probe) -> None:
    authority, certificate, key = certificates
    port = servers.free_port()
    command = ["/usr/bin/redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "",
               "--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no",
               "--requirepass", "secret", "--dir", str(root)]  # fmt: skip
    environ = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_TLS": "true", "REDIS_PASSWORD": "secret"}
    with servers.process(command, lambda: servers.answers(port), root / "redis.log"):
        done = probe("check", "redis", environ={**environ, "SSL_CERT_FILE": str(authority)})
        assert done.returncode == 0, done.stderr
        unknown = probe("check", "redis", environ=environ)
        assert (unknown.returncode, "certificate verify failed" in unknown.stderr) == (1, True)


def test_a_password_is_in_no_message(root: Path, probe: Probe) -> None:
    """A server without AUTH repeats what it was sent."""
    port = servers.free_port()
    command = ["/usr/bin/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(root),
               "--rename-command", "AUTH", ""]  # fmt: skip
    environ = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_TLS": "false", "REDIS_PASSWORD": "s3cr3t"}
    with servers.process(command, lambda: servers.answers(port), root / "redis.log"):
        done = probe("check", "redis", environ=environ)
    assert done.returncode == 1
    assert "unknown command" in done.stderr
    assert "s3cr3t" not in done.stderr + done.stdout


# S3.


@pytest.fixture(scope="module")
def minio(root: Path, certificates: Certificates) -> Iterator[dict[str, str]]:
    """MinIO with TLS, whose buckets have host names of their own as well."""
    (root / "certs").mkdir()
    shutil.copy(certificates[1], root / "certs/public.crt")
    shutil.copy(certificates[2], root / "certs/private.key")
    with servers.minio(root, certificates=root / "certs", domain=DOMAIN) as environ:
        yield environ


def test_an_object_store_through_tls(minio: dict[str, str], certificates: Certificates, probe: Probe) -> None:
    assert minio["S3_ENDPOINT"].startswith("https://")
    unknown = probe("buckets", "--wait", "0", environ=minio)
    assert (unknown.returncode, "certificate verify failed" in unknown.stderr) == (1, True)
    trusted = {**minio, "SSL_CERT_FILE": str(certificates[0])}
    for command in (("buckets",), ("check", "storage")):
        done = probe(*command, environ=trusted)
        assert done.returncode == 0, done.stderr


def test_buckets_by_host_name(
    minio: dict[str, str], certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(minio["S3_ENDPOINT"].rpartition(":")[2])
    asked, real = list[str](), socket.getaddrinfo

    def resolved(host: str, *rest: object, **more: object) -> object:
        asked.append(host)
        return real("127.0.0.1", *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    # The certificate names no bucket: what is tested is how it is asked and signed.
    monkeypatch.setattr("ssl.create_default_context", ssl._create_unverified_context)
    storage = Storage(f"https://{DOMAIN}:{port}", "us-east-1", False, minio["S3_ACCESS_KEY"], minio["S3_SECRET_KEY"])
    client = S3(storage)
    client.make("by-name")
    content = os.urandom(PART + 5)
    client.upload("by-name", "a b/ü+.bin", io.BytesIO(content), "text/x-sensei", len(content))
    assert client.head("by-name", "a b/ü+.bin") is not None
    item = next(client.listed("by-name"))
    client.copy("by-name", item, "by-name", "copy")
    assert client.get("by-name", "copy").read() == content
    assert set(asked) == {f"by-name.{DOMAIN}"}
    with pytest.raises(Failure, match="PreconditionFailed"):
        client.copy("by-name", Stored(item.key, item.size, "0" * 32), "by-name", "other")


def test_the_database_scripts_own_client_takes_the_same_settings(
    database: dict[str, str], certificates: Certificates
) -> None:
    """libpq, as pg_dump and psql use it, with what the chart gives both."""
    programs = servers.postgres_bin()
    assert programs is not None
    given = {"PGHOST": "127.0.0.1", "PGPORT": database["DATABASE_PORT"], "PGUSER": "scram-sha-256", "PGDATABASE": "sensei",
             "PGPASSWORD": PASSWORD, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(certificates[0])}  # fmt: skip
    done = subprocess.run(
        [programs / "psql", "-XAtc", "SELECT 1"], env={**os.environ, **given}, capture_output=True, text=True
    )
    assert done.stdout == "1\n", done.stderr
