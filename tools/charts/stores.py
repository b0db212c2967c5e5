"""The settings of the four stores, bundled or somebody else's."""

from __future__ import annotations

from typing import Any

from tools.charts.kinds import (
    BUCKET,
    HOST,
    HOST_PORT,
    URL,
    Node,
    When,
    choice,
    group,
    image,
    key_of_secret,
    named,
    number,
    one_of,
    resources,
    switch,
    text,
    volume,
)

POSTGRESQL_MAJORS = (17, 18)
"""Major versions of PostgreSQL whose images the chart knows; the first is the default."""
BUCKET_FORM = "3 to 63 small letters, digits, dots and dashes, no address, as sensei-backups"


def _bundled(key: str) -> When:
    return {f"{key}.external.enabled": False}


def _external(key: str, title: str, description: str, enabled: Node, **members: Any) -> Node:
    found = group(title, description, when={f"{key}.external.enabled": True}, **members)
    return {**found, "properties": {"enabled": enabled, **found["properties"]}}


def _server(name: str) -> Node:
    return switch("Use an external server", f"Connect to a {name} of yours; the bundled one is not deployed.")


def _password() -> Node:
    return {
        "existingSecret": named("Existing Secret",
                                "Name of a Kubernetes Secret in the namespace that holds the password."),
        "passwordKey": key_of_secret("Password key", "Key of the Secret that holds the password.", "password"),
    }  # fmt: skip


def _address(port: int) -> Node:
    return {
        "host": text(
            "Host",
            "Name or address of the server. With an address, network policies let that one alone through, so name a "
            "Service of this cluster as NAME.NAMESPACE.svc.",
            pattern=HOST,
            form="a name or an address, IPv6 without brackets, as db.internal.example.com or fd00::1",
        ),
        "port": number("Port", "TCP port.", port, 1, 65535),
    }


def postgresql() -> Node:
    told = "How strictly the server's certificate is checked; verify-ca and verify-full need global.caBundle."
    modes = group("TLS", "How the connection is protected.",
                  mode=choice("TLS mode", told, "require", "disable", "require", "verify-ca", "verify-full"))  # fmt: skip
    external = _external(
        "postgresql", "External PostgreSQL", "Use a PostgreSQL 14+ server of yours instead of the bundled one.",
        _server("PostgreSQL server"), **_address(5432),
        database=text("Database", "Name of the database.", "sensei", minLength=1),
        username=text("User", "User that owns the database.", "sensei", minLength=1), **_password(), tls=modes,
    )  # fmt: skip
    majors = "|".join(str(major) for major in POSTGRESQL_MAJORS)
    only = _bundled("postgresql")
    return group(
        "PostgreSQL", "The metadata store.", shown_in="PostgreSQL", external=external,
        image=image("docker.io", "library/postgres", "17.6-bookworm", pattern=f"^({majors})([.-][A-Za-z0-9._-]*)?$"),
        major={**number("Major version", "Major version of the image; part of the data's path. Another one starts "
                        "empty and is refused unless replacesMajor names the old one.", POSTGRESQL_MAJORS[0],
                        min(POSTGRESQL_MAJORS), max(POSTGRESQL_MAJORS), when=only), "x-group": "Advanced"},
        replacesMajor={**number("Replaced major version", "Major version whose data you have a backup of and will "
                                "restore into the new one. 0: none is replaced.", 0, 0, max(POSTGRESQL_MAJORS), when=only),
                       "x-group": "Advanced"},
        resources=resources("2", "8Gi"), persistence=volume("100Gi"),
    )  # fmt: skip


def redis() -> Node:
    tls = group("TLS", "How the connection is protected.",
                enabled=switch("TLS", "Connect over TLS; the certificate is checked against global.caBundle."))  # fmt: skip
    external = _external(
        "redis", "External Redis", "Use a Redis 7+ or Valkey server of yours instead of the bundled one.",
        _server("Redis server"), **_address(6379), **_password(), tls=tls,
    )  # fmt: skip
    return group(
        "Redis", "Cache and messages.", shown_in="Redis", external=external,
        image=image("docker.io", "valkey/valkey", "8.1.4-bookworm", told=" It must hold valkey-server and "
                    "valkey-cli, which images of Redis lack."), resources=resources("500m", "2Gi"),
        persistence=volume("10Gi"),
    )  # fmt: skip


def _url(example: str, keys: str) -> str:
    return f"http or https, a host, no user or password (they are {keys} of the Secret in existingSecret), as {example}"


def s3() -> Node:
    keys = "Name of a Kubernetes Secret in the namespace that holds the keys 's3-access-key' and 's3-secret-key'."
    return {
        "endpoint": text("Endpoint", "URL of the service.", pattern=URL, examples=["https://s3.internal.example.com"],
                         form=_url("https://s3.internal.example.com", "'s3-access-key' and 's3-secret-key'")),
        "region": text("Region", "Region the service expects.", "us-east-1", minLength=1),
        "pathStyle": switch("Path-style addresses", "Put the bucket in the path instead of the host name.", True),
        "existingSecret": named("Existing Secret", keys),
    }  # fmt: skip


def storage() -> Node:
    external = _external(
        "storage", "External object storage", "Use an S3-compatible service of yours instead of the bundled one.",
        switch("Use an external service",
               "Connect to an S3-compatible service of yours; the bundled one is not deployed."), **s3(),
    )  # fmt: skip
    buckets: Node = {
        name: text(name.capitalize(), f"Bucket for {name} alone.", f"sensei-{name}", pattern=BUCKET, form=BUCKET_FORM)
        for name in ("checkpoints", "artifacts")
    }
    told = ("Pods of the bundled store: 1, or so many that one node may fail. It cannot be changed afterwards (guide, Data "
            "stores, Another layout).")  # fmt: skip
    bundled = group(
        "Bundled store", "The bundled S3 store.", replicas=one_of("Replicas", told, 3, 1, *range(3, 17)),
        drivesPerReplica=number("Volumes per pod", "Volumes of each pod. It cannot be changed afterwards.", 2, 1, 8),
        image=image("docker.io", "pgsty/minio", "RELEASE.2026-08-04T00-00-00Z"), resources=resources("1", "2Gi"),
        persistence=volume("30Gi"),
    )  # fmt: skip
    return group(
        "Storage", "Object storage for checkpoints and artifacts.", shown_in="Storage",
        type=choice("Type", "Kind of the bundled store.", "minio"), external=external,
        buckets=group("Buckets", "Names of the buckets. Missing ones are created.", **buckets), minio=bundled,
    )  # fmt: skip


def vector_db() -> Node:
    told = "Name of a Kubernetes Secret in the namespace that holds the key 'weaviate-api-key'."
    external = _external(
        "vectorDb", "External vector database", "Use a Weaviate of yours instead of the bundled one.",
        _server("Weaviate"), url=text(
            "URL", "URL of the server.", pattern=URL, form=_url("https://vectors.internal.example.com", "'weaviate-api-key'")),
        grpc=text("gRPC address", "Host and port of the server's gRPC interface. Empty: it is not used.",
                  pattern=HOST_PORT, form="a host and a port, as vectors.internal.example.com:50051 or [fd00::1]:50051"),
        existingSecret=named("Existing Secret", told),
    )  # fmt: skip
    return group(
        "Vector DB", "The vector database of the pattern library.", shown_in="Vector DB", external=external,
        replicas=one_of("Replicas", "Pods of the bundled vector database: 1, or an odd number so that one node may fail.", 3,
                        1, 3, 5, 7, 9, when=_bundled("vectorDb")),
        image=image("cr.weaviate.io", "semitechnologies/weaviate", "1.38.2"), resources=resources("1", "6Gi"),
        persistence=volume("40Gi"),
    )  # fmt: skip
