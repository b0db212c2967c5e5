"""`sensei tui`: hands over to the console. The command line itself never loads Textual."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from sensei_tui.base.errors import UsageError
from sensei_tui.cli.context import site_of

PROFILES = ("auto", "rich", "basic", "serial", "plain")


@click.command()
@click.option("--site", type=click.Path(path_type=Path), help="The site's directory, as before the command.")
@click.option("--profile", type=click.Choice(PROFILES), help="How to draw; kept for this terminal. auto: what fits.")
@click.option("--line-speed", type=click.IntRange(50), help="Bits per second of the line, where the tty can't know it.")
@click.option("--size", metavar="COLUMNSxROWS", help="The terminal's size, where the tty can't know it: 132x43.")
@click.pass_context
def tui(ctx: click.Context, site: Path | None, profile: str | None, line_speed: int | None, size: str | None) -> None:
    """Open the console on this site."""
    if site:
        ctx.find_root().obj = site
    from sensei_tui.terminal import profile as terminal

    if size and terminal.said_size({terminal.SIZE_VARIABLE: size}) is None:
        raise UsageError(f"{size!r} is no size.", remedy="Say columns and rows: --size 80x24")
    named = {terminal.SPEED_VARIABLE: line_speed, terminal.SIZE_VARIABLE: size}
    os.environ.update({name: str(value) for name, value in named.items() if value})
    if profile:
        _take(profile)
    if profile != "plain" and not on_terminal():
        raise UsageError(
            "The console needs a terminal.", remedy="Use the commands (sensei --help), or --profile plain."
        )
    open_console(str(site_of(ctx).root))


def _take(profile: str) -> None:
    """From now on on this terminal; where it is none (a pipe), this time."""
    from sensei_tui.terminal.profile import PROFILE_VARIABLE, keep

    os.environ.pop(PROFILE_VARIABLE, None)
    keep(os.environ, "" if profile == "auto" else profile)
    if profile != "auto":
        os.environ[PROFILE_VARIABLE] = profile


def on_terminal() -> bool:
    """Whether somebody sits there: both ends are a terminal, and open."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def open_console(root: str) -> None:
    """Become the console on this site: one process, so that signals and the terminal have one owner."""
    if sys.stdout is not None:
        sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "sensei_tui.console", root])
