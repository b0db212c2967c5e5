"""The charts' tests: does the platform answer, and can every store be written and read from inside the cluster?"""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from sensei_probe.postgres import Postgres
from sensei_probe.redis import Session
from sensei_probe.s3 import S3
from sensei_probe.settings import Database, Failure, Redis, Storage, Vectors, WrongUse, required
from sensei_probe.streams import say
from sensei_probe.weaviate import Weaviate
from sensei_probe.web import Server, expect

Environment = Mapping[str, str]
DASHBOARD, API = "http://sensei-dashboard", "http://sensei-api:8080"
ANTHROPIC = "https://api.anthropic.com"
TRIES = 2
"""A check is to tell how it is now, not to wait until it is well."""


def check(names: list[str], environ: Environment = os.environ) -> None:
    """Every one of them, then Failure with what did not pass."""
    if unknown := [name for name in names if name not in CHECKS]:
        raise WrongUse(f"there is no check {unknown[0]}: there are {', '.join(CHECKS)}")
    failed = [text for name in names if (text := _one(name, environ))]
    if failed:
        raise Failure("; ".join(failed))


def _one(name: str, environ: Environment) -> str:
    """What is wrong, or nothing."""
    began = time.monotonic()
    try:
        told = CHECKS[name](environ)
    except WrongUse:
        raise
    except Failure as error:
        say(f"FAIL {name}: {error}")
        return f"{name}: {error}"
    say(f"ok   {name}: {told}, {(time.monotonic() - began) * 1000:.0f} ms")
    return ""


def _get(url: str, what: str) -> None:
    parts = urllib.parse.urlsplit(url)
    answer = expect(Server(url, 15).ask("GET", parts.path or "/", tries=TRIES), what)
    answer.read()


def dashboard(environ: Environment) -> str:
    """DASHBOARD_URL answers 200."""
    url = environ.get("DASHBOARD_URL") or DASHBOARD
    _get(url, url)
    return "answers"


def api(environ: Environment) -> str:
    """API_URL says that it is ready."""
    url = f"{environ.get('API_URL') or API}/readyz"
    _get(url, url)
    return "ready"


def database(environ: Environment) -> str:
    """A table of its own: a row written, read, and gone with its transaction."""
    token = secrets.token_hex(8)
    with Postgres(Database.of(environ)) as session:
        rows = session.query(
            "BEGIN; CREATE TEMPORARY TABLE sensei_probe (token text) ON COMMIT DROP;"
            f" INSERT INTO sensei_probe VALUES ('{token}'); SELECT token FROM sensei_probe"
        )
        session.query("ROLLBACK")
        version = session.query("SHOW server_version")[0][0]
    if rows != [[token]]:
        raise Failure("what was written is not what was read")
    return f"PostgreSQL {version} writes and reads"


def redis(environ: Environment) -> str:
    """A key of its own, which goes by itself."""
    key, token = f"sensei-probe:{secrets.token_hex(8)}", secrets.token_hex(8)
    with Session(Redis.of(environ)) as session:
        session.ask("SET", key, token, "EX", "60")
        found = session.ask("GET", key)
        session.ask("DEL", key)
    if found != token:
        raise Failure("what was written is not what was read")
    return "writes and reads"


def storage(environ: Environment) -> str:
    """An object of its own in S3_BUCKET_ARTIFACTS."""
    bucket, key, content = (
        required(environ, "S3_BUCKET_ARTIFACTS"),
        f"sensei-probe/{secrets.token_hex(8)}",
        secrets.token_bytes(1024),
    )
    client = S3(Storage.of(environ))
    client.put(bucket, key, content)
    try:
        found = client.get(bucket, key).read()
    finally:
        client.delete(bucket, key)
    if found != content:
        raise Failure("what was written is not what was read")
    return f"bucket {bucket} writes and reads"


def vector(environ: Environment) -> str:
    """Ready, and the key is taken."""
    client = Weaviate(Vectors.of(environ))
    if not client.ready():
        raise Failure("Weaviate is not ready")
    return f"Weaviate {client.meta().get('version', '?')} is ready"


def llm(environ: Environment) -> str:
    """A completion of a few tokens, from whichever provider is set."""
    provider = required(environ, "LLM_PROVIDER")
    if provider == "none":
        return "there is none"
    return _local(environ) if provider == "local" else _anthropic(environ)


def _local(environ: Environment) -> str:
    url, model = required(environ, "LLM_URL"), required(environ, "LLM_MODEL")
    body = {"model": model, "messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 4}
    answer = _post(f"{url}/chat/completions", {}, body, "the model")
    if not (answer.get("choices") or [{}])[0].get("message"):
        raise Failure("the model's answer has no message")
    return f"{model} completes"


def _anthropic(environ: Environment) -> str:
    """With the newest model that the key may use: names of models go out of use."""
    base = environ.get("LLM_API_URL") or ANTHROPIC
    headers = {"x-api-key": required(environ, "LLM_API_KEY"), "anthropic-version": "2023-06-01"}
    listed = expect(Server(base, 30).ask("GET", "/v1/models?limit=1", headers, tries=TRIES), "the external API").json()
    models = (listed or {}).get("data") or []
    if not models:
        raise Failure("the external API lists no model for this key")
    model = models[0]["id"]
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
    answer = _post(f"{base}/v1/messages", headers, body, "the external API")
    if answer.get("type") != "message":
        raise Failure("the external API's answer is no message")
    return f"{model} completes"


def _post(url: str, headers: dict[str, str], body: dict[str, object], what: str) -> dict[str, Any]:
    parts = urllib.parse.urlsplit(url)
    content = {"content-type": "application/json", **headers}
    answer = Server(url, 120).ask("POST", parts.path, content, json.dumps(body).encode(), TRIES)
    found = expect(answer, what).json()
    if not isinstance(found, dict):
        raise Failure(f"{what} does not answer with JSON")
    return found


CHECKS: dict[str, Callable[[Environment], str]] = {
    "dashboard": dashboard, "api": api, "database": database, "redis": redis, "storage": storage, "vector": vector,
    "llm": llm,
}  # fmt: skip
