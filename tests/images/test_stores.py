"""The probe and the stand-in against real PostgreSQL, Redis, MinIO and Weaviate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensei_probe.s3 import S3
from sensei_probe.settings import Storage, Vectors
from sensei_probe.weaviate import Weaviate
from tests.images import servers
from tests.images.conftest import IMAGES, Probe, run
from tests.images.conftest import script as script_of
from tests.images.filled import back_up, bring_back, with_database

pytestmark = pytest.mark.timeout(300)
Store = dict[str, str]


def everything(stores: Store) -> dict[str, Any]:
    """What is in the stores, comparable."""
    s3, vectors = S3(Storage.of(stores)), Weaviate(Vectors.of(stores))
    vectors.set_status("Owned", "two", "HOT")
    objects = {}
    for bucket in ("sensei-artifacts", "sensei-checkpoints"):
        for item in s3.listed(bucket):
            head = s3.head(bucket, item.key)
            assert head is not None
            objects[bucket, item.key] = s3.get(bucket, item.key).read(), head.kind
    found = [*vectors.objects("Pattern"), *vectors.objects("Owned", "one"), *vectors.objects("Owned", "two")]
    return {
        "rows": servers.psql(stores, "SELECT count(*), sum(n), max(s) FROM t").stdout, "objects": objects,
        "tables": servers.psql(stores, "SELECT relname FROM pg_stat_user_tables ORDER BY 1").stdout,
        "vectors": [(item["class"], item["id"], item["properties"], item["vector"]) for item in found],
        "classes": sorted(item["class"] for item in vectors.classes()),
    }  # fmt: skip


def spoil(stores: Store) -> None:
    """Everything different."""
    assert (
        servers.psql(
            stores,
            "DELETE FROM t WHERE n > 10; UPDATE t SET s = 'spoilt'; "
            "CREATE SCHEMA IF NOT EXISTS more; CREATE TABLE more.part (x int GENERATED ALWAYS AS IDENTITY) PARTITION BY RANGE (x);"
            "CREATE TABLE other (x serial); CREATE VIEW shown AS SELECT x, s FROM other, t",
        ).returncode
        == 0
    )
    s3, vectors = S3(Storage.of(stores)), Weaviate(Vectors.of(stores))
    s3.delete("sensei-artifacts", "plain")
    s3.put("sensei-artifacts", "with space", b"spoilt")
    vectors.drop("Pattern")
    vectors.make({"class": "Pattern", "vectorizer": "none"})


def test_a_backup_brings_everything_back(place: Store, probe: Probe) -> None:
    before = everything(place)
    assert len(before["vectors"]) == 456
    done = back_up(place)
    assert done.returncode == 0, done.stderr
    assert "is complete: database" in done.stdout.splitlines()[-1]
    assert "5 objects" in done.stdout
    spoil(place)
    assert everything(place) != before
    restored, said = bring_back(place, "latest")
    assert restored.returncode == 0, (restored.stdout, restored.stderr, said)
    assert "2 of them written" in restored.stdout
    assert everything(place) == before
    rows = json.loads(probe("backups", environ=place).stdout)
    assert [(row["complete"], row["version"], row["label"], row["objects"]) for row in rows] == [
        (True, "1.0.0", "manual", 5)
    ]


def test_an_unchanged_object_is_stored_once_and_old_backups_go(place: Store, probe: Probe) -> None:
    assert "5, 5 of them new" in back_up(place).stdout
    S3(Storage.of(place)).put("sensei-artifacts", "plain", uuid.uuid4().bytes)
    done = back_up({**place, "BACKUP_KEEP": "1"})
    assert "5, 1 of them new" in done.stdout
    assert "removed" in done.stdout
    assert "1 objects removed that no backup names" in done.stdout
    assert len(json.loads(probe("backups", environ=place).stdout)) == 1


def test_more_objects_than_one_read_of_their_list(place: Store) -> None:
    client = S3(Storage.of(place))
    for number in range(2500):
        client.put("sensei-checkpoints", f"many/{uuid.uuid4().hex}", str(number).encode())
    try:
        for _ in range(2):
            assert back_up(place).returncode == 0
        client.delete("sensei-checkpoints", next(client.listed("sensei-checkpoints", "many/")).key)
        restored, said = bring_back(place, "latest")
        assert restored.returncode == 0, (restored.stderr, said)
        assert "1 of them written" in restored.stdout
    finally:
        for item in list(client.listed("sensei-checkpoints", "many/")):
            client.delete("sensei-checkpoints", item.key)


def test_a_dump_that_fails_makes_no_backup(place: Store, probe: Probe) -> None:
    wrong = {**place, "DATABASE_PASSWORD": "wrong"}
    done, said = with_database("backup", "dump", wrong)
    assert done.returncode == 1
    assert "pg_dump failed with status 1. See the log of the container database" in done.stderr
    assert "password authentication failed" in said
    rows = json.loads(probe("backups", environ=place).stdout)
    assert [row["complete"] for row in rows] == [False]
    refused, _ = bring_back(place, rows[0]["name"])
    assert refused.returncode == 1
    assert "is incomplete: it has no manifest, and can't be restored" in refused.stderr
    none, _ = bring_back(place, "latest")
    assert "there is no complete backup latest: there is none" in none.stderr


def test_a_damaged_dump_leaves_the_database_as_it_is(filled: Store, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    assert back_up(place).returncode == 0
    dump = next((tmp_path / "backups").rglob("database.dump"))
    content = bytearray(dump.read_bytes())
    content[-100] ^= 1
    dump.write_bytes(content)
    before = servers.psql(filled, "SELECT count(*), sum(n), max(s) FROM t").stdout
    done, _ = bring_back(place, "latest")
    assert done.returncode == 1
    assert "is damaged: its checksum is another. The database is as it was" in done.stderr
    assert servers.psql(filled, "SELECT count(*), sum(n), max(s) FROM t").stdout == before


@pytest.mark.parametrize("file", ["vectors.ndjson.gz", "objects.ndjson.gz"])
def test_damaged_lists_are_found_before_anything_is_changed(file: str, filled: Store, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    assert back_up(place).returncode == 0
    damaged = next((tmp_path / "backups").rglob(file))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert servers.psql(filled, "CREATE TABLE since (n int)").returncode == 0
    done, said = bring_back(place, "latest")
    assert (done.returncode, "is damaged: its checksum is another" in done.stderr) == (1, True)
    assert "the other container failed" in said
    assert servers.psql(filled, "DROP TABLE since").returncode == 0


def test_the_platforms_own_bucket_takes_no_backups(filled: Store, tmp_path: Path, probe: Probe) -> None:
    place = {**filled, "BACKUP_TO": "bucket", "BACKUP_S3_BUCKET": "sensei-artifacts", "WORK_DIR": str(tmp_path)}
    done = probe("backup", environ=place)
    assert (done.returncode, "would save itself" in done.stderr) == (2, True)


def test_a_killed_backup_is_none_and_the_next_one_works(filled: Store, tmp_path: Path, probe: Probe) -> None:
    (tmp_path / "backups").mkdir()
    place = {**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(tmp_path / "backups"), "WORK_DIR": str(tmp_path)}
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES), **place}
    killed = subprocess.Popen([sys.executable, "-m", "sensei_probe", "backup"], env=kept, stdout=subprocess.PIPE)
    assert killed.stdout is not None
    assert b"begins" in killed.stdout.readline()
    servers.until(lambda: (tmp_path / "database").exists(), lambda: "no pipe")
    killed.kill()
    killed.communicate()
    assert back_up(place).returncode == 0
    assert [row["complete"] for row in json.loads(probe("backups", environ=place).stdout)] == [True, False]


def test_memory_stays_bounded_whatever_the_size(filled: Store, tmp_path: Path) -> None:
    """200 MB through the pipe and into a bucket, then out of it again."""
    big = {**filled, "BACKUP_TO": "bucket", "BACKUP_S3_BUCKET": "backups-big", "WORK_DIR": str(tmp_path)}
    measured = (
        # Not getrusage: it remembers the size of the process that started this one.
        "import sys; from sensei_probe.__main__ import main; code = main(sys.argv[1:]);"
        "print('PEAK', open('/proc/self/status').read().split('VmHWM:')[1].split()[0]); sys.exit(code)"
    )
    text = script_of("dump")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "pg_dump").write_text("#!/bin/sh\nhead -c 200000000 /dev/urandom\n")
    (programs / "pg_dump").chmod(0o755)
    beside = subprocess.Popen(["sh", "-c", text], env={**big, "PATH": f"{programs}:{os.environ['PATH']}"})
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES), **big}
    done = subprocess.run(
        [sys.executable, "-c", measured, "backup"], env=kept, capture_output=True, text=True, timeout=120
    )
    beside.wait(30)
    assert done.returncode == 0, done.stderr
    assert "database 200.0 MB" in done.stdout
    assert int(done.stdout.split("PEAK ")[1]) < 80_000, "kB"


def test_a_volume_that_is_full_is_told(filled: Store, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", str(small)]).returncode:
        pytest.skip("no right to mount a small file system")
    try:
        done = back_up({**filled, "BACKUP_TO": "volume", "BACKUP_DIR": str(small), "WORK_DIR": str(tmp_path)})
        assert done.returncode == 1
        assert "can't be written: No space left on device" in done.stderr
    finally:
        subprocess.run(["umount", str(small)], check=True)


# The charts' tests.


def test_every_check_passes(filled: Store, probe: Probe) -> None:
    with Standin("dashboard", filled) as url, Standin("api", filled) as api:
        servers.until(
            lambda: servers.http_ok(f"{api}/readyz"),
            lambda: urllib.request.urlopen(f"{api}/api/v1/status").read().decode(),
        )
        done = probe("check", "dashboard", "api", "database", "redis", "storage", "vector", "llm",
                     environ={**filled, "DASHBOARD_URL": url, "API_URL": api})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", f"{name}:"] for name in (
        "dashboard", "api", "database", "redis", "storage", "vector", "llm")]  # fmt: skip


def test_everything_that_does_not_pass_is_told_and_no_secret_is(filled: Store, probe: Probe) -> None:
    wrong = {**filled, "DATABASE_PASSWORD": "wr0ng-one", "REDIS_PORT": "1", "S3_SECRET_KEY": "wr0ng-two",
             "VECTOR_DB_API_KEY": "wr0ng-three"}  # fmt: skip
    done = probe("check", "database", "redis", "storage", "vector", environ=wrong)
    assert done.returncode == 1
    assert "28P01: password authentication failed" in done.stderr
    assert "Redis at 127.0.0.1:1 does not answer" in done.stderr
    assert "SignatureDoesNotMatch" in done.stderr
    assert "Weaviate: HTTP 401" in done.stderr
    assert "wr0ng" not in done.stderr + done.stdout


def test_a_check_that_does_not_exist_is_wrong_use(filled: Store, probe: Probe) -> None:
    done = probe("check", "moon", environ=filled)
    assert (done.returncode, "there is no check moon" in done.stderr) == (2, True)


# The stand-in.


class Standin:
    """A component as a process; a port of its own."""

    def __init__(self, role: str, environ: Store, **more: str) -> None:
        self.port = servers.free_port()
        kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES), "STANDIN_PORT": str(self.port)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "standin", role], env={**kept, **environ, "SENSEI_VERSION": "1.2.3", **more},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> str:
        url = f"http://127.0.0.1:{self.port}"
        servers.until(lambda: servers.http_ok(f"{url}/healthz"), lambda: "the stand-in does not start")
        return url

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        assert self.process.wait(5) == 0
        self.process.communicate()


def told(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = {**json.load(error), "code": error.code}
    return found


def test_a_component_is_ready_when_its_stores_are(filled: Store) -> None:
    with Standin("kora", {**filled, "REDIS_PORT": "1"}) as url:
        servers.until(lambda: told(f"{url}/api/v1/status")["stores"]["database"]["well"], lambda: "no database")
        found = told(f"{url}/readyz")
        assert found["code"] == 503
        assert "does not answer" in found["why"]["redis"]
        assert "database" not in found["why"]
    with Standin("kora", filled) as url:
        servers.until(lambda: servers.http_ok(f"{url}/readyz"), lambda: str(told(f"{url}/readyz")))
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            metrics = answer.read().decode()
        assert 'standin_info{role="kora",version="1.2.3"} 1' in metrics
        assert 'standin_store_up{store="vectors"} 1' in metrics
        assert told(f"{url}/")["standin"] is True


def test_a_component_may_take_its_time(filled: Store) -> None:
    with Standin("maba", filled, STANDIN_READY_AFTER="60") as url:
        assert "it starts" in told(f"{url}/readyz")["why"]["process"]


def test_migrations_are_recorded_once(filled: Store) -> None:
    for version, wanted in (("1.0.0", "1.0.0"), ("1.1.0", "1.0.0, 1.1.0"), ("1.1.0", "1.0.0, 1.1.0")):
        done = run("standin", "migrate", environ={**filled, "SENSEI_VERSION": version})
        assert done.stdout == f"migrations: {wanted}\n", done.stderr
    servers.psql(filled, "DROP TABLE sensei_migrations")


@pytest.fixture
def model(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "weights").write_text("x")
    port = servers.free_port()
    arguments = [f"--model={tmp_path}/llama", "--served-model-name=Llama", "--max-model-len=8192", f"--port={port}"]
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES)}
    found = subprocess.Popen([sys.executable, "-m", "standin", *arguments], env=kept)
    servers.until(lambda: servers.http_ok(f"http://127.0.0.1:{port}/health"), lambda: "no model", found)
    yield found, f"http://127.0.0.1:{port}/v1"
    found.terminate()
    found.wait(5)


def test_a_local_model_completes(model: tuple[object, str], probe: Probe) -> None:
    environ = {"LLM_PROVIDER": "local", "LLM_URL": model[1], "LLM_MODEL": "Llama"}
    assert "Llama completes" in probe("check", "llm", environ=environ).stdout
    other = probe("check", "llm", environ={**environ, "LLM_MODEL": "other"})
    assert (other.returncode, "the model: HTTP 404" in other.stderr) == (1, True)


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run("standin", f"--model={tmp_path}/none", "--port=1", environ={})
    assert (done.returncode, "there is no model" in done.stderr) == (1, True)
