"""`sensei install`: plan, start the runner, watch it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensei_tui.cli.output import note

if TYPE_CHECKING:
    from sensei_tui.runs.model import Plan
    from sensei_tui.site.site import Site

OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="json: the plan as one document, then one journal event a line.",
)  # fmt: skip
SITE = click.option(
    "--site", "site", type=click.Path(path_type=Path, file_okay=False), default=None, help="The site directory."
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that starts a run."""
    options = [
        SITE,
        OUTPUT,
        click.option("--plan-only", is_flag=True, help="Print the plan and change nothing."),
        click.option("--detach", is_flag=True, help="Start the run and return."),
        click.option("--plain", is_flag=True, help="Append-only lines (this command knows no other form)."),
        click.option("--yes", is_flag=True, help="Do not ask before starting."),
        click.option("--timeout", type=click.FloatRange(min=1), metavar="SECONDS",
                     help="How long to wait for each release to become ready."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@run_options
def install(
    site: Path | None, output: str, plan_only: bool, detach: bool, plain: bool, yes: bool, timeout: float | None
) -> None:
    """Install Sensei: print the plan, start a run of its own, and watch it. Ctrl-C leaves; the run goes on."""
    from sensei_tui.deploy.plans import plan_install

    found = open_site(site)
    plan = plan_install(found, **timeout_of(timeout))
    carry_out(found, plan, output, plan_only=plan_only, detach=detach, yes=yes)


def open_site(site: Path | None) -> Site:
    """The site named after the command or before it, else the one here. Raises SiteNotFound."""
    from sensei_tui.cli.context import site_of
    from sensei_tui.site.site import Site

    return Site.open(site) if site else site_of(click.get_current_context())


def timeout_of(timeout: float | None) -> dict[str, float]:
    """As a keyword, only if it was given."""
    return {"timeout": timeout} if timeout else {}


def ensure_cluster(site: Site) -> None:
    """A rehearsal site's cluster runs. Raises RehearsalError."""
    if site.config.rehearsal:
        from sensei_tui.rehearsal import launch

        launch.ensure(site.rehearsal_dir)


def carry_out(
    site: Site, plan: Plan, output: str, *, plan_only: bool, detach: bool, yes: bool,
    ask: Callable[[Plan], None] | None = None,
) -> None:  # fmt: skip
    """Print the plan, and unless that is all, start it and watch. `ask` asks instead of the usual question."""
    from sensei_tui.cli.console import exit_code, print_plan, watch
    from sensei_tui.deploy.start import start

    print_plan(plan, output)
    if plan_only:
        return
    if ask is not None:
        ask(plan)
    elif sys.stdin.isatty() and not yes:
        click.confirm(f"Start {plan.kind} {plan.version} on {plan.target}?", abort=True, err=True)
    ensure_cluster(site)
    directory = start(site, plan)
    if detach:
        note(f"Run {directory.id} started. Watch it: sensei runs attach {directory.id}")
        return
    sys.exit(int(exit_code(watch(directory, output))))
