"""The way to the outside, where a site has a proxy: HTTPS_PROXY and NO_PROXY as container tools read them."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sensei_tui.base.errors import UsageError
from sensei_tui.base.redaction import Secret

_PORT = 80
"""Of a proxy that is named without one."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One that is asked for a tunnel (CONNECT)."""

    host: str
    port: int
    login: Secret | None = None
    """The value of Proxy-Authorization."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def headers(self) -> dict[str, str]:
        """What goes with CONNECT."""
        return {"Proxy-Authorization": self.login.reveal()} if self.login else {}


def proxy_for(host: str, port: int, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy for a server that speaks TLS; None if it is reached directly. Raises UsageError.

    Plain HTTP always goes directly: nobody should speak it beyond the own network.
    """
    text = _named(environment, "https_proxy")
    if not text or _loopback(host) or _excepted(host, port, _named(environment, "no_proxy")):
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port or _PORT
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise UsageError("The proxy named by HTTPS_PROXY can't be used.", remedy="Write http://HOST:PORT.")
    return Proxy(parts.hostname, port, _login(parts.username, parts.password))


def _named(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""


def _login(user: str | None, password: str | None) -> Secret | None:
    if not user:
        return None
    text = f"{unquote(user)}:{unquote(password or '')}"
    return Secret("Basic " + base64.b64encode(text.encode()).decode())


def _loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or bool(address and address.is_loopback)


def _excepted(host: str, port: int, text: str) -> bool:
    return any(_covers(item.strip().lower(), host.lower(), port) for item in text.split(",") if item.strip())


def _covers(item: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY stands for a server: `*`, a network, an address, or a name and all below it."""
    address = _address(host)
    if "/" in item:
        return bool(address and _within(address, item))
    item, only = _parted(item)
    if only and only != port:
        return False
    name = item.removeprefix("*").removeprefix(".")
    return item == "*" or host == name or (not address and host.endswith(f".{name}"))


def _parted(item: str) -> tuple[str, int]:
    """Name and port of an entry; 0 if it is for every port. IPv6 has a port only behind brackets."""
    name, _, port = item.rpartition(":")
    if port.isdecimal() and (":" not in name or name.endswith("]")):
        return name.strip("[]"), int(port)
    return item.strip("[]"), 0


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
