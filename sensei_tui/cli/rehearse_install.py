"""`sensei rehearse install` and `sensei rehearse demo`: the whole program without a cluster of one's own."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.base.errors import ExitCode
from sensei_tui.cli.install import SITE
from sensei_tui.cli.output import note, say

if TYPE_CHECKING:
    from sensei_tui.site.site import Site

API_KEY = "ANTHROPIC_API_KEY"
FAKE_KEY = "not-a-key-this-is-a-rehearsal"
"""Stands for the API key the guide's values take from the environment. Nothing is ever sent to anyone."""


@click.command()
@SITE
@click.option("-f", "--values", "files", type=click.Path(path_type=Path, exists=True, dir_okay=False), multiple=True,
              help="Values files to install instead of the guide's; may be given more than once.")  # fmt: skip
@click.option("--plain", is_flag=True, help="Append-only lines (this command knows no other form).")
@click.option("--keep", is_flag=True, help="Leave the site and its simulated cluster as they are.")
def install(site: Path | None, files: tuple[Path, ...], plain: bool, keep: bool) -> None:
    """Rehearse the installation headless: start a simulated cluster, install both charts, verify, say what was done.

    Without --site a fresh site is made with the values of the vendor's guide, and removed again if all went well.
    """
    with rehearsal_site(site, files, keep) as found:
        code = _rehearse(found)
    sys.exit(int(code))


@contextmanager
def rehearsal_site(path: Path | None, files: tuple[Path, ...], keep: bool) -> Iterator[Site]:
    """A rehearsal site with its cluster; a temporary one goes away unless something went wrong in it."""
    from sensei_tui.rehearsal import launch
    from sensei_tui.site.new import create_site
    from sensei_tui.site.site import Site

    temporary = Path(tempfile.mkdtemp(prefix="sensei-rehearsal-")) if path is None else None
    root = temporary or path
    assert root is not None
    found = Site.open(root) if (root / "site.yaml").is_file() else create_site(root, name="rehearsal", rehearsal=True)
    if files:
        found = found.configure(values=tuple(str(item.resolve()) for item in files))
    if not found.config.rehearsal:
        found = found.configure(rehearsal=True)
    well = False
    try:
        yield found
        well = True
    finally:
        if not keep:
            launch.stop(found.rehearsal_dir)
        if temporary and well and not keep:
            shutil.rmtree(temporary)
        elif temporary:
            note(f"The site is kept in {temporary}")


def _rehearse(site: Site) -> ExitCode:
    from sensei_tui.cli.console import exit_code, print_plan, watch
    from sensei_tui.cli.status import look
    from sensei_tui.deploy.plans import plan_install
    from sensei_tui.deploy.start import start
    from sensei_tui.rehearsal import launch

    if API_KEY not in os.environ:
        os.environ[API_KEY] = FAKE_KEY
        say(f"{API_KEY} is not set: the rehearsal uses the made-up value {FAKE_KEY!r}.")
    say(f"Site: {site.root}")
    running = launch.ensure(site.rehearsal_dir)
    say(f"Simulated cluster: {running.url} (loopback only; no container is started)")
    plan = plan_install(site)
    print_plan(plan, "text")
    view = watch(start(site, plan))
    code = exit_code(view)
    if code is ExitCode.OK:
        say(f"Health: {look(site).headline}")
        say("Done for real: the charts, the Helm engine, the runner and its journal. Simulated: the cluster.")
    return code


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), required=False)
def demo(directory: Path | None) -> None:
    """Open the console on a fresh rehearsal site in DIRECTORY; without a terminal, rehearse headless."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        with rehearsal_site(None, (), keep=False) as found:
            code = _rehearse(found)
        sys.exit(int(code))
    from sensei_tui.cli.tui import open_console
    from sensei_tui.rehearsal import launch
    from sensei_tui.site.new import create_site
    from sensei_tui.site.site import Site

    root = directory or _default_directory()

    site = Site.open(root) if (root / "site.yaml").is_file() else create_site(root, name="rehearsal", rehearsal=True)
    os.environ.setdefault(API_KEY, FAKE_KEY)
    launch.ensure(site.rehearsal_dir)
    open_console(str(site.root))


def _default_directory() -> Path:
    """A new directory below the user's state directory."""
    import platformdirs

    parent = Path(platformdirs.user_state_dir("sensei")) / "demo"
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="site-", dir=parent))
