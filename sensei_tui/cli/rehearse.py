"""`sensei rehearse`: the simulated cluster of a site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensei_tui.base.errors import ExitCode
from sensei_tui.cli.install import SITE, open_site
from sensei_tui.cli.lazy import LazyGroup
from sensei_tui.cli.output import emit, note, output_option, say

if TYPE_CHECKING:
    from sensei_tui.rehearsal.launch import Running

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_TABLE = {
    "install": ("sensei_tui.cli.rehearse_install:install", "Rehearse the whole installation headless."),
    "demo": ("sensei_tui.cli.rehearse_install:demo", "Open the console on a fresh rehearsal site."),
    "start": ("sensei_tui.cli.rehearse:start", "Start the simulated cluster of the site."),
    "stop": ("sensei_tui.cli.rehearse:stop", "Stop it; its state is kept."),
    "status": ("sensei_tui.cli.rehearse:status", "Say whether it runs, and where."),
    "record": ("sensei_tui.cli.rehearse:record", "Write a scenario with the nodes of a real cluster."),
}


@click.group(cls=LazyGroup, table=_TABLE)
def rehearse() -> None:
    """A simulated cluster on this machine, to try an installation or an upgrade before the real one."""


def _show(running: Running | None, directory: Path, output: str) -> None:
    facts: dict[str, Any] = {"running": running is not None, "directory": str(directory)}
    lines = ["The simulated cluster is not running."]
    if running is not None:
        facts |= {"kubeconfig": str(running.kubeconfig), "url": running.url, "pid": running.process.pid}
        lines = [f"The simulated cluster answers at {running.url} (process {running.process.pid})."]
        lines += [f"  kubeconfig  {running.kubeconfig}"]
    emit(facts, lines, output)


@click.command()
@SITE
@click.option("--scenario", type=_FILE, help="Nodes and faults (YAML); the site remembers it.")
@output_option
def start(site: Path | None, scenario: Path | None, output: str) -> None:
    """Start the simulated cluster; it goes on when the terminal closes, and comes back as it was left."""
    from sensei_tui.rehearsal import launch
    from sensei_tui.rehearsal import scenario as scenarios

    found = open_site(site)
    directory = found.rehearsal_dir
    if scenario is not None:
        scenarios.load(scenario)  # A mistake in it must not cost the cluster that runs.
        launch.stop(directory)
    if not found.config.rehearsal and not found.config.kubeconfig:
        found.configure(rehearsal=True)
        note("The site uses the simulated cluster from now on; sensei site set --kubeconfig FILE ends that.")
    elif not found.config.rehearsal:
        note("The site goes on using its kubeconfig; sensei site set --rehearsal makes it use the simulated cluster.")
    _show(launch.ensure(directory, scenario=scenario), directory, output)


@click.command()
@SITE
def stop(site: Path | None) -> None:
    """Stop the simulated cluster; its state is kept."""
    from sensei_tui.rehearsal import launch

    stopped = launch.stop(open_site(site).rehearsal_dir)
    say("Stopped; the state is kept." if stopped else "The simulated cluster was not running.")


@click.command()
@SITE
@output_option
def status(site: Path | None, output: str) -> int:
    """Say whether the simulated cluster runs, and where. Exit code 1 when it does not."""
    from sensei_tui.rehearsal import launch

    directory = open_site(site).rehearsal_dir
    found = launch.running(directory)
    _show(found, directory, output)
    return ExitCode.OK if found else ExitCode.FINDING


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--kubeconfig", type=_FILE, required=True)
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
    say(f"Recorded {found.summary()} in {file}.")
