"""What is said on the wire, against examples that others published."""

from __future__ import annotations

import io

import pytest

from sensei_probe.postgres import Scram, prepared
from sensei_probe.s3 import PART, S3, grown, quoted, read_full, signature
from sensei_probe.settings import Failure, Storage, WrongUse, buckets
from sensei_probe.shelf import shelf_of
from sensei_probe.web import Server

EXAMPLE = Storage("https://s3.amazonaws.com", "us-east-1", False, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")  # fmt: skip
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
STAMP = "20130524T000000Z"


@pytest.mark.parametrize(
    ("path", "query", "extra", "wanted"),
    [
        ("/test.txt", "", {"range": "bytes=0-9"}, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("/", "lifecycle=", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("/", "max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_signatures_are_those_of_the_s3_documentation(
    path: str, query: str, extra: dict[str, str], wanted: str
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html."""
    headers = {"host": "examplebucket.s3.amazonaws.com", "x-amz-content-sha256": EMPTY, "x-amz-date": STAMP, **extra}
    assert signature("GET", path, query, headers, EMPTY, EXAMPLE, STAMP).endswith(f"Signature={wanted}")


def test_scram_is_that_of_rfc_7677() -> None:
    scram = Scram("pencil", "rOprNGfwEbeRWgbNEkqO", "user")
    assert scram.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    final = scram.answer(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    assert final.endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(Failure, match="could not show"):
        scram.verify(b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"), ("\u0007", "\u0007"),
     ("\u06271", "\u06271"), ("a\u00a0b", "a b")],
)  # fmt: skip
def test_passwords_are_prepared_as_in_rfc_4013(given: str, wanted: str) -> None:
    """What the RFC forbids is taken as it is: so does PostgreSQL."""
    assert prepared(given) == wanted


def test_a_server_that_answers_another_login_is_refused() -> None:
    with pytest.raises(Failure, match="not an answer to ours"):
        Scram("pencil", "abc").answer(b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")


def test_keys_are_encoded_as_aws_wants() -> None:
    assert quoted("a b+c/ü~", slash=True) == "a%20b%2Bc/%C3%BC~"
    assert quoted("a/b", slash=False) == "a%2Fb"


def test_parts_grow_with_the_object() -> None:
    assert grown(0) == grown(PART * 10_000) == PART
    assert grown(1 << 40) * 10_000 >= 1 << 40


def test_a_pipe_is_read_until_the_block_is_full() -> None:
    class Drops(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 1, 3))

    assert read_full(Drops(b"abcdefgh"), 7) == b"abcdefg"


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(WrongUse, match="S3_ENDPOINT is not set"):
        Storage.of({})
    with pytest.raises(WrongUse, match="S3_PATH_STYLE must be true or false"):
        Storage.of({"S3_ENDPOINT": "http://s3", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b", "S3_PATH_STYLE": "yes"})
    assert buckets({"S3_BUCKET_B": "two", "S3_BUCKET_A": "one"}) == {"S3_BUCKET_A": "one", "S3_BUCKET_B": "two"}


def test_another_prefix_falls_back_to_the_platforms_own() -> None:
    own = {"S3_ENDPOINT": "http://own/", "S3_REGION": "eu", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b"}
    assert Storage.of(own, "BACKUP_S3_") == Storage("http://own", "eu", True, "a", "b")
    other = {**own, "BACKUP_S3_ENDPOINT": "https://other", "BACKUP_S3_PATH_STYLE": "false"}
    assert Storage.of(other, "BACKUP_S3_") == Storage("https://other", "eu", False, "a", "b")


@pytest.mark.parametrize(
    "endpoint", ["", "HTTP://Sensei-Minio:9000/", "http://sensei-minio.lab.svc.cluster.local:9000"]
)
def test_a_backup_does_not_go_into_what_it_saves(endpoint: str) -> None:
    own = {"S3_ENDPOINT": "http://sensei-minio:9000", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b", "S3_BUCKET_A": "one"}
    backup = {
        "BACKUP_TO": "bucket",
        "BACKUP_S3_ENDPOINT": endpoint,
        "BACKUP_S3_BUCKET": "one",
        "BACKUP_SITE": "lab/sensei",
    }
    with pytest.raises(WrongUse, match="BACKUP_S3_BUCKET is one, which is saved"):
        shelf_of(own | backup)


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(Failure, match="no http or https address"):
        Server("ftp://x")
    with pytest.raises(Failure, match="no http or https address"):
        S3(Storage("s3.lan", "r", True, "a", "b")).exists("x")
