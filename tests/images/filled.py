"""Something in every store, and the two containers of a backup or a restore beside each other."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path
from typing import Any

from sensei_probe.s3 import S3
from sensei_probe.settings import Storage, Vectors
from sensei_probe.weaviate import Weaviate
from tests.images import servers
from tests.images.conftest import run
from tests.images.conftest import script as script_of

KEYS = ("plain", "with space", "slash/ü+&=?.txt", "a%2Fb")
Store = dict[str, str]


def fill(stores: Store) -> None:
    """Something in every store."""
    made = run("sensei_probe", "buckets", environ=stores)
    assert made.returncode == 0, made.stderr
    again = run("sensei_probe", "buckets", environ=stores)
    assert "bucket sensei-artifacts is there" in again.stdout
    assert (
        servers.psql(
            stores,
            "CREATE TABLE t (n int PRIMARY KEY, s text); CREATE TABLE numbered (a int GENERATED ALWAYS AS IDENTITY, b serial);"
            " CREATE VIEW seen AS SELECT * FROM t; INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 5000) g",
        ).returncode
        == 0
    )
    client = S3(Storage.of(stores))
    for key in KEYS:
        client.put("sensei-artifacts", key, key.encode(), "text/x-sensei")
    client.put("sensei-checkpoints", "empty", b"")
    fill_vectors(stores)


def fill_vectors(stores: Store) -> None:
    """A class, and one with tenants of which one sleeps."""
    client = Weaviate(Vectors.of(stores))
    client.make({"class": "Pattern", "vectorizer": "none", "properties": [{"name": "title", "dataType": ["text"]}]})
    client.write([pattern("Pattern", number) for number in range(450)])
    client.make({"class": "Owned", "vectorizer": "none", "multiTenancyConfig": {"enabled": True},
                 "properties": [{"name": "title", "dataType": ["text"]}]})  # fmt: skip
    client.add_tenants("Owned", [{"name": "one"}, {"name": "two"}])
    client.write([{**pattern("Owned", number), "tenant": name} for name in ("one", "two") for number in range(3)])
    client.set_status("Owned", "two", "COLD")


def pattern(name: str, number: int) -> dict[str, Any]:
    """An object with a vector."""
    return {
        "class": name, "id": str(uuid.UUID(int=number + 1)), "properties": {"title": f"pattern {number}"},
        "vector": [number / 7, 1.0, -2.5],
    }  # fmt: skip


def with_database(
    command: str, kind: str, environ: Store, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], str]:
    """The probe and, beside it, PostgreSQL's own program in the chart's script."""
    for name in ("failed", "database", "database.status"):
        (Path(environ["WORK_DIR"]) / name).unlink(missing_ok=True)
    programs = servers.postgres_bin()
    text = script_of(kind)
    beside = subprocess.Popen(
        ["sh", "-c", text], env={**environ, "PATH": f"{programs}:{os.environ['PATH']}"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    done = run("sensei_probe", command, *arguments, environ=environ)
    said, _ = beside.communicate(timeout=60)
    return done, said


def back_up(environ: Store) -> subprocess.CompletedProcess[str]:
    return with_database("backup", "dump", environ)[0]


def bring_back(environ: Store, *arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    return with_database("restore", "restore", environ, *arguments)
