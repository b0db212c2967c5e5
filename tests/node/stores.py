"""The stores of one installation, written and read by the tests: rows, objects, vectors."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NamedTuple

from sensei_probe.postgres import Postgres
from sensei_probe.redis import Session
from sensei_probe.s3 import S3
from sensei_probe.settings import Database, Redis, Storage, Vectors
from sensei_probe.weaviate import Weaviate

BUCKET = "sensei-artifacts"
CLASS = "Pattern"
ROWS, OBJECTS, VECTORS = 1000, 20, 50


class Found(NamedTuple):
    """What is in the stores, as values that can be compared."""

    rows: tuple[tuple[str | None, ...], ...]
    objects: Mapping[str, bytes]
    vectors: Mapping[str, tuple[object, tuple[float, ...]]]


class Stores:
    """Clients with the installation's own credentials."""

    def __init__(self, addresses: Mapping[str, str], secret: Mapping[str, str]) -> None:
        self._database = Database(
            addresses["sensei-postgresql"], 5432, "sensei", "sensei", secret["postgres-password"], "disable", ""
        )
        self._redis = Redis(addresses["sensei-redis"], 6379, False, secret["redis-password"])
        endpoint = f"http://{addresses['sensei-minio']}:9000"
        self._storage = Storage(endpoint, "us-east-1", True, secret["s3-access-key"], secret["s3-secret-key"])
        self._vectors = Vectors(f"http://{addresses['sensei-weaviate']}:8080", secret["weaviate-api-key"])

    @contextmanager
    def database(self) -> Iterator[Postgres]:
        with Postgres(self._database) as session:
            yield session

    @contextmanager
    def storage(self) -> Iterator[S3]:
        with closing(S3(self._storage)) as client:
            yield client

    @contextmanager
    def vectors(self) -> Iterator[Weaviate]:
        with closing(Weaviate(self._vectors)) as client:
            yield client

    @contextmanager
    def redis(self) -> Iterator[Session]:
        with Session(self._redis) as session:
            yield session

    def write(self) -> None:
        """Data in all of them, with letters and bytes that something could trip over."""
        with self.database() as session:
            session.query("CREATE TABLE jobs (id int PRIMARY KEY, name text, body jsonb, at timestamptz DEFAULT now())")
            session.query(
                "INSERT INTO jobs SELECT n, 'Größe ''' || n || E'\\n', jsonb_build_object('n', n) "
                f"FROM generate_series(1, {ROWS}) n"
            )
        with self.storage() as client:
            for number in range(OBJECTS):
                client.put(BUCKET, f"runs/{number}/Größe +&.bin", bytes([number]) * (number * 10_000 + 1))
        with self.vectors() as weaviate:
            weaviate.make(
                {"class": CLASS, "vectorizer": "none", "properties": [{"name": "text", "dataType": ["text"]}]}
            )
            weaviate.write([_pattern(number) for number in range(VECTORS)])
        with self.redis() as redis:
            redis.ask("SET", "tests", "here")

    def add(self) -> None:
        """One more object and one more vector."""
        with self.storage() as client:
            client.put(BUCKET, "late", b"late")
        with self.vectors() as weaviate:
            weaviate.write([_pattern(VECTORS)])

    def added(self) -> bool:
        """Whether most pods have that vector. A list is answered by one pod, which may not have it yet."""
        place = f"{self._vectors.url}/v1/objects/{CLASS}/{_pattern(VECTORS)['id']}?consistency_level=QUORUM"
        asked = urllib.request.Request(place, headers={"authorization": f"Bearer {self._vectors.key}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return bool(answer.status == 200)

    def spoil(self) -> None:
        """What an operator restores after: rows changed, a table more, objects and vectors gone or others."""
        with self.database() as session:
            session.query("DELETE FROM jobs WHERE id % 2 = 0")
            session.query("UPDATE jobs SET name = 'spoiled'")
            session.query("CREATE TABLE later (id int)")
        with self.storage() as client:
            for one in [*client.listed(BUCKET)][::2]:
                client.delete(BUCKET, one.key)
            client.put(BUCKET, "runs/1/Größe +&.bin", b"spoiled")
        with self.vectors() as weaviate:
            weaviate.drop(CLASS)

    def read(self) -> Found:
        """Everything that `write` wrote and there still is."""
        with self.database() as session:
            rows = tuple(tuple(row) for row in session.query("SELECT * FROM jobs ORDER BY id"))
        with self.storage() as client:
            objects = {one.key: client.get(BUCKET, one.key).read() for one in [*client.listed(BUCKET)]}
        with self.vectors() as weaviate:
            there = [one["class"] for one in weaviate.classes()]
            vectors = {one["id"]: (one["properties"]["text"], tuple(one["vector"]))
                       for one in (weaviate.objects(CLASS) if CLASS in there else ())}  # fmt: skip
        return Found(rows, objects, vectors)

    def tables(self) -> set[str | None]:
        """Names of the tables that there are."""
        with self.database() as session:
            return {row[0] for row in session.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def _pattern(number: int) -> dict[str, object]:
    identity = f"00000000-0000-4000-8000-{number:012}"
    vector = [number / 7, number / 3, -1.5, 0.25]
    return {"class": CLASS, "id": identity, "properties": {"text": f"pattern {number}"}, "vector": vector}
