"""`sensei uninstall`: both releases away, in a run; what holds data stays."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.base.errors import UsageError
from sensei_tui.cli.install import carry_out, ensure_cluster, open_site, run_options, timeout_of

if TYPE_CHECKING:
    from sensei_tui.runs.model import Plan


@click.command()
@run_options
def uninstall(
    site: Path | None, output: str, plan_only: bool, detach: bool, plain: bool, yes: bool, timeout: float | None
) -> None:
    """Remove Sensei from the cluster. Volumes, their data and the site's Secrets stay."""
    from sensei_tui.deploy.uninstall import plan_uninstall

    found = open_site(site)
    ensure_cluster(found)
    plan = plan_uninstall(found, **timeout_of(timeout))
    ask = None if yes else agreed(f"Uninstall from {plan.target}?", "sensei uninstall --yes")
    carry_out(found, plan, output, plan_only=plan_only, detach=detach, yes=yes, ask=ask)


def agreed(question: str, otherwise: str) -> Callable[[Plan], None]:
    """Asks a person for the name of the namespace. What it gives raises click.Abort, UsageError."""

    def ask(plan: Plan) -> None:
        if not sys.stdin.isatty():
            raise UsageError(f"{plan.kind.capitalize()} must be confirmed.", remedy=f"Say so: {otherwise}")
        typed = click.prompt(f"{question} Type the namespace ({plan.namespace})", err=True)
        if typed != plan.namespace:
            raise UsageError(f"{typed!r} is not the namespace; nothing was changed.", remedy=f"It is {plan.namespace}.")

    return ask
