"""What of a Secret's contents is judged, by what reads it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sensei_tui.preflight.checks_secrets import contents, secrets
from sensei_tui.preflight.facts import ClusterFacts, Facts, Needs, SecretNeed, Unknown
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.secret_contents import mistakes
from sensei_tui.preflight.secret_needs import secret_needs
from sensei_tui.preflight.verdict import Check
from sensei_tui.site.values import load_values
from tests.unit.site.helpers import site_with

SPLIT = "has a comma, at which Weaviate splits it"
CASES: list[tuple[bytes, tuple[str, ...], tuple[str, ...]]] = [
    (b"good", ("POSTGRES_PASSWORD", "DATABASE_PASSWORD"), ()),
    (b"good\n", ("POSTGRES_PASSWORD",), ("ends in a newline",)),
    (b"good\r\n", ("REDIS_PASSWORD",), ("ends in a newline",)),
    (b"go\nod", ("REDIS_PASSWORD",), ("has a newline inside",)),
    (b"go\nod\n", ("S3_SECRET_KEY",), ("ends in a newline", "has a newline inside")),
    (b"", ("REDIS_PASSWORD",), ("is empty",)),
    (b"\n", ("SESSION_KEY",), ("is empty",)),
    (b"a\nb\n", ("SESSION_KEY",), ()),
    (b"a\nb\n", (), ()),
    (b"", (), ()),
    (b"abc", ("MINIO_ROOT_USER", "S3_ACCESS_KEY"), ()),
    (b"ab", ("MINIO_ROOT_USER", "S3_ACCESS_KEY"), ("is 2 long, MinIO wants 3 at least",)),
    (b"ab", ("S3_ACCESS_KEY",), ()),
    (b"12345678", ("MINIO_ROOT_PASSWORD",), ()),
    (b"1234567\n", ("MINIO_ROOT_PASSWORD",), ("ends in a newline", "is 7 long, MinIO wants 8 at least")),
    (b"a,b", ("AUTHENTICATION_APIKEY_ALLOWED_KEYS", "VECTOR_DB_API_KEY"), (SPLIT,)),
    (b"a,b", ("VECTOR_DB_API_KEY",), ()),
    (b"a,b", ("REDIS_PASSWORD",), ()),
]


@pytest.mark.parametrize(("value", "variables", "found"), CASES)
def test_mistakes(value: bytes, variables: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert mistakes(value, variables) == found


def judged(check: Any, needs: Iterable[SecretNeed], there: Any) -> tuple[Status, str]:
    facts = Facts(
        cluster=ClusterFacts(secrets=there), needs=Needs((), (), (), secrets=tuple(needs)), namespace="sensei"
    )
    finding = Check("x", "x", "x", "x", check).judge(facts)
    return finding.status, finding.summary


DB = SecretNeed("db", ("password",), variables={"password": ("DATABASE_PASSWORD",)})
OWN = msgspec.structs.replace(DB, name="own", made=True)


def test_a_mistake_fails_and_names_secret_and_key() -> None:
    there = {"db": {"password": ("ends in a newline", "has a newline inside"), "user": ("is empty",)}}
    said = "key password of Secret db ends in a newline and has a newline inside"
    assert judged(contents, [DB], there) == (Status.FAIL, said)
    assert judged(contents, [DB], {"db": {"password": ()}}) == (Status.PASS, "1 value can be used")


def test_what_cannot_be_read_is_unknown_and_what_is_not_there_is_the_other_checks() -> None:
    assert judged(contents, [DB], Unknown("may not get secrets")) == (Status.UNKNOWN, "not known: may not get secrets")
    assert judged(contents, [DB], {"db": {}})[0] is Status.SKIPPED
    assert judged(contents, [DB], {})[0] is Status.SKIPPED
    assert judged(contents, [], Unknown("nobody asked"))[0] is Status.SKIPPED


def test_what_the_site_makes_is_judged_only_where_it_is_there() -> None:
    assert judged(secrets, [OWN], {})[0] is Status.SKIPPED
    assert judged(secrets, [OWN], {"own": {}}) == (Status.FAIL, "Secret own has no key password")
    assert judged(contents, [OWN], {"own": {"password": ("is empty",)}})[0] is Status.FAIL


def test_each_key_knows_the_variables_that_read_it(tmp_path: Path) -> None:
    def box(**keys: str) -> dict[str, Any]:
        return {"env": [{"name": name, "valueFrom": {"secretKeyRef": {"name": "keys", "key": key}}}
                        for name, key in keys.items()]}  # fmt: skip

    pod = {"containers": [box(MINIO_ROOT_USER="s3-access-key")], "initContainers": [box(S3_ACCESS_KEY="s3-access-key")],
           "imagePullSecrets": [{"name": "pull"}]}  # fmt: skip
    item = {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": pod}}}
    values = load_values(site_with(tmp_path, values="credentials: {existingSecret: keys}\n"))
    keys, pull = secret_needs([item], {"keys": True}, values)
    assert keys.variables == {"s3-access-key": ("MINIO_ROOT_USER", "S3_ACCESS_KEY")}
    assert (keys.made, pull.made, pull.variables) == (True, False, {})
    assert [need.name for need in secret_needs([item], {"keys": False}, values)] == ["pull"]
