"""`sensei rehearse`: the simulated cluster of a site."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.base.errors import ExitCode

if TYPE_CHECKING:
    from sensei_tui.rehearsal.launch import Running

_ELSEWHERE = {
    "install": "sensei_tui.cli.rehearse_install:install",
    "demo": "sensei_tui.cli.rehearse_install:demo",
}
"""Subcommands that bring the runner with them; imported when they are called."""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, name = _ELSEWHERE[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found


@click.group(cls=_Group)
def rehearse() -> None:
    """A simulated cluster on this machine, to try an installation or an upgrade before the real one."""


_directory = click.option(
    "--site", "site", type=click.Path(path_type=Path, file_okay=False), default=None, help="The site directory."
)
_output = click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


def _rehearsal_dir(site: Path | None) -> Path:
    """Where the site keeps its simulated cluster. Raises SiteNotFound."""
    from sensei_tui.site.site import Site

    found = Site.open(site) if site else Site.find()
    return found.rehearsal_dir


def _show(running: Running | None, directory: Path, output: str) -> None:
    facts = {"running": running is not None, "directory": str(directory)}
    if running is not None:
        facts |= {"kubeconfig": str(running.kubeconfig), "url": running.url, "pid": running.process.pid}
    if output == "json":
        click.echo(json.dumps(facts, indent=2))
    elif running is None:
        click.echo("The simulated cluster is not running.")
    else:
        click.echo(f"The simulated cluster answers at {running.url} (process {running.process.pid}).")
        click.echo(f"  kubeconfig  {running.kubeconfig}")


@rehearse.command()
@_directory
@click.option(
    "--scenario", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Nodes and faults (YAML)."
)
@_output
def start(site: Path | None, scenario: Path | None, output: str) -> None:
    """Start the simulated cluster; it goes on when the terminal closes, and comes back as it was left."""
    from sensei_tui.rehearsal import launch

    directory = _rehearsal_dir(site)
    if scenario is not None:
        launch.stop(directory)
    _show(launch.ensure(directory, scenario=scenario), directory, output)


@rehearse.command()
@_directory
def stop(site: Path | None) -> None:
    """Stop the simulated cluster; its state is kept."""
    from sensei_tui.rehearsal import launch

    stopped = launch.stop(_rehearsal_dir(site))
    click.echo("Stopped; the state is kept." if stopped else "The simulated cluster was not running.")


@rehearse.command()
@_directory
@_output
@click.pass_context
def status(ctx: click.Context, site: Path | None, output: str) -> None:
    """Say whether the simulated cluster runs, and where. Exit code 1 when it does not."""
    from sensei_tui.rehearsal import launch

    directory = _rehearsal_dir(site)
    found = launch.running(directory)
    _show(found, directory, output)
    ctx.exit(ExitCode.OK if found else ExitCode.FINDING)


@rehearse.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--kubeconfig", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True)
@click.option("--context", default="", help="The context to read from (default: the current one).")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def record(file: Path, kubeconfig: Path, context: str, force: bool) -> None:
    """Write a scenario FILE with the nodes and storage classes of a real cluster.

    Only sizes, labels, taints and versions are read; nothing is changed there. What already runs on the nodes is
    subtracted from what they offer.
    """
    from sensei_tui.base.errors import UsageError
    from sensei_tui.base.paths import write_atomic
    from sensei_tui.cluster.client import connect
    from sensei_tui.cluster.target import Target
    from sensei_tui.rehearsal import record as recording

    if file.exists() and not force:
        raise UsageError(f"{file} exists.", remedy="name another file, or pass --force")
    cluster = connect(Target(str(kubeconfig), context, ""))
    try:
        found = recording.read(cluster.get)
    finally:
        cluster.close()
    write_atomic(file, found.text(), mode=0o644)
    click.echo(f"Recorded {found.summary()} in {file}.")
