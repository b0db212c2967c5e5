"""`sensei runs`: what was done here, what goes on now, and steering it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.cli.install import OUTPUT, SITE, ensure_cluster, open_site
from sensei_tui.cli.output import note, say

if TYPE_CHECKING:
    from sensei_tui.runs.registry import RunDirectory
    from sensei_tui.runs.view import RunView

_RUN = click.argument("run", required=False, default="")


@click.group()
def runs() -> None:
    """Runs of this site: list, show, attach, cancel, resume. RUN is a number; without one, the active or newest run."""


def _find(site: Path | None, run: str) -> RunDirectory:
    from sensei_tui.runs.registry import find_run

    return find_run(open_site(site).runs, run)


@runs.command("list")
@SITE
@OUTPUT
def list_(site: Path | None, output: str) -> None:
    """Every run, newest first."""
    import msgspec

    from sensei_tui.base import clock
    from sensei_tui.runs.registry import list_runs

    found = list_runs(open_site(site).runs)
    if output == "json":
        say(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    if not found:
        say("This site has no runs yet.")
        return
    say(f"{'run':<6}{'what':<11}{'version':<10}{'state':<11}{'started (UTC)':<21}{'took':<8}by")
    for item in found:
        started, took = item.started[:19].replace("T", " "), clock.duration(item.seconds)
        say(f"{item.id:<6}{item.kind:<11}{item.version:<10}{item.state:<11}{started:<21}{took:<8}{item.actor}".rstrip())


@runs.command()
@_RUN
@SITE
@OUTPUT
@click.option("--verify", is_flag=True, help="Check the journal's chain of digests.")
@click.option("--log", "with_log", is_flag=True, help="Print the log too.")
def show(run: str, site: Path | None, output: str, verify: bool, with_log: bool) -> None:
    """One run: its steps, how it ended, and (--verify) whether its journal is as it was written."""
    import msgspec

    from sensei_tui.runs.journal import verify as check

    directory = _find(site, run)
    if verify:
        found = check(directory.journal)
        tell = note if output == "json" else say
        said = f"Journal of run {directory.id}: {found.events} events, unbroken. Digest of the last line: {found.head}"
        tell(said + (f" ({found.torn} bytes of an unfinished line)" if found.torn else ""))
    view = directory.view()
    if output == "json":
        say(msgspec.json.format(msgspec.json.encode(view)).decode())
    else:
        _print(view, with_log)


def _print(view: RunView, with_log: bool) -> None:
    from sensei_tui.base import clock
    from sensei_tui.runs.lines import error_lines
    from sensei_tui.runs.registry import actor_name

    say(f"run {view.id}  {view.kind} {view.version} on {view.target}: {view.state}")
    say(f"  started {view.started} by {actor_name(view.actor)}, took {clock.duration(view.seconds)}")
    for number, step in enumerate(view.steps, 1):
        took = clock.duration(step.seconds) if step.seconds else ""
        say(f"  {number:>2} {step.state:<5} {step.title:<28} {took:>7}  {step.detail}".rstrip())
    for line in error_lines(view.error):
        say(f"  {line}")
    for item in view.log if with_log else ():
        say(f"  {item.at[11:19]}  {item.source:<6} {item.text}")


@runs.command()
@_RUN
@SITE
@OUTPUT
def attach(run: str, site: Path | None, output: str) -> None:
    """Watch a run as lines, from its beginning. Ctrl-C leaves; the run goes on."""
    from sensei_tui.cli.console import exit_code, watch

    sys.exit(int(exit_code(watch(_find(site, run), output))))


@runs.command()
@_RUN
@SITE
def cancel(run: str, site: Path | None) -> None:
    """Stop the running step cleanly and end the run. `sensei runs resume` finishes it later."""
    _tell(site, run, "cancel", "is being cancelled")


@runs.command()
@_RUN
@SITE
def pause(run: str, site: Path | None) -> None:
    """Hold the run after the step that runs now."""
    _tell(site, run, "pause", "pauses after this step; go on: sensei runs continue")


@runs.command("continue")
@_RUN
@SITE
def continue_(run: str, site: Path | None) -> None:
    """Let a paused run go on."""
    _tell(site, run, "resume", "goes on")


@runs.command()
@_RUN
@SITE
def retry(run: str, site: Path | None) -> None:
    """Stop the running step and do it again."""
    _tell(site, run, "retry", "does its step again")


def _tell(site: Path | None, run: str, command: str, said: str) -> None:
    from sensei_tui.runs.control import send

    directory = _find(site, run)
    send(directory.path, command)
    say(f"Run {directory.id} {said}.")


@runs.command()
@_RUN
@SITE
@OUTPUT
@click.option("--detach", is_flag=True, help="Start the runner and return.")
def resume(run: str, site: Path | None, output: str, detach: bool) -> None:
    """Finish a run that failed, was cancelled, or whose runner is gone. What is done is not done again."""
    from sensei_tui.cli.console import exit_code, watch
    from sensei_tui.deploy.start import resume as start_again

    found = open_site(site)
    ensure_cluster(found)
    attempt = _find(site, run).view().attempts + 1
    directory = start_again(found, run)
    if detach:
        note(f"Run {directory.id} goes on. Watch it: sensei runs attach {directory.id}")
        return
    sys.exit(int(exit_code(watch(directory, output, attempt=attempt))))
