"""The licence: where it lies, and showing it without showing it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import write_atomic
from sensei_tui.base.redaction import MASK
from sensei_tui.site import splice, yamlfile
from sensei_tui.site.site import Site
from sensei_tui.site.tree import get_path
from sensei_tui.site.validate import PLACEHOLDERS
from sensei_tui.site.values import Values

LICENSE_FILE = "license.yaml"
_SHOWN = 4
_LONG_ENOUGH = 16
"""Characters of a key from which its first four may be shown."""


@dataclass(frozen=True, slots=True)
class License:
    """What may be said about the licence."""

    organization: str
    key: str
    """Masked: `abcd****`, or empty."""
    state: str
    """`set`, `placeholder`, `secret` (an existing Secret is named) or `missing`."""


def license_of(values: Values) -> License:
    """The licence in the values."""
    organization = str(values.get("license.organization") or "")
    key = str(values.get("license.key") or "")
    if values.get("license.existingSecret"):
        return License(organization, "", "secret")
    if not key:
        return License(organization, "", "missing")
    if key in PLACEHOLDERS:
        return License(organization, "", "placeholder")
    return License(organization, mask(key), "set")


def mask(key: str) -> str:
    """The first four characters of a long key, none of a short one."""
    return (key[:_SHOWN] if len(key) >= _LONG_ENOUGH else "") + MASK


def set_license(site: Site, key: str, organization: str = "") -> None:
    """Write the key (and the organization, if given) to license.yaml, 0600. Raises UsageError."""
    key = key.strip()
    if not key or any(character.isspace() or not character.isprintable() for character in key):
        raise UsageError("This is not a licence key.", why="it is empty or has spaces or line breaks in it")
    file = site.root / LICENSE_FILE
    _check_it_counts(site, file)
    text = yamlfile.read(file) if file.exists() else ""
    text = splice.set_value(text, "license.key", key, file)
    if organization:
        text = splice.set_value(text, "license.organization", organization, file)
    write_atomic(file, text)


def _check_it_counts(site: Site, file: Path) -> None:
    """What license.yaml says must be what is merged last."""
    if LICENSE_FILE not in site.config.values:
        raise UsageError(
            "The site does not merge license.yaml.", where=str(site.root / "site.yaml"),
            remedy="Add it to 'values', as the last one.",
        )  # fmt: skip
    later = site.values_files[site.values_files.index(file) + 1 :] if file in site.values_files else ()
    for other in later:
        if get_path(yamlfile.parse(yamlfile.read(other), other), "license.key") is not None:
            raise UsageError(
                "A file that is merged after license.yaml sets license.key.", where=str(other),
                remedy="Take the key out there: sensei config unset license.key",
            )  # fmt: skip
