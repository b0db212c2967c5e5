"""What is wrong with a Secret's value, by the variables that read it: the kind of mistake or a length, never the value.

Nothing else of a value leaves this module, so nothing else can come into a report, a log or a journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sensei_tui.preflight import thresholds as limit

SHORTEST = {"MINIO_ROOT_USER": limit.MINIO_USER, "MINIO_ROOT_PASSWORD": limit.MINIO_PASSWORD}
LISTS = frozenset({"AUTHENTICATION_APIKEY_ALLOWED_KEYS"})
"""Weaviate splits it at commas (usecases/config/environment.go), its clients send it whole."""
LINES = LISTS | {
    "POSTGRES_PASSWORD", "DATABASE_PASSWORD", "REDIS_PASSWORD", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD",
    "S3_ACCESS_KEY", "S3_SECRET_KEY", "BACKUP_S3_ACCESS_KEY", "BACKUP_S3_SECRET_KEY", "VECTOR_DB_API_KEY",
    "LLM_API_KEY",
}  # fmt: skip
"""One line each. The shells that start PostgreSQL (initdb's --pwfile) and Redis (`$(...)`) drop a newline at the end,
the clients send it; S3's access key and the API keys stand in HTTP headers, which hold none."""
_ENDS = b"\r\n"


def mistakes(value: bytes, variables: Iterable[str]) -> tuple[str, ...]:
    """`ends in a newline`; none for a value that every one of the variables can take."""
    return tuple(_mistakes(value, frozenset(variables)))


def _mistakes(value: bytes, variables: frozenset[str]) -> Iterator[str]:
    bare = value.rstrip(_ENDS)
    if variables and not bare:
        yield "is empty"
        return
    if variables & LINES and bare != value:
        yield "ends in a newline"
    if variables & LINES and any(end in bare for end in _ENDS):
        yield "has a newline inside"
    if variables & LISTS and b"," in bare:
        yield "has a comma, at which Weaviate splits it"
    shortest = max((SHORTEST.get(name, 0) for name in variables), default=0)
    if len(bare) < shortest:
        yield f"is {len(bare)} long, MinIO wants {shortest} at least"
