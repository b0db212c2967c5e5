"""The HTTP side: health, readiness, metrics, and a page that says what it is and what it finds."""

from __future__ import annotations

import html
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standin.stores import NEEDED, Stores

Reply = tuple[int, str, str]
"""Status, content type, body."""
TEXT, JSON, PAGE = "text/plain; charset=utf-8", "application/json", "text/html; charset=utf-8"


class Component:
    """One component of the platform, as far as the charts see it."""

    def __init__(self, role: str, stores: Stores, version: str, ready_after: float) -> None:
        self.role, self._stores, self._version = role, stores, version
        self._began, self._ready_after = time.monotonic(), ready_after
        self.requests: Counter[tuple[str, int]] = Counter()
        self.ending = False

    def answer(self, path: str) -> Reply:
        """The reply to a GET."""
        known: dict[str, Callable[[], Reply]] = {
            "/": self._page, "/healthz": lambda: (200, TEXT, "ok\n"), "/readyz": self._ready, "/metrics": self._metrics,
            "/api/v1/status": self._status,
        }  # fmt: skip
        wanted = path.partition("?")[0]
        reply = known[wanted]() if wanted in known else (404, TEXT, "not found\n")
        self.requests[wanted if wanted in known else "other", reply[0]] += 1
        return reply

    def _missing(self) -> dict[str, str]:
        """What keeps it from being ready."""
        if self.ending:
            return {"process": "it is ending"}
        left = self._ready_after - (time.monotonic() - self._began)
        if left > 0:
            return {"process": f"it starts, {left:.0f} s left"}
        states = self._stores.states()
        return {name: states[name].why for name in NEEDED if not states[name].well}

    def _ready(self) -> Reply:
        missing = self._missing()
        return (503 if missing else 200), JSON, json.dumps({"ready": not missing, "why": missing}) + "\n"

    def _told(self) -> dict[str, Any]:
        stores = {
            name: {"well": state.well, "why": state.why, "ms": round(state.seconds * 1000, 1)}
            for name, state in self._stores.states().items()
        }
        return {"standin": True, "role": self.role, "version": self._version, "stores": stores, "why": self._missing()}

    def _status(self) -> Reply:
        return 200, JSON, json.dumps(self._told()) + "\n"

    def _page(self) -> Reply:
        if self.role != "dashboard":
            return self._status()
        told = self._told()
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{'well' if item['well'] else html.escape(item['why'])}</td></tr>"
            for name, item in told["stores"].items()
        )
        body = f"<h1>Stand-in for Sensei's {self.role}, {html.escape(self._version)}</h1>"
        return (
            200,
            PAGE,
            f"<!doctype html><title>Stand-in</title>{body}<p>This is no product.</p><table>{rows}</table>\n",
        )

    def _metrics(self) -> Reply:
        lines = [
            "# TYPE standin_info gauge", f'standin_info{{role="{self.role}",version="{self._version}"}} 1',
            "# TYPE standin_uptime_seconds gauge", f"standin_uptime_seconds {time.monotonic() - self._began:.1f}",
            "# TYPE standin_requests_total counter",
            *(f'standin_requests_total{{path="{path}",code="{code}"}} {count}'
              for (path, code), count in sorted(self.requests.items())),
            "# TYPE standin_store_up gauge", "# TYPE standin_store_seconds gauge",
        ]  # fmt: skip
        for name, state in self._stores.states().items():
            lines.append(f'standin_store_up{{store="{name}"}} {int(state.well)}')
            lines.append(f'standin_store_seconds{{store="{name}"}} {state.seconds:.4f}')
        return 200, TEXT, "\n".join(lines) + "\n"


def serve(answer: Callable[[str], Reply], port: int, on_end: Callable[[], None], post: Any = None) -> None:
    """Until SIGTERM or SIGINT; then `on_end`, and half a second for what is under way."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(answer(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            self._send(post(self.path, body) if post else (405, TEXT, "not here\n"))

        def _send(self, reply: Reply) -> None:
            status, kind, text = reply
            body = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes every few seconds would fill the log."""

    server = ThreadingHTTPServer(("", port), Handler)

    def end(*_: object) -> None:
        on_end()
        threading.Timer(0.5, server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    print(f"stand-in listens on {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)


def component(role: str) -> None:
    """Serve as this component."""
    found = Component(
        role,
        Stores(os.environ),
        os.environ.get("SENSEI_VERSION", "?"),
        float(os.environ.get("STANDIN_READY_AFTER") or 0),
    )

    def ending() -> None:
        found.ending = True

    serve(found.answer, int(os.environ.get("STANDIN_PORT") or 8080), ending)
