"""The child process that holds the Helm engine: `python -m sensei_tui.helm.worker FD`.

A process of its own because the engine can abort (Go fatal errors), hang beyond its own timeout (the first request has
none), and must not be forked. Orders come as JSON lines on standard input, replies go to the pipe FD.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from sensei_tui.helm.protocol import Order, Reply, Start


class Worker:
    """Does one order after the other; a cancel reaches the running one."""

    def __init__(self, out: int) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._orders: queue.Queue[Order] = queue.Queue()
        self._context: Any = None
        self._config: Any = None

    def reply(self, **fields: Any) -> None:
        """One line to the parent. A parent that is gone ends us."""
        line = msgspec.json.encode(Reply(**fields)) + b"\n"
        with self._lock:
            view = memoryview(line)
            while view:
                view = view[os.write(self._out, view) :]

    def run(self) -> None:
        """Until the parent says `quit` or closes its end."""
        start = msgspec.json.decode(sys.stdin.buffer.readline() or b"{}", type=Start)
        import helm_python

        self._helm = helm_python
        self._start = start
        logger = logging.getLogger("helm")
        logger.addHandler(_Bridge(self))
        logger.setLevel(logging.DEBUG)
        helm_python.enable_logging(logging.DEBUG, logger)
        self.reply(type="ready", text=helm_python.helm_sdk_version())
        threading.Thread(target=self._read, daemon=True).start()
        while (order := self._orders.get()).action != "quit":
            self._obey(order)

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            order = msgspec.json.decode(line, type=Order)
            if order.action == "cancel":
                if self._context is not None:
                    self._context.cancel()
            else:
                self._orders.put(order)
        os._exit(0)  # the parent is gone: nobody waits for what the engine does

    def _obey(self, order: Order) -> None:
        try:
            value = _ACTIONS[order.action](self, order)
        except self._helm.HelmError as error:
            self.reply(type="failed", kind=type(error).__name__, text=str(error))
        else:
            self.reply(type="done", value=value)

    @property
    def config(self) -> Any:
        """The engine's connection, made with the first action that needs one."""
        if self._config is None:
            start = self._start
            self._config = self._helm.Config(
                kubeconfig_path=start.kubeconfig, kube_context=start.context or None, namespace=start.namespace
            )
        return self._config

    def render(self, order: Order) -> str:
        """Templates without a cluster, one YAML stream."""
        with self._helm.Chart.load(order.chart) as chart:
            files = chart.render(order.values, name=order.release, namespace=self._start.namespace, is_install=True)
        wanted = {
            name: text for name, text in sorted(files.items()) if name.endswith((".yaml", ".yml")) and text.strip()
        }
        return "\n".join(f"---\n# Source: {name}\n{text.strip()}" for name, text in wanted.items()) + "\n"

    def lint(self, order: Order) -> Any:
        """Findings as data."""
        return self._helm.lint(order.chart, order.values, namespace=self._start.namespace)

    def install(self, order: Order) -> Any:
        """A first revision."""
        return self._change(self.config.install, order)

    def upgrade(self, order: Order) -> Any:
        """A further revision."""
        return self._change(self.config.upgrade, order)

    def _change(self, act: Callable[..., Any], order: Order) -> None:
        self._context = self._helm.HelmContext()
        try:
            act(order.chart, order.release, order.values, context=self._context,
                namespace=self._start.namespace, **order.options)  # fmt: skip
        finally:
            self._context = None

    def rollback(self, order: Order) -> None:
        """Back to an earlier revision."""
        self.config.rollback(order.release, **order.options)

    def uninstall(self, order: Order) -> None:
        """Take a release away."""
        self.config.uninstall(order.release, **order.options)

    def test(self, order: Order) -> None:
        """Run the release's test hooks."""
        self.config.test(order.release, **order.options)

    def history(self, order: Order) -> Any:
        """Every revision that is kept."""
        return self.config.history(order.release)

    def releases(self, order: Order) -> Any:
        """Releases of the namespace, in any state."""
        return self.config.list(all_states=True)

    def values(self, order: Order) -> Any:
        """The values a release was given."""
        return self.config.get_values(order.release, **order.options)


_ACTIONS: dict[str, Callable[[Worker, Order], Any]] = {
    "render": Worker.render, "lint": Worker.lint, "install": Worker.install, "upgrade": Worker.upgrade,
    "rollback": Worker.rollback, "uninstall": Worker.uninstall, "test": Worker.test, "history": Worker.history,
    "releases": Worker.releases, "values": Worker.values,
}  # fmt: skip


class _Bridge(logging.Handler):
    """The engine's log records, which come on its own threads."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self._worker.reply(type="log", level=record.levelname.lower(), text=record.getMessage())


def main() -> None:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Worker(int(sys.argv[1])).run()


if __name__ == "__main__":
    main()
