"""The stores of the installation, asked again and again in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sensei_probe.postgres import Postgres
from sensei_probe.redis import Session
from sensei_probe.s3 import S3
from sensei_probe.settings import Database, Failure, Redis, Storage, Vectors, required
from sensei_probe.weaviate import Weaviate
from sensei_probe.web import Server

AGAIN = 3.0
"""Seconds between two looks."""
Environment = Mapping[str, str]


@dataclass(frozen=True)
class State:
    """What a store answered last."""

    well: bool = False
    why: str = "not asked yet"
    seconds: float = 0.0


def _database(environ: Environment) -> None:
    with Postgres(Database.of(environ)) as session:
        session.query("SELECT 1")


def _redis(environ: Environment) -> None:
    with Session(Redis.of(environ)) as session:
        session.ask("PING")


def _storage(environ: Environment) -> None:
    bucket = required(environ, "S3_BUCKET_ARTIFACTS")
    client = S3(Storage.of(environ))
    try:
        if not client.exists(bucket):
            raise Failure(f"there is no bucket {bucket}")
    finally:
        client.close()


def _vectors(environ: Environment) -> None:
    client = Weaviate(Vectors.of(environ))
    try:
        if not client.ready():
            raise Failure("Weaviate is not ready")
        client.meta()
    finally:
        client.close()


def _llm(environ: Environment) -> None:
    if environ.get("LLM_PROVIDER") != "local":
        return
    server = Server(required(environ, "LLM_URL"), 5)
    try:
        answer = server.ask("GET", "/health", tries=1)
        answer.read()
        if answer.status != 200:
            raise Failure(f"the model answers HTTP {answer.status}")
    finally:
        server.close()


ASKED: dict[str, Callable[[Environment], None]] = {
    "database": _database, "redis": _redis, "storage": _storage, "vectors": _vectors, "llm": _llm,
}  # fmt: skip
NEEDED = ("database", "redis", "storage", "vectors")
"""Without these a component is not ready; a model may take half an hour to load."""


class Stores:
    """All of them, each in a thread of its own, so that one that hangs hides no other."""

    def __init__(self, environ: Environment) -> None:
        self._environ = environ
        self._states = dict.fromkeys(ASKED, State())
        self._lock = threading.Lock()
        for name in ASKED:
            threading.Thread(target=self._watch, args=(name,), daemon=True).start()

    def states(self) -> dict[str, State]:
        """What each answered last."""
        with self._lock:
            return dict(self._states)

    def _watch(self, name: str) -> None:
        while True:
            state = self._look(name)
            with self._lock:
                self._states[name] = state
            time.sleep(AGAIN)

    def _look(self, name: str) -> State:
        began = time.monotonic()
        try:
            ASKED[name](self._environ)
        except Failure as error:
            return State(False, str(error), time.monotonic() - began)
        return State(True, "", time.monotonic() - began)
