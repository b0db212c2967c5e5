"""Findings that somebody accepts, with a reason. Kept in the site, applied when a report is read."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import write_atomic
from sensei_tui.base.text import one_line
from sensei_tui.preflight.catalogue import CHECKS
from sensei_tui.preflight.model import WAIVABLE, Finding, Status
from sensei_tui.site.site import Site

FILE = "waivers.json"


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    who: str
    at: str
    """RFC 3339."""


def load_waivers(site: Site) -> dict[str, Waiver]:
    """By check id. Raises UsageError if the file is damaged: a waiver must not vanish silently, nor appear."""
    file = site.root / ".sensei" / FILE
    if not file.is_file():
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Waiver])
    except msgspec.DecodeError as error:
        remedy = "Correct it, or remove it and waive again."
        raise UsageError("The waivers cannot be read.", where=str(file), why=str(error), remedy=remedy) from error


def waive(site: Site, check: str, reason: str) -> None:
    """Accept what the check finds, from now on. Raises UsageError for a check that does not exist."""
    known = [item.id for item in CHECKS]
    if check not in known:
        raise UsageError(f"There is no check {check}.", where="--waive", remedy=f"Checks: {', '.join(known)}.")
    if not one_line(reason):
        raise UsageError(f"The waiver of {check} has no reason.", where="--waive", remedy=f"--waive {check}='WHY'")
    waiver = Waiver(reason=one_line(reason), who=_who(), at=clock.stamp())
    _save(site, {**load_waivers(site), check: waiver})


def unwaive(site: Site, check: str) -> None:
    """Take a waiver back. Raises UsageError where there is none."""
    waivers = load_waivers(site)
    if check not in waivers:
        raise UsageError(f"{check} is not waived.", where=str(site.root), remedy="See: sensei preflight")
    _save(site, {name: waiver for name, waiver in waivers.items() if name != check})


def _save(site: Site, waivers: Mapping[str, Waiver]) -> None:
    write_atomic(site.state / FILE, msgspec.json.format(msgspec.json.encode(waivers)))


def _who() -> str:
    """The person: behind sudo, the one who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def applied(finding: Finding, waivers: Mapping[str, Waiver]) -> Finding:
    """The finding as it counts; what passes or is skipped needs no waiver."""
    waiver = waivers.get(finding.id)
    if waiver is None or finding.status not in WAIVABLE:
        return finding
    text = f"{waiver.reason} ({waiver.who}, {waiver.at[:10]})"
    return msgspec.structs.replace(finding, status=Status.WAIVED, waiver=text, waived_status=str(finding.status))
