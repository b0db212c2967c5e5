"""Clusters for tests: what is asked of any API server, and a simulated one in a thread of the test process."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

from sensei_tui.rehearsal import scenario as scenarios
from sensei_tui.rehearsal.host import Host
from sensei_tui.rehearsal.store import Store

T = TypeVar("T")
KUBECTL = shutil.which("kubectl") or "/no/kubectl"
"""The real one; tests that need it are skipped where there is none."""


class Reply(NamedTuple):
    """An HTTP answer; `body` is decoded where it is JSON."""

    status: int
    headers: http.client.HTTPMessage
    body: Any


class Client:
    """Somebody's access to an API server: single requests as on the wire, and kubectl."""

    def __init__(self, kubeconfig: Path, url: str, token: str, ca: Path) -> None:
        self.kubeconfig = kubeconfig
        self.url = url
        self.token = token
        self.ca = ca

    def request(
        self, method: str, path: str, body: Any = None, *, media: str = "application/json", token: str | None = None,
        **headers: str,
    ) -> Reply:  # fmt: skip
        """One request as on the wire. `body` is bytes, or a value to send as JSON; `accept="..."` sets a header."""
        connection = self._connect()
        try:
            answer = self._send(connection, method, path, body, media, self.token if token is None else token, headers)
            content = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Reply(answer.status, answer.headers, json.loads(content) if is_json else content.decode())
        finally:
            connection.close()

    @contextmanager
    def watch(self, path: str, **headers: str) -> Iterator[Iterator[Any]]:
        """The events of a watch, decoded, as they come; ends when the server ends the stream."""
        connection = self._connect()
        try:
            answer = self._send(connection, "GET", path, None, "application/json", self.token, headers)
            assert answer.status == 200, answer.read()
            yield (json.loads(line) for line in answer)
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.ca))
        return http.client.HTTPSConnection(self.url.removeprefix("https://"), timeout=20, context=context)

    @staticmethod
    def _send(
        connection: http.client.HTTPSConnection, method: str, path: str, body: Any, media: str, token: str,
        headers: dict[str, str],
    ) -> http.client.HTTPResponse:  # fmt: skip
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            given["Authorization"] = f"Bearer {token}"
        if content is not None:
            given["Content-Type"] = media
        connection.request(method, path, content, given)
        return connection.getresponse()

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True, timeout: float = 60) -> str:
        """kubectl's standard output. Raises AssertionError with its standard error when it fails (and `check`)."""
        done = self.kubectl_run(*arguments, stdin=stdin, timeout=timeout)
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}\n{done.stdout}"
        return done.stdout

    def kubectl_run(
        self, *arguments: str, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """kubectl to its end, whatever that is."""
        command, environment = self._kubectl(arguments)
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout, env=environment, check=False
        )

    @contextmanager
    def kubectl_start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """kubectl while it runs; its output is text in a pipe. It is ended with the block."""
        command, environment = self._kubectl(arguments)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            env=environment,
        ) as running:  # fmt: skip
            try:
                yield running
            finally:
                running.kill()

    def _kubectl(self, arguments: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        home = self.kubeconfig.parent
        command = [KUBECTL, f"--kubeconfig={self.kubeconfig}", f"--cache-dir={home / 'kubectl-cache'}", *arguments]
        return command, {**os.environ, "HOME": str(home)}


class RunningCluster(Client):
    """A started simulated cluster and its administrator; `store` through `call` (which runs in the server's loop)."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        identity = host.identity
        super().__init__(host.kubeconfig, identity.url, identity.token, host.directory / "tls" / "ca.crt")
        self.host = host
        self._loop = loop

    def call(self, function: Callable[[Store], T]) -> T:
        """Run `function(store)` in the server's loop and return its result."""

        async def within() -> T:
            return function(self.host.store)

        return asyncio.run_coroutine_threadsafe(within(), self._loop).result(30)


@contextmanager
def running_cluster(directory: Path, scenario: str = "") -> Iterator[RunningCluster]:
    """A cluster in `directory` for the time of the block; `scenario` is its YAML text (default: the built-in one)."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="rehearsal", daemon=True)
    thread.start()
    host = Host(directory, scenarios.parse(yaml.safe_load(scenario)) if scenario else scenarios.default())
    try:
        asyncio.run_coroutine_threadsafe(host.start(), loop).result(30)
        try:
            yield RunningCluster(host, loop)
        finally:
            asyncio.run_coroutine_threadsafe(host.stop(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
