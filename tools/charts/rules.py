"""What settings demand of each other: the `allOf` of the schema, each with the sentence an operator reads."""

from __future__ import annotations

from typing import Any

Node = dict[str, Any]
FILLED: Node = {"minLength": 1}


def _at(path: str, rule: Node, *, required: bool = True) -> Node:
    """A rule for the value at a dotted path."""
    for key in reversed(path.split(".")):
        rule = {"properties": {key: rule}, **({"required": [key]} if required else {})}
    return rule


def needs(sentence: str, when: dict[str, Any], path: str, rule: Node = FILLED, **absent_or_empty: str) -> Node:
    """Where every path of `when` has its value, `path` must be there and meet `rule`."""
    conditions = [_at(key, {"const": value}) for key, value in when.items()]
    conditions += [_at(key, {"maxLength": 0}, required=False) for key in absent_or_empty.values()]
    condition = conditions[0] if len(conditions) == 1 else {"allOf": conditions}
    return {"$comment": sentence, "if": condition, "then": _at(path, rule)}


def _external(key: str, what: str, path: str, of: str) -> Node:
    return needs(f"{what} needs {of}.", {f"{key}.external.enabled": True}, f"{key}.external.{path}")


def _backup_bucket() -> list[Node]:
    own = "Without backup.bucket.endpoint the bucket is one of the platform's own object storage, at its {}."
    unnamed = {"allOf": [_at("backup.to", {"not": {"const": "volume"}}, required=False),
                         _at("backup.bucket.endpoint", {"maxLength": 0}, required=False)]}  # fmt: skip
    return [
        {"$comment": "A backup bucket with an endpoint of its own needs the Secret with its keys.",
         "if": _at("backup.bucket.endpoint", FILLED), "then": _at("backup.bucket.existingSecret", FILLED)},
        {"$comment": own.format("region"), "if": unnamed,
         "then": _at("backup.bucket.region", {"const": "us-east-1"}, required=False)},
        {"$comment": own.format("form of address"), "if": unnamed,
         "then": _at("backup.bucket.pathStyle", {"const": True}, required=False)},
    ]  # fmt: skip


def _versions() -> list[Node]:
    """Of images that are not ours: an empty tag would be our version, which they have none of. PostgreSQL's is never empty."""
    return [
        {"$comment": f"The image of {key} needs a tag or a digest: it has no version of Sensei's.",
         "if": _at(f"{key}.image.digest", {"maxLength": 0}, required=False),
         "then": _at(f"{key}.image.tag", FILLED, required=False)}
        for key in ("redis", "storage.minio", "vectorDb", "llm")
    ]  # fmt: skip


def _minio() -> Node:
    """All 15 volumes of 3 x 5 are one erasure set, which has parity for 4 (MinIO, "Erasure Coding"); a pod has 5."""
    return {
        "$comment": "Three pods with five volumes each don't survive the loss of one: take another number.",
        "if": _at("storage.minio.drivesPerReplica", {"const": 5}),
        "then": _at("storage.minio.replicas", {"enum": [1, *range(4, 17)]}),
    }


def rules() -> list[Node]:
    """Every one."""
    airgapped = _at("llm.provider", {"enum": ["none", "local"]}, required=False)
    return [
        _external("postgresql", "An external PostgreSQL", "host", "its host"),
        _external("postgresql", "An external PostgreSQL", "existingSecret", "the Secret with its password"),
        *(needs(f"TLS mode {mode} needs the certificates to check with.", {"postgresql.external.enabled": True,
                "postgresql.external.tls.mode": mode}, "global.caBundle.existingSecret") for mode in ("verify-ca", "verify-full")),
        _external("redis", "An external Redis", "host", "its host"),
        _external("storage", "An external object storage", "endpoint", "its endpoint"),
        _external("storage", "An external object storage", "existingSecret", "the Secret with its keys"),
        _external("vectorDb", "An external vector database", "url", "its URL"),
        *_versions(), _minio(), *_backup_bucket(),
        needs("A local LLM needs the name of its model.", {"llm.provider": "local"}, "llm.model"),
        needs("The provider anthropic needs llm.apiKey or llm.existingSecret.", {"llm.provider": "anthropic"},
              "llm.apiKey", unless="llm.existingSecret"),
        needs("A local pattern library needs the path of its snapshot.", {"patternLibrary.source": "local"},
              "patternLibrary.snapshotPath"),
        {"$comment": "An air-gapped site cannot use an LLM that needs connectivity.",
         "if": _at("global.airgapped", {"const": True}), "then": airgapped},
        needs("An air-gapped site needs a registry of its own.", {"global.airgapped": True}, "global.imageRegistry"),
        needs("An Ingress needs the domain it answers for.", {"ingress.enabled": True}, "global.domain"),
        needs("A Gateway's route needs the domain it answers for.", {"gateway.enabled": True}, "global.domain"),
        needs("A Gateway's route needs the name of its Gateway.", {"gateway.enabled": True}, "gateway.name"),
    ]  # fmt: skip
