"""The engine's interface, and the one that runs the Helm SDK in a child process."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from sensei_tui.base.text import one_line
from sensei_tui.cluster.target import Target
from sensei_tui.helm.errors import HelmCancelled, HelmNotFound, HelmTimeout, HelmUnavailable, translate
from sensei_tui.helm.loglines import Condenser, LogLine
from sensei_tui.helm.protocol import Order, Reply, Start

READ_TIMEOUT = 60.0
"""Seconds for an action that only reads or renders."""
START_TIMEOUT = 30.0
"""Seconds for the child to load the engine (0.2 s usually; a cold disk takes longer)."""
GRACE = 20.0
"""Seconds beyond an action's own timeout before the child is killed: the engine's first request has no timeout."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a release."""

    revision: int
    status: str
    """`deployed`, `superseded`, `failed`, `pending-install`, `pending-upgrade`, `pending-rollback`."""
    chart: str = ""
    version: str = ""
    """Of the chart."""
    app_version: str = ""
    updated: str = ""
    description: str = ""


class Engine(AbstractContextManager["Engine"], Protocol):
    """What we ask of Helm. Every action takes a timeout in seconds; each raises a HelmError."""

    def version(self) -> str: ...
    def render(self, release: str, chart: Path, values: Mapping[str, Any]) -> str: ...
    def lint(self, chart: Path, values: Mapping[str, Any]) -> list[str]: ...
    def install(
        self,
        release: str,
        chart: Path,
        values: Mapping[str, Any],
        *,
        timeout: int,
        wait: str = "hookOnly",
        description: str = "",
    ) -> Revision: ...
    def upgrade(
        self,
        release: str,
        chart: Path,
        values: Mapping[str, Any],
        *,
        timeout: int,
        wait: str = "hookOnly",
        max_history: int = 10,
        description: str = "",
    ) -> Revision: ...
    def rollback(self, release: str, revision: int, *, timeout: int, wait: str = "hookOnly") -> None: ...
    def uninstall(self, release: str, *, timeout: int, wait: str = "hookOnly") -> None: ...
    def test(self, release: str, *, timeout: int) -> None: ...
    def history(self, release: str) -> list[Revision]: ...
    def releases(self) -> list[str]: ...
    def values(self, release: str, revision: int = 0) -> dict[str, Any]: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...


def open_engine(target: Target, on_log: Callable[[LogLine], None] | None = None) -> Engine:
    """The Helm SDK in a child process; where its library cannot be loaded, a `helm` command.

    The variable SENSEI_HELM names a helm command to use instead. Raises HelmUnavailable if there is neither.
    """
    from sensei_tui.helm.binary import BinaryEngine, find_helm

    if chosen := os.environ.get("SENSEI_HELM"):
        return BinaryEngine(Path(chosen), target, on_log)
    try:
        return ChildEngine(target, on_log)
    except HelmUnavailable as error:
        binary = find_helm()
        if binary is None:
            raise error
        return BinaryEngine(binary, target, on_log)


def render_offline(charts: Mapping[str, Path], values: Mapping[str, Any], namespace: str) -> dict[str, str]:
    """The manifest of every release name, rendered without a cluster. Raises HelmError."""
    with open_engine(Target("", "", namespace)) as engine:
        return {name: engine.render(name, chart, values) for name, chart in charts.items()}


class ChildEngine:
    """See Engine. One action at a time; `cancel` may come from another thread."""

    def __init__(self, target: Target, on_log: Callable[[LogLine], None] | None = None) -> None:
        self._target = target
        self._on_log = on_log
        self._condense = Condenser()
        self._turn = threading.Lock()
        self._cancelled = False
        self._child: subprocess.Popen[bytes] | None = None
        self._version = ""
        self._start()

    def __enter__(self) -> ChildEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The child.

    def _start(self) -> None:
        ours, theirs = os.pipe()
        self._errors: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        # The engine takes the name of its process as field manager for server-side apply: it must be `helm`.
        argv = [str(Path(sys.prefix) / "bin" / "helm"), "-m", "sensei_tui.helm.worker", str(theirs)]
        self._child = subprocess.Popen(
            argv, executable=sys.executable, stdin=subprocess.PIPE, stdout=self._errors, stderr=self._errors,
            pass_fds=[theirs], env=_environment(), start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._replies = os.fdopen(ours, "rb", buffering=0)
        self._buffer = b""
        start = Start(
            kubeconfig=self._target.kubeconfig, context=self._target.context, namespace=self._target.namespace
        )
        self._write(msgspec.json.encode(start))
        self._version = self._await("start", "", time.monotonic() + START_TIMEOUT).text

    def _write(self, line: bytes) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the child died: `_await` says why
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()

    def _do(self, order: Order, timeout: float) -> Any:
        with self._turn:
            self._cancelled = False
            if self._child is None:
                self._start()
            self._write(msgspec.json.encode(order))
            return self._await(order.action, order.release, time.monotonic() + timeout).value

    def _await(self, action: str, release: str, deadline: float) -> Reply:
        for line in self._lines(action, release, deadline):
            reply = msgspec.json.decode(line, type=Reply)
            if reply.type == "log":
                self._log(reply)
            elif reply.type == "failed":
                raise translate(reply.kind, reply.text, action, release, cancelled=self._cancelled)
            else:
                return reply
        raise self._died(action, release)

    def _lines(self, action: str, release: str, deadline: float) -> Iterator[bytes]:
        """Whole lines from the child until it closes its end. Raises HelmTimeout past the deadline."""
        while True:
            while b"\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\n")
                yield line
            ready, _, _ = select.select([self._replies], [], [], max(0.0, min(1.0, deadline - time.monotonic())))
            if ready:
                data = os.read(self._replies.fileno(), 1 << 16)
                if not data:
                    return
                self._buffer += data
            elif time.monotonic() >= deadline:
                self._kill()
                raise HelmTimeout(
                    f"The Helm engine did not come back from {action} of release {release or '-'}.",
                    why="it hangs; its process was ended", where=self._target.kubeconfig,
                    remedy="Check that the API server answers: sensei status.",
                )  # fmt: skip

    def _log(self, reply: Reply) -> None:
        line = self._condense(reply.level, reply.text)
        if line and self._on_log:
            self._on_log(line)

    def _died(self, action: str, release: str) -> HelmUnavailable | HelmCancelled:
        self._errors.seek(0)
        said = self._errors.read()[:4000].decode(errors="replace")
        cancelled = self._cancelled
        self._kill()
        if cancelled:
            return HelmCancelled(f"{action} of release {release} was cancelled.", remedy="Resume the run to finish it.")
        first = next((line for line in reversed(said.splitlines()) if "GLIBC" in line), said.strip().split("\n")[-1])
        glibc = "The engine needs glibc 2.34 or newer; put a helm command on PATH." if "GLIBC" in said else ""
        return HelmUnavailable(f"The Helm engine ended during {action}.", why=one_line(first), remedy=glibc)

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
            self._replies.close()
            self._errors.close()
        self._buffer = b""

    def cancel(self) -> None:
        """Stop the action that runs: installs and upgrades cleanly, others by ending the child."""
        self._cancelled = True
        self._write(msgspec.json.encode(Order(action="cancel")))

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._kill()

    # The actions.

    def version(self) -> str:
        """The SDK's version: `v4.2.3`."""
        return self._version

    def render(self, release: str, chart: Path, values: Mapping[str, Any]) -> str:
        """All templates as one YAML stream, hooks included; no cluster is asked. Raises HelmChartError."""
        order = Order(action="render", release=release, chart=str(chart), values=dict(values))
        return str(self._do(order, READ_TIMEOUT))

    def lint(self, chart: Path, values: Mapping[str, Any]) -> list[str]:
        """What the linter says, one text a finding."""
        found = self._do(Order(action="lint", chart=str(chart), values=dict(values)), READ_TIMEOUT)
        return [
            str(item.get("message", item)) if isinstance(item, dict) else str(item)
            for item in found.get("messages", [])
        ]

    def install(
        self, release: str, chart: Path, values: Mapping[str, Any], *, timeout: int, wait: str = "hookOnly",
        description: str = "",
    ) -> Revision:  # fmt: skip
        """Revision 1. Raises HelmPending if a dead run left the name behind."""
        options = {"timeout": timeout, "wait": wait, "description": description or None}
        order = Order(action="install", release=release, chart=str(chart), values=dict(values), options=options)
        self._do(order, timeout + GRACE)
        return self.history(release)[-1]

    def upgrade(
        self, release: str, chart: Path, values: Mapping[str, Any], *, timeout: int, wait: str = "hookOnly",
        max_history: int = 10, description: str = "",
    ) -> Revision:  # fmt: skip
        """The next revision, from these values alone."""
        options = {"timeout": timeout, "wait": wait, "max_history": max_history, "reset_values": True,
                   "description": description or None}  # fmt: skip
        order = Order(action="upgrade", release=release, chart=str(chart), values=dict(values), options=options)
        self._do(order, timeout + GRACE)
        return self.history(release)[-1]

    def rollback(self, release: str, revision: int, *, timeout: int, wait: str = "hookOnly") -> None:
        """Back to a revision (as a new one)."""
        options = {"version": revision, "timeout": timeout, "wait": wait}
        self._do(Order(action="rollback", release=release, options=options), timeout + GRACE)

    def uninstall(self, release: str, *, timeout: int, wait: str = "hookOnly") -> None:
        """Take the release away; volumes stay."""
        options = {"timeout": timeout, "wait": wait, "ignore_not_found": True}
        self._do(Order(action="uninstall", release=release, options=options), timeout + GRACE)

    def test(self, release: str, *, timeout: int) -> None:
        """Run the chart's tests. Raises HelmError where one does not pass."""
        self._do(Order(action="test", release=release, options={"timeout": timeout}), timeout + GRACE)

    def history(self, release: str) -> list[Revision]:
        """Every kept revision, oldest first; empty if there is no release."""
        try:
            found = self._do(Order(action="history", release=release), READ_TIMEOUT)
        except HelmNotFound:
            return []
        return sorted((_revision(item) for item in found), key=lambda item: item.revision)

    def releases(self) -> list[str]:
        """Names of the namespace's releases, in any state."""
        return [str(item["name"]) for item in self._do(Order(action="releases"), READ_TIMEOUT)]

    def values(self, release: str, revision: int = 0) -> dict[str, Any]:
        """What the release was given, without the chart's defaults. Raises HelmNotFound."""
        options = {"revision": revision} if revision else {}
        found: dict[str, Any] = self._do(Order(action="values", release=release, options=options), READ_TIMEOUT) or {}
        return found


def _revision(item: dict[str, Any]) -> Revision:
    info = item.get("info", {})
    chart = item.get("chart") or {}
    metadata = chart.get("metadata", {}) if isinstance(chart, dict) else {}
    return Revision(
        revision=int(item.get("version") or item.get("revision") or 0),
        status=str(item.get("status") or info.get("status", "")),
        chart=str(metadata.get("name") or (chart if isinstance(chart, str) else item.get("chart_name", ""))),
        version=str(metadata.get("version") or item.get("chart_version", "")),
        app_version=str(metadata.get("appVersion") or item.get("app_version", "")),
        updated=str(item.get("updated") or item.get("last_deployed") or info.get("last_deployed", "")),
        description=str(item.get("description") or info.get("description", "")),
    )


def _environment() -> dict[str, str]:
    """The operator's environment without what would make Helm look elsewhere."""
    dropped = ("HELM_", "KUBECONFIG", "KUBERNETES_SERVICE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    cache = Path(tempfile.gettempdir()) / f"sensei-helm-{os.getuid()}"
    return {**kept, "HELM_CACHE_HOME": str(cache), "HELM_CONFIG_HOME": str(cache), "HELM_DATA_HOME": str(cache)}
