"""`sensei backup`: make one, list them, restore one."""

from __future__ import annotations

from pathlib import Path

import click

from sensei_tui.cli.install import SITE, carry_out, ensure_cluster, open_site, run_options, timeout_of
from sensei_tui.cli.output import emit, note, output_option
from sensei_tui.cli.uninstall import agreed
from sensei_tui.site.charts import LATEST


@click.group()
def backup() -> None:
    """Save the database, the objects and the vectors, and bring them back (the guide's page Backup)."""


@backup.command()
@run_options
def create(
    site: Path | None, output: str, plan_only: bool, detach: bool, plain: bool, yes: bool, timeout: float | None
) -> None:
    """Make a backup now, in a run. The platform goes on working."""
    from sensei_tui.deploy.backup import plan_backup

    found = open_site(site)
    ensure_cluster(found)
    carry_out(found, plan_backup(found, **timeout_of(timeout)), output, plan_only=plan_only, detach=detach, yes=yes)


@backup.command("list")
@SITE
@output_option
def list_(site: Path | None, output: str) -> None:
    """The backups there are, newest first. A job in the namespace reads them."""
    from sensei_tui.cluster.client import connect
    from sensei_tui.deploy.jobs import backup_text, backups
    from sensei_tui.site.target import target_of

    found = open_site(site)
    if found.config.rehearsal:
        note("A rehearsal keeps no backups: no process runs in its pods.")
        emit([], [], output)
        return
    with connect(target_of(found)) as cluster:
        rows = backups(cluster)
    emit(rows, [backup_text(row) for row in rows], output)


@backup.command()
@click.argument("name", default=LATEST)
@run_options
def restore(
    name: str, site: Path | None, output: str, plan_only: bool, detach: bool, plain: bool, yes: bool,
    timeout: float | None,
) -> None:  # fmt: skip
    """Stop the platform, bring its data back as in backup NAME (default: the newest complete one), start it again.

    What is in the stores now is replaced.
    """
    from sensei_tui.deploy.backup import plan_restore

    found = open_site(site)
    ensure_cluster(found)
    ask = None if yes else agreed(f"Replace what is in the stores by backup {name}?", "sensei backup restore --yes")
    plan = plan_restore(found, name, **timeout_of(timeout))
    carry_out(found, plan, output, plan_only=plan_only, detach=detach, yes=yes, ask=ask)
