"""`sensei tui`: hands over to the console. The command line itself never loads Textual."""

from __future__ import annotations

import os
import sys

import click

from sensei_tui.base.errors import UsageError
from sensei_tui.cli.context import site_of


@click.command()
@click.pass_context
def tui(ctx: click.Context) -> None:
    """Open the console on this site."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("The console needs a terminal.", remedy="Use the commands: sensei --help")
    open_console(str(site_of(ctx).root))


def open_console(root: str) -> None:
    """Become the console on this site: one process, so that signals and the terminal have one owner."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "sensei_tui.console", root])
