"""`sensei test`: the chart's tests on what is deployed."""

from __future__ import annotations

from pathlib import Path

import click

from sensei_tui.base.errors import ExitCode
from sensei_tui.cli.install import SITE, ensure_cluster, open_site
from sensei_tui.cli.output import emit, output_option


@click.command()
@SITE
@output_option
def test(site: Path | None, output: str) -> int:
    """Run the chart's tests: dashboard, API, a write and a read in every store, the LLM. Exit code 0: all pass, 1: not.

    A Job in the namespace does it; it is removed afterwards unless it failed. Every run ends with these tests too.
    """
    from sensei_tui.deploy.trial import chart_tests

    found = open_site(site)
    ensure_cluster(found)
    outcome = chart_tests(found)
    text = [f"The chart's tests pass ({outcome.seconds:.1f} s)."] if outcome.passed else list(outcome.why)
    emit(outcome, text, output)
    return ExitCode.OK if outcome.passed else ExitCode.FINDING
