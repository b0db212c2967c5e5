"""Protobuf bodies, built here byte by byte from the encoding's definition."""

from __future__ import annotations

import pytest

from sensei_tui.rehearsal import protobuf
from sensei_tui.rehearsal.errors import ApiError


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def text(number: int, value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + text(1, text(1, api_version) + text(2, kind)) + text(2, raw) + text(3, "") + text(4, "")


def test_a_secret_as_helm_sends_it() -> None:
    labels = text(11, text(1, "owner") + text(2, "helm"))
    metadata = text(1, "sh.helm.release.v1.web.v1") + text(2, "") + text(8, b"") + labels
    raw = text(1, metadata) + text(2, text(1, "release") + text(2, b"\x1f\x8b\x00")) + text(3, "helm.sh/release.v1")
    assert protobuf.decode(body("v1", "Secret", raw)) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "sh.helm.release.v1.web.v1", "labels": {"owner": "helm"}},
        "data": {"release": "H4sA"},
        "type": "helm.sh/release.v1",
    }


def test_numbers_booleans_and_repeated_fields() -> None:
    raw = integer(1, 0) + text(2, text(1, "u-1")) + integer(3, 0) + text(5, "All") + text(5, "More")
    assert protobuf.decode(body("v1", "DeleteOptions", raw)) == {
        "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": "u-1"},
        "orphanDependents": False, "dryRun": ["All", "More"],
    }  # fmt: skip


def test_times_quantities_and_ports_that_are_numbers_or_names() -> None:
    lease = text(2, text(1, "me") + integer(2, 15) + text(4, integer(1, 1_800_000_000) + integer(2, 123456000)))
    spec = protobuf.decode(body("coordination.k8s.io/v1", "Lease", lease))["spec"]
    assert spec == {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2027-01-15T08:00:00.123456Z"}
    ports = [text(4, integer(1, 0) + integer(2, 8080) + text(3, "")), text(4, integer(1, 1) + text(3, "http"))]
    service = text(2, b"".join(text(1, integer(3, 80) + port) for port in ports))
    found = protobuf.decode(body("v1", "Service", service))["spec"]["ports"]
    assert [port["targetPort"] for port in found] == [8080, "http"]
    limits = text(2, text(3, text(2, text(2, text(8, text(1, text(1, "cpu") + text(2, text(1, "500m"))))))))
    deployment = protobuf.decode(body("apps/v1", "Deployment", limits))
    assert deployment["spec"]["template"]["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}}


def test_negative_numbers() -> None:
    assert protobuf.decode(body("v1", "DeleteOptions", integer(1, -1)))["gracePeriodSeconds"] == -1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{}", 400),
        (body("v1", "Secret", text(1, "x")[:-1] + b"\x0a\x7f"), 400),
        (body("v1", "Secret", b"\xff"), 400),
        (body("v1", "Secret", integer(1, 7)), 400),
        (body("v1", "PodTemplateSpecial", b""), 415),
        (body("v1", "Secret", text(99, "new field")), 415),
    ],
)
def test_what_cannot_be_read_is_refused_not_dropped(data: bytes, code: int) -> None:
    with pytest.raises(ApiError) as caught:
        protobuf.decode(data)
    assert caught.value.status_code == code
