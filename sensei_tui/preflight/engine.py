"""Facts in, report out; and the report on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError, UsageError
from sensei_tui.base.paths import write_atomic
from sensei_tui.preflight.catalogue import CHECKS
from sensei_tui.preflight.collect import Collector, Progress, silent
from sensei_tui.preflight.facts import Facts
from sensei_tui.preflight.model import Finding, Report
from sensei_tui.preflight.waivers import Waiver, applied, load_waivers
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name
from sensei_tui.site.values import load_values

FILE = "preflight.json"


def judge(facts: Facts) -> tuple[Finding, ...]:
    """What every check says about the facts. Pure."""
    return tuple(check.judge(facts) for check in CHECKS)


def run_preflight(site: Site, *, on_progress: Progress = silent) -> Report:
    """Collect the facts, judge them, keep the report; the one returned has the waivers applied.

    Changes nothing in the cluster. Raises UsageError for a damaged waivers file only: whatever else goes wrong is a
    finding.
    """
    waivers = load_waivers(site)
    started = clock.monotonic()
    facts = Collector(site).collect(on_progress)
    report = Report(
        at=clock.stamp(), seconds=clock.monotonic() - started, target=target_name(site),
        values_digest=_values_digest(site), findings=judge(facts),
    )  # fmt: skip
    save_report(site, report)
    return _waived(report, waivers)


def _values_digest(site: Site) -> str:
    try:
        return load_values(site).digest
    except SenseiError:
        return ""


def _waived(report: Report, waivers: dict[str, Waiver]) -> Report:
    findings = tuple(applied(finding, waivers) for finding in report.findings)
    return msgspec.structs.replace(report, findings=findings)


def save_report(site: Site, report: Report) -> None:
    """Keep it in the site, as judged: waivers are applied whenever it is read."""
    write_atomic(site.state / FILE, msgspec.json.encode(report))


def load_report(site: Site) -> Report | None:
    """The newest report with today's waivers; None where there is none, or it is of another version of the program.

    With a damaged waivers file nothing is waived; `run_preflight` says why.
    """
    file = site.root / ".sensei" / FILE
    try:
        report = msgspec.json.decode(file.read_bytes(), type=Report)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    try:
        return _waived(report, load_waivers(site))
    except UsageError:
        return report


def export_report(report: Report, path: Path) -> None:
    """Write it as JSON, or as YAML where the name ends in .yaml or .yml. Raises OSError."""
    write_atomic(path, as_yaml(report) if path.suffix in (".yaml", ".yml") else as_json(report), mode=0o644)


def as_json(report: Report) -> str:
    """For programs."""
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"


def as_yaml(report: Report) -> str:
    """For people who keep it in a change record."""
    import yaml

    return yaml.safe_dump(msgspec.to_builtins(report), sort_keys=False, allow_unicode=True)
