"""Real servers for these tests, each a process of its own on the loopback address, in a directory of its own."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import build

STARTED = 60.0
"""Seconds for a server to answer; a busy machine takes long to make a database cluster."""
PASSWORD = "pass word'1\"\\"
"""With everything that a shell, a URL or a configuration file could trip over."""
KEY = "sensei-key"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def process(
    command: list[str], ready: Callable[[], bool], log: Path, user: str = "", environ: Mapping[str, str] | None = None,
    **options: object,
) -> Iterator[subprocess.Popen[bytes]]:  # fmt: skip
    """A server that is ready; ended at the end."""
    with log.open("ab") as said:
        found = subprocess.Popen(
            command, stdout=said, stderr=said, start_new_session=True, env={**os.environ, **(environ or {})},
            user=user or None, group=user or None, cwd="/", **options,  # type: ignore[call-overload]
        )  # fmt: skip
    try:
        until(ready, lambda: f"{command[0]} does not start: {log.read_text()[-2000:]}", found)
        yield found
    finally:
        end(found)


def end(found: subprocess.Popen[bytes]) -> None:
    """The process and what it started, gone."""
    if found.poll() is None:
        os.killpg(found.pid, signal.SIGTERM)
        try:
            found.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(found.pid, signal.SIGKILL)
            found.wait()


def until(true: Callable[[], bool], why: Callable[[], str], found: subprocess.Popen[bytes] | None = None) -> None:
    """Wait for it. Raises AssertionError."""
    deadline = time.monotonic() + STARTED
    while not true():
        ended = found is not None and found.poll() is not None
        assert not ended, why()
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def http_ok(url: str) -> bool:
    """Whether it answers 200, by whatever certificate."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=ssl._create_unverified_context()) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def postgres_bin() -> Path | None:
    """The newest PostgreSQL of this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else None


@contextmanager
def postgres(root: Path, user: str = "postgres") -> Iterator[dict[str, str]]:
    """A database cluster with a user and a database `sensei`; the variables that lead to it."""
    programs, port, data = postgres_bin(), free_port(), root / "pg"
    assert programs is not None
    data.mkdir()
    shutil.chown(data, user, pwd.getpwnam(user).pw_gid)
    secret = root / "pg-password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid}
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "sensei", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"],
        check=True, capture_output=True, cwd="/", **as_user,  # type: ignore[call-overload]
    )  # fmt: skip
    command = [
        str(programs / "postgres"),
        "-D",
        str(data),
        "-p",
        str(port),
        "-k",
        "",
        "-h",
        "127.0.0.1",
        "-c",
        "fsync=off",
    ]
    environ = {
        "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(port), "DATABASE_NAME": "sensei", "DATABASE_USER": "sensei",
        "DATABASE_PASSWORD": PASSWORD, "DATABASE_SSLMODE": "disable",
    }  # fmt: skip
    with process(command, lambda: answers(port), root / "pg.log", user):
        until(
            lambda: psql({**environ, "DATABASE_NAME": "postgres"}, "CREATE DATABASE sensei").returncode == 0,
            lambda: "no database",
        )
        yield environ


def psql(environ: Mapping[str, str], statement: str) -> subprocess.CompletedProcess[str]:
    """A statement, as PostgreSQL's own client says it."""
    return _client(environ, "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement)


def dump(environ: Mapping[str, str]) -> str:
    """The whole database as text."""
    found = _client(environ, "pg_dump", "--no-owner", "--no-privileges")
    assert found.returncode == 0, found.stderr
    return found.stdout


def _client(environ: Mapping[str, str], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    programs = postgres_bin()
    assert programs is not None
    names = {"HOST": "HOST", "PORT": "PORT", "USER": "USER", "PASSWORD": "PASSWORD", "NAME": "DATABASE"}
    given = {f"PG{ours}": environ[f"DATABASE_{theirs}"] for theirs, ours in names.items()}
    return subprocess.run([programs / program, *arguments], env={**os.environ, **given}, capture_output=True, text=True)


@contextmanager
def redis(root: Path) -> Iterator[dict[str, str]]:
    """Redis with a password."""
    port = free_port()
    conf = root / "redis.conf"
    conf.write_text(f"port {port}\nbind 127.0.0.1\nsave ''\ndir {root}\nrequirepass secret\n")
    with process(["/usr/bin/redis-server", str(conf)], lambda: answers(port), root / "redis.log"):
        yield {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port), "REDIS_TLS": "false", "REDIS_PASSWORD": "secret"}


@contextmanager
def minio(root: Path, certificates: Path | None = None, domain: str = "") -> Iterator[dict[str, str]]:
    """MinIO with one drive; with TLS, where there are certificates, and buckets as hosts of a domain, where there is one."""
    programs, port, data = build.built("minio"), free_port(), root / "minio"
    assert programs is not None
    data.mkdir()
    data.chmod(0o777)
    environ = {
        "MINIO_ROOT_USER": KEY,
        "MINIO_ROOT_PASSWORD": "sensei-secret",
        "HOME": str(data),
        "MINIO_BROWSER": "off",
        **({"MINIO_DOMAIN": domain} if domain else {}),
    }
    command = [str(programs / "minio"), "server", f"--address=127.0.0.1:{port}", str(data / "drive")]
    command += [f"--certs-dir={certificates}"] if certificates else []
    url = f"{'https' if certificates else 'http'}://127.0.0.1:{port}"
    with process(command, lambda: http_ok(f"{url}/minio/health/ready"), root / "minio.log", environ=environ):
        yield {
            "S3_ENDPOINT": url, "S3_REGION": "us-east-1", "S3_PATH_STYLE": "true",
            "S3_ACCESS_KEY": KEY, "S3_SECRET_KEY": "sensei-secret", "S3_BUCKET_CHECKPOINTS": "sensei-checkpoints",
            "S3_BUCKET_ARTIFACTS": "sensei-artifacts",
        }  # fmt: skip


@contextmanager
def weaviate(root: Path, nodes: int = 1) -> Iterator[dict[str, str]]:
    """Weaviate with a key, with the variables of the chart; one node, or several that know each other."""
    with contextlib.ExitStack() as open_:
        started = [open_.enter_context(one) for one in weaviate_nodes(root, nodes)]
        yield started[0][0]


@dataclass(frozen=True)
class Node:
    """Ports of one node of Weaviate: beside the gossip's and Raft's it takes the next one."""

    port: int
    gossip: int
    raft: int

    @classmethod
    def free(cls) -> Node:
        """Nobody listens on them."""
        return cls(free_port(), free_pair(), free_pair())


def free_pair() -> int:
    """A port nobody listens on, and on the next neither."""
    while True:
        port = free_port()
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port + 1))
            return port


def weaviate_nodes(
    root: Path, count: int
) -> list[AbstractContextManager[tuple[dict[str, str], subprocess.Popen[bytes]]]]:
    """Each node to be started; the first answers when all of them are there."""
    nodes = [Node.free() for _ in range(count)]
    return [weaviate_node(root, nodes, number) for number in reversed(range(count))]


@contextmanager
def weaviate_node(
    root: Path, nodes: list[Node], number: int
) -> Iterator[tuple[dict[str, str], subprocess.Popen[bytes]]]:
    """One of them: the variables that lead to it, and its process. The last to be started waits for the others."""
    programs, own = build.built("weaviate"), nodes[number]
    assert programs is not None
    ports = {name: str(free_port()) for name in (
        "GRPC_PORT", "PROFILING_PORT", "PROMETHEUS_MONITORING_PORT")}  # fmt: skip
    environ = {
        **ports, "CLUSTER_GOSSIP_BIND_PORT": str(own.gossip), "CLUSTER_DATA_BIND_PORT": str(own.gossip + 1),
        "RAFT_PORT": str(own.raft), "RAFT_INTERNAL_RPC_PORT": str(own.raft + 1), "CLUSTER_IN_LOCALHOST": "true", "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "PERSISTENCE_DATA_PATH": str(root / f"weaviate-{number}"), "CLUSTER_HOSTNAME": f"sensei-weaviate-{number}",
        "CLUSTER_JOIN": ",".join(f"127.0.0.1:{node.gossip}" for node in nodes[number + 1 :]),
        "RAFT_BOOTSTRAP_EXPECT": str(len(nodes)),
        "RAFT_JOIN": ",".join(f"sensei-weaviate-{n}:{node.raft}" for n, node in enumerate(nodes)),
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true", "AUTHENTICATION_APIKEY_USERS": "sensei",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": KEY, "AUTHORIZATION_ADMINLIST_ENABLED": "true",
        "AUTHORIZATION_ADMINLIST_USERS": "sensei", "DISABLE_TELEMETRY": "true",
        "REPLICATION_MINIMUM_FACTOR": str(min(3, len(nodes))),
    }  # fmt: skip
    url = f"http://127.0.0.1:{own.port}"
    command = [str(programs / "weaviate-server"), "--host=127.0.0.1", f"--port={own.port}", "--scheme=http"]
    # Nodes are ready when all are there: the one that is started last is waited for.
    ready = (lambda: http_ok(f"{url}/v1/.well-known/ready")) if number == 0 else (lambda: answers(own.gossip))
    with process(command, ready, root / f"weaviate-{number}.log", environ=environ) as found:
        yield {"VECTOR_DB_URL": url, "VECTOR_DB_API_KEY": KEY}, found


class Refusing(http.server.ThreadingHTTPServer):
    """An S3 service that forbids some requests, in front of one that does not: it is given the rest as it comes."""

    daemon_threads = True

    def __init__(self, behind: str, forbids: Callable[[str, str], bool]) -> None:
        super().__init__(("127.0.0.1", 0), _Refusing)
        self.behind, self.forbids = behind, forbids
        self.refused: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Refusing:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Refusing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Refusing

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.server.forbids(self.command, self.path):
            self.server.refused.append(f"{self.command} {self.path}")
            return self._say(403, {}, b"<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>")
        # With the host that was signed.
        line = http.client.HTTPConnection(self.server.behind.removeprefix("http://"))
        line.request(self.command, self.path, body, dict(self.headers))
        found = line.getresponse()
        return self._say(found.status, dict(found.getheaders()), found.read())

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
        told = {name: value for name, value in headers.items() if name.lower() not in _HOP}
        for name, value in {**told, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


_HOP = ("content-length", "transfer-encoding", "connection")
