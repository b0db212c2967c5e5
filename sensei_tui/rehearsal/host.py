"""One simulated cluster in an asyncio loop: store, controllers, API server, and the directory they live in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from aiohttp import web

from sensei_tui.base import clock
from sensei_tui.rehearsal import bootstrap, controllers, faults_http, identity, state, streams, tls
from sensei_tui.rehearsal.auth import Authority, Denial
from sensei_tui.rehearsal.scenario import Scenario
from sensei_tui.rehearsal.server import ApiServer
from sensei_tui.rehearsal.store import Store

SAVE_EVERY = 15.0
"""Seconds between saves of a state that has changed: what a killed server may lose."""

IDLE_EXIT = 12 * 3600.0
"""Seconds without a request after which a server ends itself."""


class Host:
    """A simulated cluster. `directory` gives it its identity and keeps its state."""

    def __init__(self, directory: Path, scenario: Scenario) -> None:
        self.directory = directory
        self.scenario = scenario
        self.store = Store()
        self.identity = identity.load(directory)
        self.authority = Authority(self.store, self.identity.token, _denials(scenario))
        self._runner: web.AppRunner | None = None
        self._saved = ""

    @property
    def kubeconfig(self) -> Path:
        return identity.kubeconfig_path(self.directory)

    async def start(self) -> None:
        """Load the state, start the controllers, listen. Raises StateError, OSError."""
        certificate, server, key = identity.certificates(self.directory)
        state.load(self.directory, self.store)
        bootstrap.bootstrap(self.store, certificate.read_text())
        self.controllers = controllers.start_controllers(self.store, self.scenario, clock)
        self.api = ApiServer(
            self.store, self.authority, streams=streams.Streams(self.controllers.kubelet),
            faults=faults_http.read(self.scenario.api),
        )  # fmt: skip
        self._runner = web.AppRunner(
            self.api.application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.5
        )
        await self._runner.setup()
        listener = _listen(self.identity.port)
        self.identity.port = listener.getsockname()[1]
        self.api.address = f"127.0.0.1:{self.identity.port}"
        await web.SockSite(self._runner, listener, ssl_context=tls.server_context(server, key)).start()
        identity.save(self.directory, self.identity)
        identity.write_kubeconfig(self.directory, self.identity)

    async def stop(self) -> None:
        """Hang up, stop the controllers, save the state."""
        self.api.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.controllers.stop()
        self.save()

    def save(self) -> None:
        """Write the state if it has changed since the last time."""
        if self._saved != self.store.resource_version:
            self._saved = self.store.resource_version
            state.save(self.directory, self.store)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set or nobody has asked for IDLE_EXIT seconds, saving now and then."""
        while not stop.is_set() and clock.monotonic() - self.api.seen < IDLE_EXIT:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SAVE_EVERY)
            self.save()


def _listen(port: int) -> socket.socket:
    """A listening socket on the loopback address: on `port` if it is free, else on any."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def _denials(scenario: Scenario) -> tuple[Denial, ...]:
    """`api.deny` of the scenario: rows of verbs, groups, resources, namespace."""
    rows = (scenario.api or {}).get("deny") or ()
    lists = ("verbs", "groups", "resources")
    return tuple(
        Denial(**{key: tuple(row[key]) for key in lists if key in row}, namespace=row.get("namespace", ""))
        for row in rows
    )
