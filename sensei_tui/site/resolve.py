"""From the operator's values to what Helm gets: secrets taken out, `${NAME}` read, credentials generated.

What was read or generated is kept in `.sensei/secrets.json` (0600), so that a runner started from another terminal
needs no environment, and so that passwords are never generated twice.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import os
import re
import secrets as random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import write_atomic
from sensei_tui.base.redaction import Secret
from sensei_tui.site.schema import rule, secret_paths
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name
from sensei_tui.site.tree import get_path, remove_path, set_path
from sensei_tui.site.values import Keys, Values

SECRETS_FILE = "secrets.json"
CREDENTIALS = "sensei-credentials"
GENERATED = ("postgres-password", "redis-password", "s3-access-key", "s3-secret-key", "weaviate-api-key", "session-key")
REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FIXED = (
    ("license.key", "sensei-license", "license-key", "license.existingSecret"),
    ("llm.apiKey", "sensei-llm", "api-key", "llm.existingSecret"),
)
"""Path of a secret value, Secret it becomes, key in it, path that names the Secret for the chart."""


class MissingSecret(UsageError):
    """A `${NAME}` without a value."""

    code = "missing-secret"


@dataclass(frozen=True, slots=True)
class SecretObject:
    """A Kubernetes Secret to create before Helm runs."""

    name: str
    data: dict[str, Secret]
    keep: bool = False
    """Created if absent, never overwritten."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a run works with."""

    helm_values: dict[str, Any]
    """No secret in it; the chart's defaults are not merged in."""
    secrets: tuple[SecretObject, ...]
    hidden: tuple[Secret, ...]
    """Everything that must not be shown: for a Redactor."""
    digest: str
    """`sha256:...` over values and secrets; it tells that a secret changed and nothing else about it."""


class Kept(msgspec.Struct, kw_only=True):
    """`.sensei/secrets.json`."""

    key: str = ""
    """Hex; keys the digest."""
    environment: dict[str, str] = {}
    credentials: dict[str, str] = {}
    made_for: list[str] = []
    """Clusters and namespaces where a Secret was made of them."""


def resolve(site: Site, values: Values, environ: Mapping[str, str] = os.environ) -> Resolved:
    """See Resolved. Writes secrets.json if something is new, or others could read it. Raises MissingSecret."""
    kept = load_kept(site)
    before = msgspec.json.encode(kept)
    tree = copy.deepcopy(values.tree)
    for path in unused_secrets(tree):
        remove_path(tree, path)
    tree = _substituted(tree, (), lambda name, at: _variable(name, at, values, kept, environ))
    _generate(kept)
    file = site.state / SECRETS_FILE
    if msgspec.json.encode(kept) != before or file.stat().st_mode & 0o077:
        _write(site, kept)
    objects = tuple(_take_out(tree, kept))
    hidden = {secret for item in objects for secret in item.data.values()} | {
        Secret(v) for v in kept.environment.values()
    }
    return Resolved(tree, objects, tuple(hidden), _digest(kept, tree, objects))


def for_rendering(tree: dict[str, Any]) -> dict[str, Any]:
    """A copy for the charts without any secret: the Secret's name stands where its value would. `${NAME}` stays."""
    tree = copy.deepcopy(tree)
    for path, name, _, reference in _FIXED:
        if get_path(tree, path):
            set_path(tree, reference, get_path(tree, reference) or name)
        remove_path(tree, path)
    return tree


def load_kept(site: Site) -> Kept:
    """What was kept; empty the first time. Raises UsageError if the file is damaged."""
    file = site.root / ".sensei" / SECRETS_FILE
    if not file.is_file():
        return Kept()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Kept)
    except msgspec.DecodeError:
        raise UsageError(
            "The file with the site's secrets is damaged.", where=str(file),
            remedy="Restore it from a copy: the databases keep the passwords that were in it.",
        ) from None  # fmt: skip


def is_made(site: Site) -> bool:
    """Whether this site made the Secret of credentials where it is about now, ever. Raises UsageError."""
    return target_name(site) in load_kept(site).made_for


def remember_made(site: Site) -> None:
    """The Secret of credentials is made. Raises UsageError, OSError."""
    kept = load_kept(site)
    if target_name(site) not in kept.made_for:
        kept.made_for.append(target_name(site))
        _write(site, kept)


def _write(site: Site, kept: Kept) -> None:
    write_atomic(site.state / SECRETS_FILE, msgspec.json.format(msgspec.json.encode(kept)))


def known_secrets(site: Site, values: Values | None = None) -> tuple[Secret, ...]:
    """Every secret the site holds, for redaction, without asking the environment."""
    kept = load_kept(site)
    found = [*kept.environment.values(), *kept.credentials.values()]
    if values:
        found += [value for path in secret_paths() if isinstance(value := get_path(values.tree, path), str) and value]
    return tuple(Secret(value) for value in found)


def unused_secrets(tree: dict[str, Any]) -> tuple[str, ...]:
    """Secret paths whose value nothing will read: their condition is not met, or an existing Secret is named."""
    return tuple(path for path in sorted(secret_paths()) if get_path(tree, path) and _is_unused(tree, path))


def _is_unused(tree: dict[str, Any], path: str) -> bool:
    existing = {value: reference for value, _, _, reference in _FIXED}[path]
    conditions = (rule(path) or {}).get("x-when", {}).items()
    met = all(get_path(tree, key) == wanted for key, wanted in conditions)
    return bool(get_path(tree, existing)) or not met


def without_references(deployed: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """What Helm was given, without the names of Secrets that we made and the operator did not write."""
    kept = copy.deepcopy(deployed)
    for _, _, _, reference in _FIXED:
        if get_path(tree, reference) is None:
            remove_path(kept, reference)
    return kept


def _substituted(value: Any, at: Keys, lookup: Callable[[str, Keys], str]) -> Any:
    """A copy in which every `${NAME}` is what `lookup` says. What it says is not looked at again."""
    if isinstance(value, dict):
        return {key: _substituted(item, (*at, key), lookup) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, (*at, number), lookup) for number, item in enumerate(value)]
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: lookup(found.group(1), at), value)
    return value


def _variable(name: str, at: Keys, values: Values, kept: Kept, environ: Mapping[str, str]) -> str:
    if environ.get(name):
        kept.environment[name] = environ[name]
    if name not in kept.environment:
        dotted = ".".join(str(key) for key in at)
        raise MissingSecret(
            f"The variable {name} is not set.", where=f"{values.origin(at)} ({dotted})",
            remedy=f"Set it for this command (read -rs {name}; export {name}), or change the value.",
        )  # fmt: skip
    return kept.environment[name]


def _generate(kept: Kept) -> None:
    kept.key = kept.key or random.token_hex(32)
    for name in GENERATED:
        # An access key must be a name, not a password; 20 characters is what S3 clients expect at most.
        fresh = f"sensei{random.token_hex(6)}" if name == "s3-access-key" else random.token_urlsafe(24)
        kept.credentials.setdefault(name, fresh)


def _take_out(tree: dict[str, Any], kept: Kept) -> Iterator[SecretObject]:
    for path, name, key, reference in _FIXED:
        value = get_path(tree, path)
        remove_path(tree, path)
        if isinstance(value, str) and value:
            set_path(tree, reference, name)
            yield SecretObject(name, {key: Secret(value)})
    if get_path(tree, "credentials.existingSecret") in (None, "", CREDENTIALS):
        yield SecretObject(CREDENTIALS, {key: Secret(value) for key, value in kept.credentials.items()}, keep=True)


def _digest(kept: Kept, tree: dict[str, Any], objects: tuple[SecretObject, ...]) -> str:
    plain = {item.name: {key: value.reveal() for key, value in item.data.items()} for item in objects if not item.keep}
    message = msgspec.json.encode([tree, plain], order="deterministic")
    return f"sha256:{hmac.new(bytes.fromhex(kept.key), message, hashlib.sha256).hexdigest()}"
