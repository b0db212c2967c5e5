"""`sensei`: the commands, loaded when called."""

from __future__ import annotations

from pathlib import Path

import click

from sensei_tui import __version__
from sensei_tui.cli.lazy import LazyGroup

COMMANDS = {
    "init": ("sensei_tui.cli.init:init", "Make a site: a directory that holds one installation."),
    "site": ("sensei_tui.cli.site:site", "Show the site, or name its cluster, namespace and version."),
    "config": ("sensei_tui.cli.config:config", "Show, change, check and compare the values."),
    "license": ("sensei_tui.cli.license:license", "Set the licence key, or show it masked."),
    "preflight": ("sensei_tui.cli.preflight:preflight", "Will it fit, and what is in the way?"),
    "access": ("sensei_tui.cli.access:access", "The permissions an operator needs, for an administrator to apply."),
    "images": ("sensei_tui.cli.images:images", "The images and artifacts that the charts need with these values."),
    "bundle": ("sensei_tui.cli.bundle:bundle", "Images and charts for a site without internet: make, prove, load."),
    "install": ("sensei_tui.cli.install:install", "Install both charts in a run that outlives the terminal."),
    "upgrade": ("sensei_tui.cli.upgrade:upgrade", "Bring changed values or a new chart version to the cluster."),
    "rollback": ("sensei_tui.cli.upgrade:rollback", "Go back to an earlier revision of the release sensei."),
    "uninstall": ("sensei_tui.cli.uninstall:uninstall", "Remove Sensei; volumes and their data stay."),
    "status": ("sensei_tui.cli.status:status", "What is deployed, and is it well?"),
    "backup": ("sensei_tui.cli.backup:backup", "Save the data, list what was saved, bring it back."),
    "test": ("sensei_tui.cli.test:test", "Write and read every store from inside the cluster."),
    "runs": ("sensei_tui.cli.runs:runs", "List, show, attach to, cancel and resume runs."),
    "rehearse": ("sensei_tui.cli.rehearse:rehearse", "Practise on a simulated cluster on this machine."),
    "tui": ("sensei_tui.cli.tui:tui", "Open the console (also: sensei alone on a terminal)."),
}


HELP = {"help_option_names": ["-h", "--help"]}
SITE = "The site's directory (default: SENSEI_SITE, or the nearest above here)."


@click.group(cls=LazyGroup, table=COMMANDS, invoke_without_command=True, context_settings=HELP)
@click.version_option(__version__, prog_name="sensei")
@click.option("--site", type=click.Path(path_type=Path), help=SITE)
@click.pass_context
def sensei(ctx: click.Context, site: Path | None) -> None:
    """Install, verify, upgrade and watch Sensei.

    Without a command, on a terminal, opens the console on the site here.
    """
    ctx.obj = site
    if ctx.invoked_subcommand is None:
        import sys

        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            click.echo(ctx.get_help())
            return
        command = sensei.get_command(ctx, "tui")
        assert command is not None
        ctx.invoke(command)
