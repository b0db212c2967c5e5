"""What the chart tells of the installation, read from the environment. No secret is ever part of a message."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

Environment = Mapping[str, str]


class Failure(Exception):
    """Something did not work: one line, `what: why. remedy`. Exit code 1."""


class WrongUse(Failure):
    """A variable or an argument is missing or makes no sense. Exit code 2."""


def required(environ: Environment, name: str) -> str:
    """The variable's value. Raises WrongUse where it is absent or empty."""
    if not environ.get(name):
        raise WrongUse(f"{name} is not set: the chart sets it; by hand, export it")
    return environ[name]


def number(environ: Environment, name: str, default: str = "") -> int:
    """A whole number. Raises WrongUse."""
    text = environ.get(name) or default or required(environ, name)
    if not text.isdigit():
        raise WrongUse(f"{name} is not a whole number")
    return int(text)


def flag(environ: Environment, name: str, default: bool = False) -> bool:
    """`true` or `false`. Raises WrongUse."""
    text = environ.get(name) or str(default).lower()
    if text not in ("true", "false"):
        raise WrongUse(f"{name} must be true or false")
    return text == "true"


def tls_context(ca: str = "") -> ssl.SSLContext:
    """The certificates of `ca`, or of SSL_CERT_FILE where the site has its own, else the image's."""
    context = ssl.create_default_context(cafile=ca or None)
    # Python 3.13 refuses an authority that does not name its key usage, as `openssl req -x509` makes one.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


@dataclass(frozen=True)
class Database:
    """PostgreSQL; `sslmode` and `ca` (a file, or nothing) mean what they mean to libpq."""

    host: str
    port: int
    name: str
    user: str
    password: str
    sslmode: str
    ca: str

    @classmethod
    def of(cls, environ: Environment = os.environ) -> Database:
        """DATABASE_*. Raises WrongUse."""
        return cls(
            required(environ, "DATABASE_HOST"), number(environ, "DATABASE_PORT", "5432"),
            required(environ, "DATABASE_NAME"), required(environ, "DATABASE_USER"),
            required(environ, "DATABASE_PASSWORD"), environ.get("DATABASE_SSLMODE") or "disable",
            environ.get("DATABASE_CA", ""),
        )  # fmt: skip


@dataclass(frozen=True)
class Redis:
    """Redis or Valkey; an empty password means that none is asked."""

    host: str
    port: int
    tls: bool
    password: str

    @classmethod
    def of(cls, environ: Environment = os.environ) -> Redis:
        """REDIS_*. Raises WrongUse."""
        return cls(
            required(environ, "REDIS_HOST"), number(environ, "REDIS_PORT", "6379"), flag(environ, "REDIS_TLS"),
            environ.get("REDIS_PASSWORD", ""),
        )  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """An S3 service."""

    endpoint: str
    region: str
    path_style: bool
    access_key: str
    secret_key: str

    @classmethod
    def of(cls, environ: Environment = os.environ, prefix: str = "S3_") -> Storage:
        """S3_*, or another prefix whose missing variables are those of S3_*. Raises WrongUse."""

        def of(name: str) -> str:
            return environ.get(prefix + name) or required(environ, f"S3_{name}")

        style = prefix + "PATH_STYLE" if environ.get(prefix + "PATH_STYLE") else "S3_PATH_STYLE"
        return cls(
            of("ENDPOINT").rstrip("/"), environ.get(prefix + "REGION") or environ.get("S3_REGION") or "us-east-1",
            flag(environ, style, True), of("ACCESS_KEY"), of("SECRET_KEY"),
        )  # fmt: skip


def place(url: str, namespace: str = "") -> str:
    """Where a URL leads, however it is written; a Service of this namespace has several names.

    The chart has the same (`_guard.tpl`).
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        return url
    inside = rf"([^.]+)\.{re.escape(namespace)}(\.svc(\..+)?)?"
    found = re.fullmatch(inside, parts.hostname or "")
    return f"{found[1] if found else parts.hostname}:{port}{parts.path.rstrip('/')}"


@dataclass(frozen=True)
class Vectors:
    """Weaviate; an empty key means that none is asked."""

    url: str
    key: str

    @classmethod
    def of(cls, environ: Environment = os.environ) -> Vectors:
        """VECTOR_DB_*. Raises WrongUse."""
        return cls(required(environ, "VECTOR_DB_URL").rstrip("/"), environ.get("VECTOR_DB_API_KEY", ""))


def site(environ: Environment = os.environ) -> str:
    """This installation among those whose backups are in one place; nothing where nobody says."""
    return environ.get("BACKUP_SITE", "")


def buckets(environ: Environment = os.environ) -> dict[str, str]:
    """Variable -> bucket, of every `S3_BUCKET_...`. Raises WrongUse where there is none."""
    found = {name: value for name, value in sorted(environ.items()) if name.startswith("S3_BUCKET_") and value}
    if not found:
        required(environ, "S3_BUCKET_ARTIFACTS")
    return found
