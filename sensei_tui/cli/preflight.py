"""`sensei preflight`: will it fit, and what is in the way?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.base.errors import ExitCode, UsageError
from sensei_tui.cli.install import SITE, ensure_cluster, open_site
from sensei_tui.cli.output import emit, note, output_option

if TYPE_CHECKING:
    from sensei_tui.preflight.model import Finding, Report


@click.command()
@SITE
@output_option
@click.option("--waive", "waivers", multiple=True, metavar="ID=REASON", help="Accept what a check finds.")
@click.option("--unwaive", multiple=True, metavar="ID", help="Take a waiver back.")
@click.option("--strict", is_flag=True, help="Warnings count as findings.")
@click.option("-q", "--quiet", is_flag=True, help="Only what does not pass.")
def preflight(
    site: Path | None, output: str, waivers: tuple[str, ...], unwaive: tuple[str, ...], strict: bool, quiet: bool
) -> int:
    """Will it fit, and what is in the way? Changes nothing.

    Exit code 0: nothing stops an installation. 1: a check failed or could not be answered, and nobody waived it.
    """
    from sensei_tui.preflight import waivers as kept
    from sensei_tui.preflight.engine import run_preflight
    from sensei_tui.preflight.model import Status

    found = open_site(site)
    for text in waivers:
        kept.waive(found, *_pair(text))
    for name in unwaive:
        kept.unwaive(found, name)
    ensure_cluster(found)
    report = run_preflight(found, on_progress=_Progress(output))
    emit(report, list(_lines(report, quiet)), output)
    stops = bool(report.blocking) or (strict and report.count(Status.WARN) > 0)
    return ExitCode.FINDING if stops else ExitCode.OK


def _pair(text: str) -> tuple[str, str]:
    name, equals, reason = text.partition("=")
    if not equals:
        raise UsageError("A waiver needs a reason.", where=f"--waive {text}", remedy=f"--waive {name}='WHY'")
    return name, reason


class _Progress:
    """Says on a terminal what is being looked at; elsewhere nothing."""

    def __init__(self, output: str) -> None:
        self._tells = output == "text" and sys.stderr.isatty()

    def __call__(self, done: int, total: int, title: str, /) -> None:
        if self._tells:
            note(f"  {done + 1:>2} of {total}  {title}")


def _lines(report: Report, quiet: bool) -> Iterator[str]:
    """Findings by area, then what stops an installation."""
    from sensei_tui.preflight.model import Status

    calm = (Status.PASS, Status.SKIPPED)
    shown = [finding for finding in report.findings if not (quiet and finding.status in calm)]
    area, first = "", dict[tuple[str, str], str]()
    for finding in shown:
        if finding.area != area:
            area = finding.area
            yield area
        same = first.setdefault((finding.summary, finding.remedy), finding.id)
        # What keeps many checks from measuring is told once.
        told = finding.status is Status.UNKNOWN and same != finding.id
        yield from [f"  {finding.status:<8} {finding.id:<16} as {same}"] if told else _finding(finding)
    counts = ", ".join(f"{number} {status}" for status in Status if (number := report.count(status)))
    yield f"{report.target}: {counts}; {report.seconds:.0f} s"
    if report.blocking:
        yield f"Stops an installation: {', '.join(finding.id for finding in report.blocking)}"


def _finding(finding: Finding) -> Iterator[str]:
    from sensei_tui.preflight.model import Status

    yield f"  {finding.status:<8} {finding.id:<16} {finding.summary}"
    if finding.status is Status.WAIVED:
        yield f"{'':11}{finding.waived_status}, waived: {finding.waiver}"
    elif finding.status not in (Status.PASS, Status.SKIPPED):
        if finding.threshold:
            yield f"{'':11}wanted   {finding.threshold}   ({finding.source})"
        yield f"{'':11}do       {finding.remedy}"
        yield from (f"{'':11}         {row}" for row in finding.detail)
