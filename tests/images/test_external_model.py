"""The check of the external language model, against a server that answers as that API is documented to.

The API itself is outside of every site that these tests run in.
https://docs.claude.com/en/api/messages, https://docs.claude.com/en/api/models-list
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.images.conftest import Probe

KEY = "sk-planted"


class _Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._say({"data": [{"type": "model", "id": "newest"}]} if self.path == "/v1/models?limit=1" else None)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        right = self.path == "/v1/messages" and asked["model"] == "newest" and asked["max_tokens"] == 1
        self._say({"type": "message", "content": []} if right else None)

    def _say(self, found: dict[str, Any] | None) -> None:
        known = self.headers.get("x-api-key") == KEY and self.headers.get("anthropic-version") == "2023-06-01"
        status = 200 if known and found else 401 if not known else 404
        body = json.dumps(found if status == 200 else {"type": "error", "error": {"type": "no"}}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_newest_model_of_the_key_completes(api: str, probe: Probe) -> None:
    done = probe("check", "llm", environ={"LLM_PROVIDER": "anthropic", "LLM_API_URL": api, "LLM_API_KEY": KEY})
    assert (done.returncode, "newest completes" in done.stdout) == (0, True), done.stderr


def test_a_key_that_is_refused_is_told_and_not_shown(api: str, probe: Probe) -> None:
    done = probe("check", "llm", environ={"LLM_PROVIDER": "anthropic", "LLM_API_URL": api, "LLM_API_KEY": "sk-wr0ng"})
    assert (done.returncode, "the external API: HTTP 401" in done.stderr) == (1, True)
    assert "sk-wr0ng" not in done.stdout + done.stderr
