"""`sensei upgrade` and `sensei rollback`: like install, over what is deployed."""

from __future__ import annotations

from pathlib import Path

import click

from sensei_tui.cli.install import carry_out, ensure_cluster, open_site, run_options, timeout_of


@click.command()
@run_options
@click.option("--take-over", is_flag=True, help="Take back fields that somebody else changed in the cluster.")
def upgrade(
    site: Path | None, output: str, plan_only: bool, detach: bool, plain: bool, yes: bool, timeout: float | None,
    take_over: bool,
) -> None:  # fmt: skip
    """Bring changed values or new charts to what is deployed. The plan shows what will differ."""
    from sensei_tui.deploy.plans import plan_upgrade

    found = open_site(site)
    plan = plan_upgrade(found, take_over=take_over, **timeout_of(timeout))
    carry_out(found, plan, output, plan_only=plan_only, detach=detach, yes=yes)


@click.command()
@click.argument("revision", type=click.IntRange(min=1))
@run_options
def rollback(
    revision: int, site: Path | None, output: str, plan_only: bool, detach: bool, plain: bool, yes: bool,
    timeout: float | None,
) -> None:  # fmt: skip
    """Bring release sensei back to REVISION (see: sensei status). Data in the data stores stays as it is."""
    from sensei_tui.deploy.plans import plan_rollback

    found = open_site(site)
    ensure_cluster(found)
    plan = plan_rollback(found, revision, **timeout_of(timeout))
    carry_out(found, plan, output, plan_only=plan_only, detach=detach, yes=yes)
