"""HTTP to one API server: the official client reads the kubeconfig and renews credentials, urllib3 carries bytes.

The client's own calls are not used: its typed models cost 10 s and 0.9 GB for 10,000 pods and raise on objects
without optional fields.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from sensei_tui.base.text import clip, one_line
from sensei_tui.cluster.errors import ContextNotFound, KubeconfigError, from_exception, from_status
from sensei_tui.cluster.target import Target

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

POOL = 32
"""Connections kept; a store holds one for each kind it watches."""
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""A JSON body is valid YAML."""
Query = Mapping[str, str | int | bool]


class Transport:
    """Requests against the server of one kubeconfig context. Any thread."""

    def __init__(self, target: Target, timeout: float) -> None:
        """Raises KubeconfigError; does not touch the network."""
        from kubernetes.client.rest import RESTClientObject

        self.timeout = timeout
        self.configuration = _configuration(target)
        self.url = str(self.configuration.host).rstrip("/")
        self._rest = RESTClientObject(self.configuration)
        self._credentials = threading.Lock()

    def close(self) -> None:
        """Give the pooled connections back."""
        self._rest.close()

    def headers(self) -> dict[str, str]:
        """Who we are; an expired token is renewed first (exec plugins run here). Raises KubeconfigError."""
        with self._credentials, _credential_errors():
            settings = self.configuration.auth_settings()
        named = {"user-agent": "sensei-tui", "accept": "application/json"}
        return named | {item["key"]: item["value"] for item in settings.values() if item.get("value")}

    def request(
        self, method: str, path: str, query: Query | None = None, body: Any = None, *, media: str = "application/json",
        timeout: float | tuple[float, float] | None = None, what: str = "",
    ) -> bytes:  # fmt: skip
        """The answer's bytes. `body` is encoded as JSON. Raises ClusterError."""
        answer = self.open(method, path, query, body, media=media, timeout=timeout, what=what, packed=True)
        what = what or _what(method, path)
        try:
            return bytes(answer.data)
        except _transport_errors() as error:
            raise from_exception(error, what, self.url) from error
        finally:
            answer.release_conn()

    def open(
        self, method: str, path: str, query: Query | None = None, body: Any = None, *, media: str = "application/json",
        timeout: float | tuple[float, float] | None = None, what: str = "", packed: bool = False,
    ) -> BaseHTTPResponse:  # fmt: skip
        """The answer with its body unread, for streams; `packed` allows gzip (a twentieth of a long list).

        Raises ClusterError also where it is none of 2xx.
        """
        what = what or _what(method, path)
        answer = self._send(method, self._address(path, query), body, media, timeout, what, packed)
        if 200 <= answer.status < 300:
            return answer
        told = bytes(answer.data)
        answer.release_conn()
        raise from_status(answer.status, told, what, self.url)

    def _send(
        self, method: str, address: str, body: Any, media: str, timeout: float | tuple[float, float] | None, what: str,
        packed: bool,
    ) -> BaseHTTPResponse:  # fmt: skip
        content = None if body is None else msgspec.json.encode(body)
        headers = self.headers() | ({"content-type": media} if content is not None else {})
        headers |= {"accept-encoding": "gzip"} if packed else {}
        for last in (False, True):
            try:
                answer: BaseHTTPResponse = self._rest.pool_manager.request(
                    method, address, body=content, headers=headers, timeout=self._limits(timeout),
                    preload_content=False, retries=False,
                )  # fmt: skip
            except _transport_errors() as error:
                # A kept connection that the server closed meanwhile: nothing was done, a read may be sent again.
                if method == "GET" and not last and "RemoteDisconnected" in str(error):
                    continue
                raise from_exception(error, what, self.url) from error
            return answer
        raise AssertionError("unreachable")

    def _limits(self, timeout: float | tuple[float, float] | None) -> Any:
        import urllib3

        connect, read = timeout if isinstance(timeout, tuple) else (min(self.timeout, timeout or self.timeout), timeout)
        return urllib3.Timeout(connect=connect, read=read or self.timeout)

    def _address(self, path: str, query: Query | None) -> str:
        named = {key: _flag(value) for key, value in (query or {}).items() if value != ""}
        return f"{self.url}{path}{'?' + urlencode(named) if named else ''}"


def _flag(value: str | int | bool) -> str | int:
    return str(value).lower() if isinstance(value, bool) else value


def _what(method: str, path: str) -> str:
    verb = {"GET": "read", "POST": "create", "PUT": "replace", "PATCH": "change", "DELETE": "delete"}[method]
    return f"The cluster did not let us {verb} {path}."


def _transport_errors() -> tuple[type[Exception], ...]:
    import urllib3

    return (urllib3.exceptions.HTTPError, OSError)


def _config_exception() -> type[Exception]:
    from kubernetes.config import ConfigException

    found: type[Exception] = ConfigException
    return found


def _configuration(target: Target) -> Any:
    """The official client's Configuration for a context of a kubeconfig file."""
    from kubernetes.client.configuration import Configuration
    from kubernetes.config import load_kube_config

    _readable(target)
    configuration = Configuration()
    configuration.retries = False
    configuration.connection_pool_maxsize = POOL
    try:
        with _credential_errors():
            load_kube_config(
                target.kubeconfig, context=target.context or None, client_configuration=configuration,
                persist_config=False,
            )  # fmt: skip
    except _config_exception() as error:
        raise _bad_config(target, one_line(str(error))) from error
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise _bad_config(target, f"it is not a kubeconfig ({type(error).__name__})") from error
    return configuration


def _readable(target: Target) -> None:
    path = Path(target.kubeconfig)
    if not target.kubeconfig:
        raise KubeconfigError("No kubeconfig is named.", remedy="Name one: sensei site set --kubeconfig FILE")
    if not path.is_file():
        raise KubeconfigError("The kubeconfig does not exist.", where=str(path), remedy="Check the path in site.yaml.")
    if not os.access(path, os.R_OK):
        remedy = "Make it readable for this user (chmod 600, chown)."
        raise KubeconfigError("The kubeconfig cannot be read.", where=str(path), why="permission denied", remedy=remedy)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _bad_config(target, "it is not text") from error
    _parses(target, text)


def _parses(target: Target, text: str) -> None:
    """The YAML parser's own message quotes the line, which may hold a token: only its place is told."""
    import yaml

    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise _bad_config(target, f"it is not valid YAML{place}") from None
    if not isinstance(tree, dict):
        raise _bad_config(target, "it is empty" if tree is None else "it is not a mapping")
    _has_context(target, tree)


def _has_context(target: Target, tree: dict[str, Any]) -> None:
    wanted = target.context or tree.get("current-context")
    entries = tree.get("contexts")
    names = [str(item.get("name")) for item in entries or () if isinstance(item, dict)]
    if wanted and wanted in names:
        return
    what = f"The kubeconfig has no context {wanted}." if wanted else "The kubeconfig names no current context."
    why = f"it has {', '.join(names)}" if names else "it has no contexts"
    raise ContextNotFound(what, where=target.kubeconfig, why=why, remedy="Name one: sensei site set --context NAME")


def _bad_config(target: Target, why: str) -> KubeconfigError:
    return KubeconfigError(
        "The kubeconfig cannot be used.", where=target.kubeconfig, why=why,
        remedy=f"See whether kubectl --kubeconfig {target.kubeconfig} version works.",
    )  # fmt: skip


class _Heard(logging.Handler):
    """The official client only logs that a credential command failed, and goes on without credentials."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(one_line(record.getMessage()))


@contextmanager
def _credential_errors() -> Iterator[None]:
    """Raises KubeconfigError for what the client would have logged to the terminal."""
    heard, root = _Heard(), logging.getLogger()
    root.addHandler(heard)
    try:
        yield
    finally:
        root.removeHandler(heard)
    if heard.texts:
        raise KubeconfigError(
            "The kubeconfig's credentials cannot be had.", why=clip(heard.texts[-1], 300),
            remedy="Run the credential command that the kubeconfig names (users[].user.exec) by hand.",
        )  # fmt: skip
