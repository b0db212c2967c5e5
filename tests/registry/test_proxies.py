"""By way of a proxy, as container tools go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import Unreachable
from sensei_tui.registry.proxies import proxy_for
from sensei_tui.registry.reference import Place
from tests.registry.real import QUICK
from tests.registry.scripted import Reply, scripted

PROXY = {"HTTPS_PROXY": "http://proxy.lan:3128"}
TAGS = Reply(200, body=b'{"tags": ["1.0"]}')


@pytest.mark.parametrize(
    ("host", "exceptions", "direct"),
    [
        ("registry.lan", "", False),
        ("127.0.0.9", "", True),
        ("::1", "", True),
        ("localhost", "", True),
        ("registry.lan", "*", True),
        ("registry.lan", "other.lan, registry.lan", True),
        ("registry.lan", ".lan", True),
        ("registry.lan", "*.lan", True),
        ("registry.lan", "lan", True),
        ("registrylan", "lan", False),
        ("REGISTRY.lan", "registry.LAN", True),
        ("registry.lan", "registry.lan:443", True),
        ("registry.lan", "registry.lan:5000", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::5", "fd00::5", True),
        ("fd00::5", "[fd00::5]:443", True),
        ("fd00::5", "fd00::/8", True),
        ("registry.lan", "not/a/network,,", False),
    ],
)
def test_exceptions(host: str, exceptions: str, direct: bool) -> None:
    assert (proxy_for(host, 443, {**PROXY, "no_proxy": exceptions}) is None) == direct


def test_a_proxy_with_a_login_that_is_not_shown() -> None:
    found = proxy_for("registry.lan", 443, {"https_proxy": "me:hidden%2Dword@proxy.lan:8080"})
    assert found
    assert (found.host, found.port) == ("proxy.lan", 8080)
    assert found.headers() == {"Proxy-Authorization": "Basic bWU6aGlkZGVuLXdvcmQ="}
    assert "bWU6" not in f"{found}{found!r}"


@pytest.mark.parametrize(
    "text", ["socks5://hidden@proxy.lan", "http://", "http://me:hidden@proxy.lan:port", "https://proxy.lan"]
)
def test_a_proxy_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY") as caught:
        proxy_for("registry.lan", 443, {"HTTPS_PROXY": text})
    assert "hidden" not in str(caught.value)


class Tunnel(NamedTuple):
    port: int
    heads: list[bytes]
    """What was said before the tunnel stood."""


@contextmanager
def tunnel(target: int, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[Tunnel]:
    """A proxy for one connection, which it leads to a port of this host whatever it is asked for."""
    server = socket.create_server(("127.0.0.1", 0))
    heads: list[bytes] = []

    def serve() -> None:
        line, _ = server.accept()
        with line, socket.create_connection(("127.0.0.1", target)) as other:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += line.recv(1)
            heads.append(head)
            line.sendall(answer)
            back = threading.Thread(target=_lead, args=(other, line))
            back.start()
            _lead(line, other)
            back.join()

    thread = threading.Thread(target=serve)
    thread.start()
    with server:
        yield Tunnel(server.getsockname()[1], heads)
        thread.join(20)


def _lead(source: socket.socket, target: socket.socket) -> None:
    try:
        while block := source.recv(1 << 16):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_a_registry_behind_a_proxy_is_spoken_to_with_tls_through_it(tmp_path: Path) -> None:
    with scripted(lambda _: TAGS, tmp_path) as server, tunnel(server.port) as proxy:
        environment = {"HTTPS_PROXY": f"http://me:word@127.0.0.1:{proxy.port}"}
        # A name that the certificate has and this host can't resolve: only the proxy needs to.
        place = Place.parse("kubernetes.default.svc:5000")
        with Registry(place, ca=server.ca, patience=QUICK, environment=environment) as registry:
            assert registry.tags("a") == registry.tags("b") == ("1.0",)
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT kubernetes.default.svc:5000 HTTP/1.")
    assert b"Proxy-Authorization: Basic bWU6d29yZA==" in head
    assert "Proxy-Authorization" not in server.asked[0].headers


def test_a_proxy_that_refuses_is_named(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    with scripted(lambda _: TAGS, tmp_path) as server, tunnel(server.port, answer) as proxy:
        environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        with pytest.raises(Unreachable) as caught:
            Registry(Place.parse("registry.lan"), environment=environment).ping()
    assert "407 proxy authentication required" in caught.value.why
    assert f"the proxy 127.0.0.1:{proxy.port}" in caught.value.why
