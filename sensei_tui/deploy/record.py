"""What this site has deployed, on disk, without secrets: plans, diffs and the Home screen need no cluster."""

from __future__ import annotations

from typing import Any

import msgspec

from sensei_tui.base.paths import private_dir, write_atomic
from sensei_tui.site.diff import Change, diff_values
from sensei_tui.site.resolve import without_references
from sensei_tui.site.site import Site
from sensei_tui.site.validate import masked, without_secrets

FILE = "deployed-values.json"


class DeployedRelease(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    revision: int
    chart: str
    """Version of the chart."""
    digest: str
    manifest: str
    """As rendered offline; Secrets are not in it, because the program makes them itself."""


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    run: str
    version: str
    target: str
    values_digest: str
    """Of the operator's merged files, as `Values.digest`."""
    values: dict[str, Any]
    """As given to Helm: merged, secrets stripped."""
    releases: tuple[DeployedRelease, ...] = ()

    def release(self, name: str) -> DeployedRelease | None:
        """By name."""
        return next((item for item in self.releases if item.name == name), None)


def load_deployed(site: Site) -> Deployed | None:
    """The last successful run's record, or None."""
    try:
        return msgspec.json.decode((site.state / FILE).read_bytes(), type=Deployed)
    except (OSError, msgspec.DecodeError):
        return None


def difference(site: Site, tree: dict[str, Any]) -> tuple[tuple[Change, ...], str]:
    """What these values would change of what is deployed, and in words what they are compared with."""
    found = load_deployed(site)
    before = without_references(found.values, tree) if found else {}
    # Masked on both sides: a mistyped key may hold a secret.
    changes = tuple(diff_values(masked(before), masked(without_secrets(tree))))
    return changes, f"run {found.run} of {found.at[:10]}" if found else "nothing: Sensei is not deployed yet"


def save_deployed(site: Site, deployed: Deployed) -> None:
    """Replace the record."""
    private_dir(site.state)
    write_atomic(site.state / FILE, msgspec.json.format(msgspec.json.encode(deployed)))


def forget_deployed(site: Site) -> None:
    """Nothing of this site is deployed any more."""
    (site.state / FILE).unlink(missing_ok=True)
